"""The SMS gateway of the demo: an HTTP server that keeps each text message as a file and counts them by their id."""

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, Self

# How notify is to ask it.
BODY: Final = '{"to": {{ to | tojson }}, "text": {{ text | tojson }}, "id": {{ id | tojson }}, "parts": {{ parts }}}'
_TAKEN: Final = b'{"accepted": true}'


class SmsGateway:
    """Everything that was handed over. `counts` has the number of copies by id, `parts` what all of them together are charged as.

    It takes texts, in threads of its own, while its block runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.parts = 0
        self._lock = Lock()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self) -> None:
                gateway._keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", str(len(_TAKEN)))
                self.end_headers()
                self.wfile.write(_TAKEN)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which notify hands texts over to it."""
        url = f"http://127.0.0.1:{self._server.server_port}/"
        bounds = {"PAKN_SMS__TEXTS_PER_NUMBER": "0", "PAKN_SMS__PARTS_PER_DAY": "0"}
        return {"PAKN_SMS__URL": url, "PAKN_SMS__BODY": BODY, "PAKN_SMS__ACCEPTED": "^200 .*true"} | bounds

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _keep(self, text: dict[str, Any]) -> None:
        with self._lock:
            self.counts[text["id"]] += 1
            self.parts += text["parts"]
            (self.folder / f"{text['id']}.{self.counts[text['id']]}.txt").write_text(f"{text['to']}\n{text['text']}\n")
