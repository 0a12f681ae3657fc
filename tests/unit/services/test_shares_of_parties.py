"""What a portal or an agency posts besides submissions has a share of a batch's time, and the others have their turn."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka.structs import ConsumerRecord

import schemas
from pakn.engine.received import Received
from pakn.engine.shares import Shares
from pakn.errors import GiveUp, TryAgain
from pakn.legal_time import make_legal_time
from schemas import Fact, topics
from services.intake.doors.portals import IntakeHandler
from services.intake.reception import SHARE_SECONDS, Refused, Waits
from tests.support.examples import example
from tests.support.packs import VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ACTS = ("PortalSupplement", "PortalRating", "PortalObjection", "ReplyFile")


def act(topic: str, name: str, offset: int) -> Received:
    envelope = schemas.Envelope(f"{topic}-{offset}", f"pakn.{name}.v1", name, "/p", NOW, "", "")
    record = ConsumerRecord(f"t.{topic}", 0, offset, 0, 1, b"k", b"", None, 1, 0, ())
    return Received(envelope, Mock(), topics.TopicName.parse(record.topic), 0, offset, NOW, record)


def posted(topic: str, offset: int) -> Received:
    name = "PortalSubmission"
    return replace(act(topic, name, offset), event=example(name))


class Nothing:
    """A store that knows no feedback, and a reception to which nobody comes."""

    async def receive(self, arrivals: Sequence[Any], **_shares: Any) -> list[Any]:
        assert not arrivals
        return []

    async def known(self, _ids: object) -> dict[str, Any]:
        return {}

    async def project(self, projections: Sequence[Any]) -> None:
        assert not projections


async def nothing_to_tell(facts: Sequence[Fact]) -> None:
    assert not facts


async def handled(batch: Sequence[Received], slow: str, *, refuses: bool = False) -> tuple[list[str], list[str]]:
    """The ids of the acts of a batch that were taken, and of those that wait; one of the topic `slow` takes half a share."""
    now, taken = [0.0], []

    async def take(received: Received, _left: object) -> tuple[list[Any], bool]:
        now[0] += SHARE_SECONDS * 0.6 if received.topic.topic == slow else 0.001
        taken.append(received.envelope.id)
        if refuses:
            raise GiveUp("invalid")
        return [], False

    there: Any = Nothing()
    handler = IntakeHandler(VN, there, there, dict.fromkeys(ACTS, take), nothing_to_tell, make_legal_time(None), lambda: now[0])
    outcome = await handler.handle(batch)
    return taken, [row.envelope.id for row in outcome.waiting]


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("name", ACTS)
async def test_a_party_whose_acts_take_long_leaves_the_others_their_turn(name: str, refuses: bool) -> None:
    """Only submissions had a share: an agency's large files kept every portal waiting until all were looked into."""
    slow, other = ("files.slow", "inbox.b") if name == "ReplyFile" else ("inbox.slow", "files.b")
    batch = [act(slow, name, offset) for offset in range(4)] + [act(other, ACTS[0], offset) for offset in range(3)]
    taken, waiting = await handled(batch, slow, refuses=refuses)
    assert taken == [f"{slow}-0", f"{slow}-1", f"{other}-0", f"{other}-1", f"{other}-2"]
    assert waiting == [f"{slow}-2", f"{slow}-3"]
    assert await handled(batch[2:], slow) == ([f"{slow}-2", f"{slow}-3", *taken[2:]], [])


async def test_submissions_and_acts_of_a_portal_have_one_share_together() -> None:
    """Each kind had one of its own, so that one portal held up all others twice as long."""
    now = [0.0]
    taken: list[str] = []

    class Slow(Nothing):
        async def receive(self, arrivals: Sequence[Any], shares: Shares | None = None, **_: Any) -> list[Any]:
            assert shares is not None
            for arrival in arrivals:
                with shares.taking(arrival.portal):
                    now[0] += SHARE_SECONDS * 1.2
            return [Waits(TryAgain("its files wait")) for _ in arrivals[1:]] + [Refused(())]

    async def take(received: Received, _left: object) -> tuple[list[Any], bool]:
        now[0] += SHARE_SECONDS * 0.6
        taken.append(received.envelope.id)
        return [], False

    there: Any = Slow()
    made = IntakeHandler(VN, there, there, dict.fromkeys(ACTS, take), nothing_to_tell, make_legal_time(None), lambda: now[0])
    batch = [act("inbox.slow", "PortalSupplement", offset) for offset in range(3)]
    batch += [posted("inbox.slow", 3), act("inbox.b", "PortalRating", 0), act("inbox.b", "PortalRating", 1)]
    outcome = await made.handle(batch)
    assert taken == ["inbox.slow-0", "inbox.b-0", "inbox.b-1"], "one act goes on, so that it does not wait for ever"
    assert [row.envelope.id for row in outcome.waiting] == ["inbox.slow-1", "inbox.slow-2"]


def test_a_share_is_of_one_party_and_its_first_piece_of_work_never_waits() -> None:
    clock = count()
    shares = Shares(0, lambda: next(clock))
    assert not shares.is_used_up("a")
    with shares.taking("a"):
        pass
    assert (shares.is_used_up("a"), shares.is_used_up("b")) == (True, False)


def test_what_fails_is_counted_too() -> None:
    """A record that takes long to refuse costs the others as much as one that is taken."""
    clock = count()
    shares = Shares(0.5, lambda: next(clock))
    with pytest.raises(GiveUp), shares.taking("a"):
        raise GiveUp("invalid")
    assert shares.is_used_up("a")
