"""Plays the demo: servers, services as `pakn up` runs them, requests day by day on a scaled clock, and the count at the end.

One pack after the other; each has a namespace of its own on the same servers.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from pakn.demo import results
from pakn.demo.audit import Report
from pakn.demo.gateway import SmsGateway
from pakn.demo.mailbox import Mailbox
from pakn.demo.requests import DemoRequest, read_requests, require_calendar
from pakn.demo.scene import Scene
from pakn.demo.timekeeper import Timekeeper
from pakn.local import stack
from pakn.local.launcher import Servers
from pakn.packs.load import PACKS, Pack, load_pack


async def play(
    *, packs: Sequence[str], requests: Path | None, limit: int, report: Path | None, days: int, keep: bool, folder: Path
) -> int:
    """Play each pack and print what came of it. Returns the exit code: 1 when anything was lost or doubled.

    Raises ValueError when a file of requests cannot be used, PackError, CannotStart.
    """
    console = Console()
    chosen = list(packs) or sorted(file.parent.name for file in PACKS.glob("*/requests_sample.*"))
    loaded = [(load_pack(name), requests or _sample(name)) for name in chosen]
    plays = [(pack, read_requests(file, pack, limit)) for pack, file in loaded]
    for pack, wanted in plays:
        require_calendar(pack, wanted, days)
    reports: dict[str, Report] = {}
    with Servers.start(folder / "servers", fresh=True) as servers:
        console.print(servers.description, highlight=False, soft_wrap=True)
        async with contextlib.AsyncExitStack() as kept:
            for pack, wanted in plays:
                async with contextlib.AsyncExitStack() as scope:
                    scene = await scope.enter_async_context(_scene(pack, wanted, folder, servers, console))
                    reports[pack.id] = await scene.play(days)
                    results.show(console, reports[pack.id], scene, keep)
                    if keep:
                        kept.push_async_callback(scope.pop_all().aclose)
            if report:
                _write(report, reports[chosen[0]] if len(chosen) == 1 else reports)
            if keep:
                console.print("Everything goes on running; Ctrl-C ends it.")
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            else:
                console.print("`make demo KEEP=1` leaves everything running, and says which pages can be opened.", highlight=False)
    return 1 if any(row["lost"] or row["doubled"] for row in reports.values()) else 0


def _write(file: Path, report: Report) -> None:
    file.write_text(json.dumps(report, indent=1, ensure_ascii=False))


def _sample(pack: str) -> Path:
    folder = PACKS / pack if (PACKS / pack).is_dir() else Path(pack)
    found = sorted(folder.glob("requests_sample.*"))
    if not found:
        raise ValueError(f"pack {pack} brings no sample of requests; name a file with --requests")
    return found[0]


@contextlib.asynccontextmanager
async def _scene(pack: Pack, requests: list[DemoRequest], folder: Path, servers: Servers, console: Console) -> AsyncIterator[Scene]:
    home = folder / pack.id
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    clock_file = home / "clock.jsonl"
    zone = ZoneInfo(pack.header.timezone)
    start = datetime.combine(requests[0].submitted_at.astimezone(zone).date(), datetime.min.time(), zone)
    timekeeper = Timekeeper(clock_file, start, zone)
    mailbox, gateway = Mailbox(home / "letters"), SmsGateway(home / "texts")
    environment = {
        "PAKN_NAMESPACE": f"demo-{pack.id}",
        "PAKN_PACK": pack.id,
        "PAKN_LEGAL_TIME__FILE": str(clock_file),
        "PAKN_SMTP__HOST": "127.0.0.1",
        "PAKN_SMTP__PORT": str(mailbox.port),
        "PAKN_DEADLINES__GRACE_SECONDS": "0",
        "PAKN_DEADLINES__TICK_SECONDS": "0.5",
        "PAKN_NOTIFY__TICK_SECONDS": "1",
        "PAKN_NOTIFY__BATCH": "400",
        "PAKN_SMTP__CONNECTIONS": "16",
        "PAKN_NOTIFY__LEASE_SECONDS": "10",
        "PAKN_INTAKE__SWEEP_SECONDS": "1",
        # Its people type no slower than a program.
        "PAKN_INTAKE__FORM_SECONDS": "0",
        # Years of letters go to few addresses within minutes.
        "PAKN_NOTIFY__LETTERS_PER_ADDRESS": "0",
        "PAKN_NOTIFY__LETTERS_PER_UNCONFIRMED": "0",
    } | gateway.environment
    with mailbox, gateway:
        async with stack.running(servers, folder, environment, home / "logs") as running:
            scene = Scene(pack, requests, running, timekeeper, mailbox, gateway, home, console)
            try:
                await scene.start()
                yield scene
            finally:
                await scene.stop()
