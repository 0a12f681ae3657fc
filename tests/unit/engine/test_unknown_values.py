"""A consumer passes over what it does not know: an event, a rule, a unit, a channel, a state of a later version of PAKN.

A record without a value in the topic of contacts is a tombstone; it is passed over too, but by who asks for tombstones.
"""

import json
import re
from datetime import UTC, date, datetime
from typing import Any, ClassVar, cast
from unittest.mock import Mock

import jinja2
import pytest

import schemas
from pakn.engine.kafka import Record
from pakn.engine.received import Received, Tombstone
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.packs.load import PACKS
from pakn.settings import Settings
from schemas import FeedbackSubmitted
from schemas.day_count import DayCount, UnusualDay
from services.deadlines.replay.replay import Replay
from services.intake import shown
from services.notify import domain as notify
from services.routing import domain as routing
from tests.support.examples import clock_change, example
from tests.support.packs import VN

NOW = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)


class FeedbackMerged(schemas.Event):
    """An event that only a later PAKN knows."""

    stars: int = 4


class FeedbackRatedV2(FeedbackMerged):
    """A second major version of an event."""

    version: ClassVar[str] = "2.0"


def record(event: schemas.Event, **changes: Any) -> Record:
    """The event as it stands in the lifecycle topic, with `changes` of its data."""
    fact = schemas.fact(event, cause="c", subject="s", time=NOW, source="/later")
    headers = tuple((name, value.encode()) for name, value in fact.headers().items())
    data = json.dumps(json.loads(fact.data) | changes).encode()
    return cast(Record, Mock(topic="t.feedback", partition=0, offset=0, timestamp=0, key=b"s", value=data, headers=headers))


def tombstone(key: bytes, topic: str = "t.contacts", headers: Any = ()) -> Record:
    found = Mock(topic=topic, partition=2, offset=7, timestamp=0, key=key, value=None, headers=headers)
    return cast(Record, found)


def turn(*wanted: str) -> Turn:
    return Turn(Settings(namespace="t"), "notify", Mock(), Mock(), frozenset(wanted), Mock())


def received(name: str, **changes: Any) -> Received:
    found = turn(name).parse(record(example(name), **changes))
    assert found is not None
    return found


def clocks_set(*rules: str) -> Received:
    """One fact that sets a clock of each rule, with fields and a list that only a later PAKN knows."""
    (clock,) = clock_change("set").model_dump(mode="json")["set"]
    clocks = [clock | {"rule": rule, "clock_id": rule, "due_at": "2027-01-01T00:00:00Z", "added": 1} for rule in rules]
    return received("DeadlinesChanged", set=clocks, met=[], cancelled=[], suspended=[clock], because="court")


def letters(found: Received) -> notify.News:
    return notify.follow(VN.letters, "1", found.envelope, found.event, NOW)


def test_two_major_versions_of_an_event_are_read_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old records stay in the topic for ever, so whoever reads a second version reads the first one too."""
    monkeypatch.setitem(schemas.CATALOGUE, FeedbackRatedV2.type_name(), FeedbackRatedV2)
    both = turn("FeedbackRated", "FeedbackRatedV2")
    found = [both.parse(row) for row in (record(example("FeedbackRated")), record(FeedbackRatedV2()))]
    assert [(row.envelope.type, row.envelope.name, type(row.event).__name__) for row in found if row] == [
        ("pakn.FeedbackRated.v1", "FeedbackRated", "FeedbackRated"),
        ("pakn.FeedbackRated.v2", "FeedbackRated", "FeedbackRatedV2"),
    ]


@pytest.mark.parametrize("registered", [True, False])
def test_a_major_version_that_a_consumer_does_not_read_is_given_up(registered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed over, a fact that the consumer must act on would be lost in silence."""
    if registered:
        monkeypatch.setitem(schemas.CATALOGUE, FeedbackRatedV2.type_name(), FeedbackRatedV2)
    with pytest.raises(GiveUp, match=r"pakn\.FeedbackRated\.v2") as caught:
        turn("FeedbackRated").parse(record(FeedbackRatedV2()))
    assert caught.value.reason == "unknown_schema"
    assert turn("ReplyPublished").parse(record(FeedbackRatedV2())) is None, "whoever wants no version of it passes it over"


