"""The page of the HTTP interface in a real browser: it is drawn under its strict policy, and asks no other host."""

import asyncio
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from pakn.settings import IntakeSettings, Settings
from services.intake.app import build_app
from tests.support.serving import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Without them the browser asks its maker's hosts on its own account.
QUIET = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


async def opened(address: str, folder: Path) -> tuple[str, set[str]]:
    """The page as it is drawn, and every host that the page asked for."""
    log = folder / "net.json"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *QUIET]
    command += [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--virtual-time-budget=20000"]
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    running = await asyncio.create_subprocess_exec(*command, "--dump-dom", address, stdout=pipe, stderr=nowhere)
    try:
        page, _ = await asyncio.wait_for(running.communicate(), 90)
    except TimeoutError:
        running.kill()
        raise
    events = json.loads(log.read_text())["events"]
    # Of requests that the browser makes for itself none has the page as its initiator.
    asked = [event["params"] for event in events if "initiator" in event.get("params", {}) and "url" in event["params"]]
    hosts = {urlsplit(row["url"]).netloc for row in asked if row["initiator"] == address.rpartition("/schema")[0]}
    return page.decode(), hosts


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")
async def test_the_interface_is_drawn_without_another_host_and_offers_nothing_to_send(tmp_path: Path) -> None:
    """Where the policy forbade what Swagger UI needs, the page stayed empty."""
    app = build_app(Settings(intake=IntakeSettings(secret_key=SecretStr("nothing is signed with this secret key")))).app
    async with serving(app) as address:
        page, hosts = await opened(f"{address}/schema", tmp_path)
    assert "submitFeedback" in page
    assert "/open311/v2/requests" in page
    assert "Try it out" not in page
    assert "Authorize" not in page
    assert hosts == {urlsplit(address).netloc}
