"""A portal repeats a submission many times within one batch: each repetition is known, and the answer goes out once."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

from aiokafka.structs import ConsumerRecord

import schemas
from pakn.engine.received import Received
from pakn.legal_time import make_legal_time
from schemas import topics
from services.intake.doors.portals import IntakeHandler
from services.intake.registration import Registration
from tests.support.examples import example
from tests.support.packs import VN

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def posted(offset: int) -> Received:
    name = "PortalSubmission"
    envelope = schemas.Envelope("own-1", f"pakn.{name}.v1", name, "/p", NOW, "", "")
    record = ConsumerRecord("t.inbox.cdvcqg", 0, offset, 0, 1, b"k", b"", None, 1, 0, ())
    return Received(envelope, example(name), topics.TopicName.parse(record.topic), 0, offset, NOW, record)


class Known:
    """A store that knows nothing to show, and a reception that knows every submission, of which two feedbacks come of it."""

    def __init__(self) -> None:
        self.feedbacks = [Mock(id=str(number), facts_to_repeat=[Mock()]) for number in range(2)]

    async def receive(self, arrivals: Sequence[Any], **_shares: Any) -> list[Any]:
        return [Registration(self.feedbacks[index % 2], repeated=True) for index, _ in enumerate(arrivals)]

    async def known(self, _ids: object) -> dict[str, Any]:
        return {}

    async def groups(self, ids: Iterable[str]) -> list[list[str]]:
        return [[id] for id in sorted(ids)]

    async def load(self, ids: Iterable[str]) -> dict[str, Any]:
        (wanted,) = ids
        return {wanted: self.feedbacks[int(wanted)]}

    async def project(self, projections: Sequence[Any]) -> None:
        assert not projections


async def test_a_submission_that_comes_again_and_again_is_answered_once_a_batch() -> None:
    """150 repetitions of one, 31 KB in all, brought 300 MB of what its sender had written since, and ended the process."""
    known: Any = Known()
    published: list[list[Any]] = []

    async def publish(facts: Sequence[Any]) -> None:
        published.append([*facts])

    handler = IntakeHandler(VN, known, known, {}, publish, make_legal_time(None))
    outcome = await handler.handle([posted(offset) for offset in range(150)])
    assert outcome.repeated == 150
    assert published == [feedback.facts_to_repeat for feedback in known.feedbacks], "a few feedbacks at a time"
    assert outcome.facts == []
