"""What the lifecycle says is shown and told before anything that a portal or an agency posts has its share of the time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka.structs import ConsumerRecord

import schemas
from pakn.engine.received import Received
from pakn.errors import TryAgain
from pakn.legal_time import make_legal_time
from schemas import Fact, topics
from services.intake.doors.portals import IntakeHandler
from services.intake.portal_news import PortalCase
from services.intake.store import Known
from tests.support.packs import VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CASE = PortalCase(schemas.derived_id("f", "feedback"), "PAKN.20260302.0001", "b", "s")


def received(topic: str, name: str, event: Any, offset: int) -> Received:
    envelope = schemas.Envelope(f"{name}-{offset}", f"pakn.{name}.v1", name, "/p", NOW, "f", "")
    record = ConsumerRecord(f"t.{topic}", 0, offset, 0, 1, b"k", b"", None, 1, 0, ())
    return Received(envelope, event, topics.TopicName.parse(record.topic), 0, offset, NOW, record)


class World:
    """A store with one case, a reception and Kafka, each of which notes what it was asked for, in order."""

    def __init__(self, failures: int = 0) -> None:
        self.order: list[str] = []
        self._failures = failures

    async def known(self, _ids: object) -> dict[str, Known]:
        return {"f": Known({}, (), CASE)}

    async def project(self, projections: Sequence[Any]) -> None:
        self.order += [f"show {step.type}" for projection in projections for step in projection.steps]

    async def publish(self, facts: Sequence[Fact]) -> None:
        self.order += [f"tell {fact.name}" for fact in facts]

    async def note(self, facts: Sequence[Fact]) -> None:
        self.order += [f"note {fact.name}" for fact in facts]

    async def receive(self, arrivals: Sequence[Any], **_shares: Any) -> list[Any]:
        assert not arrivals
        if self._failures:
            self._failures -= 1
            raise TryAgain("others registered at this moment")
        return []

    async def take(self, _received: Received, _left: object) -> tuple[list[Fact], bool]:
        self.order.append("take")
        return [], False


def handler(world: World) -> IntakeHandler:
    there: Any = world
    return IntakeHandler(VN, there, there, {"ReplyFile": world.take}, world.publish, make_legal_time(None))


ACCEPTED = schemas.FeedbackAccepted(
    feedback_id=CASE.feedback_id, code=CASE.code, agency="gia-lai", unit=None, actor="an", accepted_at=NOW
)
BATCH = [received("files.slow", "ReplyFile", Mock(), 0), received("feedback", "FeedbackAccepted", ACCEPTED, 1)]


async def test_what_citizens_are_shown_and_portals_hear_waits_for_no_act_of_the_batch() -> None:
    """Each agency's slow files, ten seconds of them, kept every citizen and every portal from the news of all cases."""
    world = World()
    outcome = await handler(world).handle(BATCH)
    assert world.order == ["show FeedbackAccepted", "tell SubmissionProgressed", "take"]
    assert outcome.facts == []


async def test_a_try_that_fails_afterwards_tells_portals_once() -> None:
    world = World(failures=1)
    tried = handler(world)
    with pytest.raises(TryAgain):
        await tried.handle(BATCH)
    await tried.handle(BATCH)
    assert world.order.count("tell SubmissionProgressed") == 1


async def test_what_portals_hear_is_noted_for_those_that_are_told_by_open311_before_it_is_published() -> None:
    """After a crash between the two the fact comes again, and is noted once by its id; the other way round it would be lost."""
    world = World()
    there: Any = world
    told = IntakeHandler(VN, there, there, {}, world.publish, make_legal_time(None), note=world.note)
    await told.handle(BATCH)
    assert world.order == ["show FeedbackAccepted", "note SubmissionProgressed", "tell SubmissionProgressed"]