def test_an_event_that_nobody_knows_is_passed_over_in_the_lifecycle_topic() -> None:
    wanted = (model.__name__ for model in schemas.CATALOGUE.values())
    assert turn(*wanted).parse(record(FeedbackMerged())) is None


def test_an_invented_rule_changes_nothing_that_a_citizen_is_told() -> None:
    """The sender hears of the limit for the reply, and of no other."""
    assert letters(clocks_set("handle_reply")) != notify.News()
    found = clocks_set("mediate")
    assert letters(found) == notify.News()
    assert shown.view_changes(found.envelope.name, found.event) == {}


def test_an_invented_reason_does_not_hide_the_day_of_the_reply() -> None:
    found = received("DeadlineMoved", because="court")
    assert letters(found).case["deadline"]["due_date"] == "2026-11-27"
    assert str(shown.view_changes(found.envelope.name, found.event)["due"].date) == "2026-11-27"


@pytest.mark.parametrize("name", ["vn", "la311"])
def test_a_letter_leaves_out_a_count_in_a_unit_that_its_words_do_not_know(name: str) -> None:
    """The letter was given up as failed, and an unknown kind of day was told as None."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(PACKS / name / "letters"), undefined=jinja2.StrictUndefined)
    unusual = UnusualDay(date=date(2026, 11, 24), kind="eclipse")
    count = DayCount(started_on=date(2026, 11, 5), limit=3, unit="weeks", unusual=(unusual,))
    for file in sorted((PACKS / name / "letters").glob("_words.*")):
        said = environment.get_template(file.name).module.count(count, date(2026, 11, 26))
        assert re.fullmatch(r"26/11/2026|11/26/2026", said.strip()), said


def test_a_replay_counts_an_invented_rule_by_itself() -> None:
    result = Replay(NOW)
    found = clocks_set("mediate", "handle_reply")
    result.take(found.envelope, found.event)
    assert result.counts() == {"mediate": {"open": 1}, "handle_reply": {"open": 1}}
    assert result.unreadable == 0


def test_a_feedback_by_an_invented_channel_is_assigned_and_answered_like_any_other() -> None:
    found = received("FeedbackSubmitted", channel="radio", submitter_type="cooperative")
    assert isinstance(found.event, FeedbackSubmitted)
    case, facts = routing.assign_feedback(VN, found.event, routing.Cause("c", NOW))
    assert (case.feedback.channel, [fact.name for fact in facts]) == ("radio", ["FeedbackAssigned"])
    assert [letter.moment for letter in letters(found).letters] == ["received"]


def test_a_state_that_a_reader_does_not_know_is_a_valid_answer() -> None:
    seen = {"code": "PAKN.20260302.0001", "state": "mediated", "category": "khac", "submitted_at": NOW, "timeline": []}
    assert shown.ShownFeedback.model_validate(seen).state == "mediated"


def test_a_tombstone_needs_no_envelope_and_names_its_key() -> None:
    """Kafka's own tools erase a key without any header; such a record once ended as a dead letter and erased nothing."""
    received = turn("Tombstone").parse(tombstone(b"case-1"))
    assert received is not None
    assert isinstance(received.event, Tombstone)
    assert (received.envelope.name, received.envelope.subject) == ("Tombstone", "case-1")
    assert received.envelope.id == "t.contacts/2/7"


def test_a_tombstone_with_a_key_that_is_no_text_is_given_up() -> None:
    with pytest.raises(GiveUp, match="not UTF-8"):
        turn("Tombstone").parse(tombstone(b"\xff"))


def test_a_tombstone_is_no_event_for_who_did_not_ask_for_it() -> None:
    headers = record(example("ContactRecorded")).headers
    assert turn("ContactRecorded").parse(tombstone(b"case-1", headers=headers)) is None
    with pytest.raises(GiveUp, match="is not one that feedback carries"):
        turn("ContactRecorded", "Tombstone").parse(tombstone(b"case-1", topic="t.feedback", headers=headers))
