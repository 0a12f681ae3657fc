"""The four services as processes of their own, as in operation, with the outside world around them, for faults and journeys.

`Deployment` reads public interfaces only: HTTP, topics and the mailbox; `tests/faults/` also looks into the stores at the end.
"""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from pakn.demo.mailbox import Mailbox
from pakn.legal_time import from_now_on
from pakn.local.child_process import free_ports
from pakn.local.launcher import Servers
from pakn.local.stack import Stack, running
from tests.support import packs
from tests.support.outside_world import GOOD, until
from tests.support.system import FAR, SECRET_KEY, START, World, owns


class Deployment(World):
    """A stack of processes in a namespace of its own. `http` is the citizens' side."""

    def __init__(self, stack: Stack, servers: Servers, mailbox: Mailbox) -> None:
        super().__init__(stack.settings)
        self.stack, self.servers, self.mailbox = stack, servers, mailbox
        self.http = httpx.AsyncClient(base_url=stack.urls["intake"], timeout=20)
        self._more: list[asyncio.subprocess.Process] = []

    async def __aexit__(self, *_: object) -> None:
        for process in self._more:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        await self.http.aclose()
        await super().__aexit__()

    def kill(self, name: str) -> None:
        """End a service as a power cut would; the supervisor starts it again."""
        os.kill(self.stack.supervisor.pid(name), signal.SIGKILL)

    def most_memory(self, name: str) -> int:
        """The most memory that the process of a service has held so far, in kilobytes."""
        status = Path(f"/proc/{self.stack.supervisor.pid(name)}/status").read_text()
        return int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1])

    async def start_another(self, name: str) -> None:
        """Start one more instance of a service and return when it owns partitions."""
        port = free_ports(1)[0]
        log = (self.clock_file.parent / f"{name}-{port}.log").open("ab")
        environment = {**self.stack.environment, **self.stack.own[name], "PAKN_HTTP__PORT": str(port)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pakn", "run", name, env=environment, stdout=log, stderr=log
        )
        log.close()
        self._more.append(process)
        await until(lambda: owns(self.http, f"http://127.0.0.1:{port}"), f"another {name} is ready", 60)

    async def status(self) -> dict[str, Any]:
        """What each service says of itself, for the message of a test that waits in vain."""
        found: dict[str, Any] = {}
        for name, url in self.stack.urls.items():
            with contextlib.suppress(httpx.TransportError):
                found[name] = (await self.http.get(f"{url}/ready")).json()
        return found

    async def all_ready(self) -> None:
        """Wait until every service is connected and owns partitions."""
        for name, url in self.stack.urls.items():
            await until(partial(owns, self.http, url), f"{name} is ready", 60)

    async def submit(self, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        """Submit as a careful client does: again with the same key until there is an answer."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}

        async def answered() -> dict[str, Any]:
            with contextlib.suppress(httpx.TransportError):
                answer = await self.http.post("/v1/feedback", json=GOOD | more, headers=headers)
                if answer.status_code < 500:
                    assert answer.status_code in (200, 201), answer.text
                    body: dict[str, Any] = answer.json()
                    return body
            return {}

        return await until(answered, "a submission is answered", 180)

    async def submit_many(self, count: int) -> list[str]:
        """Submit, sixteen at a time; the ids of all feedbacks."""
        several = asyncio.Semaphore(16)

        async def one() -> str:
            async with several:
                return str((await self.submit())["feedback_id"])

        return list(await asyncio.gather(*(one() for _ in range(count))))

    async def sees_more(self, name: str, count: int) -> None:
        """Wait for `count` more of these facts, so that whoever makes them is in the middle of its work."""
        before = len(self.observer.found(name, topic="feedback"))
        await until(lambda: len(self.observer.found(name, topic="feedback")) > before + count, f"{count} more {name}")


@contextlib.asynccontextmanager
async def deployed(servers: Servers, folder: Path, **settings: str) -> AsyncIterator[Deployment]:
    """Run everything until the block ends; `settings` are more variables of the services' environment."""
    clock_file, mailbox = folder / "clock", Mailbox(folder / "mail")
    from_now_on(clock_file, legal=START, rate=0, until=FAR)
    environment = {
        "PAKN_NAMESPACE": f"t{uuid.uuid4().hex[:10]}",
        "PAKN_PACK": str(packs.FOLDER),
        "PAKN_KAFKA__PARTITIONS": "4",
        # A process that was killed keeps its partitions for so long.
        "PAKN_KAFKA__SESSION_SECONDS": "3",
        "PAKN_LEGAL_TIME__FILE": str(clock_file),
        "PAKN_SMTP__HOST": "127.0.0.1",
        "PAKN_SMTP__PORT": str(mailbox.port),
        "PAKN_INTAKE__SECRET_KEY": SECRET_KEY,
        "PAKN_INTAKE__SWEEP_SECONDS": "1",
        "PAKN_NOTIFY__LETTERS_PER_ADDRESS": "0",
        "PAKN_NOTIFY__LETTERS_PER_UNCONFIRMED": "0",
        "PAKN_DEADLINES__TICK_SECONDS": "0.2",
        "PAKN_DEADLINES__GRACE_SECONDS": "0",
        "PAKN_NOTIFY__TICK_SECONDS": "0.2",
        "PAKN_NOTIFY__LEASE_SECONDS": "4",
        "PAKN_NOTIFY__BACKOFF_SECONDS": "0.5",
        "PAKN_LOG__LEVEL": "WARNING",
    } | settings
    with mailbox:
        async with (
            running(servers, folder, environment, logs=folder / "logs") as stack,
            Deployment(stack, servers, mailbox) as deployment,
        ):
            await deployment.all_ready()
            yield deployment
