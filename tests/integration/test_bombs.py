"""Records that are small on the way and large in memory cost their sender a dead letter, and nobody else anything."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from pakn.local.launcher import Servers
from tests.support.deployment import Deployment, deployed
from tests.support.outside_world import GOOD, lines, until
from tests.support.raw_batches import NONE, ZSTD, RawSender, batch, bomb

_MB = 1024
# The client library holds a dead letter of 8 MB, the largest that there is, a dozen times while it sends it.
MOST_MORE = 200 * _MB


@pytest.fixture(scope="module")
async def deployment(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    async with deployed(servers, tmp_path_factory.mktemp("bombs")) as made:
        yield made


def unfolds_to(kind: str) -> list[bytes]:
    """The batches of one attack."""
    headers = lines("PortalSubmission", "bomb")
    match kind:
        case "600 MB of zstd":
            raw = bomb(600)
            assert len(raw) < 70_000
            return [raw]
        case "many batches that each keep the limit":
            return [batch([(b"k", bytes(15 * 1024 * 1024), headers)], ZSTD)] * 60
        case "millions of headers":
            return [batch([(b"k", b"{}", [("", None)] * 3_000_000)], NONE)]
        case _:
            return [batch([(b"k", b'{"title": [' + b"[]," * 2_500_000 + b"[]]}", headers)], ZSTD)]


@pytest.mark.parametrize(
    "kind", ["600 MB of zstd", "many batches that each keep the limit", "millions of headers", "8 MB of empty lists"]
)
async def test_a_record_that_unfolds_costs_nobody_but_its_sender(deployment: Deployment, kind: str) -> None:
    """19 KB became 600 MB, twice: intake was killed again and again, and the citizens' pages with it."""
    pid = deployment.stack.supervisor.pid("intake")
    before, mark, seen = deployment.most_memory("intake"), uuid.uuid4().hex[:6], len(deployment.observer.found(topic="dead.intake"))
    batches = unfolds_to(kind)
    portals = ("hcm-1022", "cdvcqg", "danang-1022")
    await asyncio.gather(*(deployment.post.portal(portal, GOOD, f"{mark}-{portal}-before") for portal in portals))
    async with RawSender(deployment.settings) as sender:
        for raw in batches:
            assert await sender.send("inbox.hcm-1022", raw) == 0
    await asyncio.gather(*(deployment.post.portal(portal, GOOD, f"{mark}-{portal}-after") for portal in portals))
    for portal in portals:
        for when in ("before", "after"):
            own_id = f"{mark}-{portal}-{when}"
            found = await deployment.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=own_id)
            assert len(found) == 1
    assert deployment.stack.supervisor.pid("intake") == pid, "the same process went on"
    assert (await deployment.http.get("/live")).status_code == 200
    letters = await until(
        lambda: found if len(found := deployment.observer.found(topic="dead.intake")[seen:]) >= len(batches) else [], "the letters"
    )
    assert len(letters) == len(batches), "one for each, with its own place"
    assert len({letter.headers["origin"] for letter in letters}) == len(batches)
    place = f"{deployment.settings.namespace}.inbox.hcm-1022/0/"
    assert all(letter.headers["origin"].startswith(place) for letter in letters)
    assert all(len(letter.value or b"") <= 8 * 1024 * 1024 for letter in letters), "what was unfolded beyond a topic's limit stays"
    if kind in ("600 MB of zstd", "millions of headers"):
        assert [(letter.headers["reason"], letter.value) for letter in letters] == [("unreadable", b"")]
        assert "more than" in letters[0].headers["original-unreadable-batch"]
    more = deployment.most_memory("intake") - before
    assert more < MOST_MORE, f"{more / _MB:.0f} MB more than {before / _MB:.0f} MB"
