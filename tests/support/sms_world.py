"""An SMS gateway that misbehaves on demand, and notify's parts that send texts to it, for the tests of text messages.

`tests/integration/conftest.py` makes fixtures of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from pakn.gateways import SmsSettings
from pakn.packs.load import Pack
from pakn.settings import Settings
from services.notify.channels.sms import Sms
from services.notify.mailer import Mailer
from tests.support.mail_world import Notify
from tests.support.packs import VN

BODY = '{"to": {{ to | tojson }}, "text": {{ text | tojson }}, "id": {{ id | tojson }}}'
_BY_TEXT = ("received", "more_requested", "reply_published")
_WORDS = "Phản ánh {{ feedback.code }}: {{ links.lookup }}{{ sender.name }}{{ feedback.title }}{{ event.reply or '' }}"
Answer = tuple[int, str] | None


def with_texts(pack: Pack) -> Pack:
    """The pack with a text message beside the letter for the three moments that the law names."""
    moments = dict(pack.letters.moments)
    for moment in _BY_TEXT:
        moments[moment] = moments[moment].model_copy(update={"channels": ("email", "sms")})
    words = {moment: _WORDS if moment == "reply_published" else _WORDS.partition("{{ event")[0] for moment in _BY_TEXT}
    texts = {f"{moment}.{language}.sms.txt.j2": words[moment] for moment in _BY_TEXT for language in pack.header.languages}
    letters = pack.letters.model_copy(update={"moments": moments, "phone_region": "VN"})
    return pack.model_copy(update={"letters": letters, "templates": {**pack.templates, **texts}})


TEXTS = with_texts(VN)


class SmsGateway:
    """A real HTTP server. `texts` has each one that it read in full; tests replace `on_text` and `before` to misbehave."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.heads: list[str] = []
        # The status and the body of the answer; None: the connection is lost without one.
        self.on_text: Callable[[dict[str, Any]], Answer] = lambda _: (200, '{"code": "100"}')
        # What is waited for between the request and the answer.
        self.before: Callable[[], Awaitable[object]] | None = None

    def ids(self) -> list[str]:
        return [text["id"] for text in self.texts]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
        text = json.loads(await reader.readexactly(int(lengths[0])))
        self.heads.append(head)
        self.texts.append(text)
        if self.before:
            await self.before()
        answer = self.on_text(text)
        if answer is None:
            assert isinstance(writer.transport, asyncio.WriteTransport)
            writer.transport.abort()
            return
        status, body = answer
        data = body.encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        writer.close()

    @asynccontextmanager
    async def listening(self, port: int = 0, **options: Any) -> AsyncIterator[int]:
        """Listen on this port or a free one; `options` are those of asyncio's server."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, **options)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()


def gateway_settings(port: int, host: str = "127.0.0.1", scheme: str = "http", **changes: Any) -> SmsSettings:
    known: dict[str, Any] = {"url": SecretStr(f"{scheme}://{host}:{port}/send"), "body": SecretStr(BODY), "parts_per_day": 0}
    known |= {"retry": '^429|"busy"', "refused": '^4|"code": "(?P<code>99)"', "accepted": '^200 .*"code": "100"'}
    return SmsSettings(**known | {"timeout_seconds": 10, "texts_per_number": 0} | changes)


class TextNotify(Notify):
    """Notify's parts, of which `mailer` sends texts; `port` is the gateway's, `mail_port` that of a mail server for `mail`."""

    def __init__(self, settings: Settings, port: int, mail_port: int = 1, *, mail: bool = False, **changes: Any) -> None:
        self.sms = gateway_settings(port, **changes)
        self.texts: list[Sms] = []
        super().__init__(settings, mail_port, TEXTS, frozenset({"email", "sms"} if mail else {"sms"}))
        self.mail = super().new_mailer()

    def new_mailer(self) -> Mailer:
        gateway = self.sms.gateway
        assert gateway
        channel = Sms(self.composer, self.sms, gateway, "VN", 30)
        self.texts.append(channel)
        return self.mailer_of(channel, f"texts-{id(channel)}")

    async def __aexit__(self, *error: object) -> None:
        for channel in self.texts:
            await channel.close()
        await super().__aexit__(*error)
