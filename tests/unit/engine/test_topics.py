"""The names of topics, and who reads which."""

from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from pakn import links
from pakn.engine.turn import Turn
from pakn.errors import GiveUp
from pakn.settings import Settings
from schemas import topics
from schemas.envelope import binary_headers
from schemas.topics import TopicName

SPECS = topics.all_topics(["gia-lai", "bo.y-te"], ["cdvcqg"])


@given(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), st.sampled_from(SPECS))
def test_a_name_that_is_put_together_comes_apart_again(namespace: str, spec: topics.TopicSpec) -> None:
    """An agency's id may hold dots, and a namespace looks like a family: both were taken apart in five places."""
    name = TopicName.parse(f"{namespace}.{spec.name}")
    assert (name.namespace, name.topic) == (namespace, spec.name)


@pytest.mark.parametrize("service", topics.SERVICES)
def test_a_service_reads_every_topic_of_its_families_and_no_other(service: topics.ServiceName) -> None:
    read = topics.read_by(service, ["gia-lai", "bo.y-te"], ["cdvcqg"])
    assert {name.partition(".")[0] for name in read} == set(topics.READS[service])
    assert len([name for name in read if name.startswith("actions.")]) == (2 if service == "routing" else 0)


def test_one_service_alone_reads_what_agencies_do() -> None:
    """Deadlines fires no timer before the reader of the actions has committed them: with two readers it could not know."""
    assert topics.reader_of(topics.ACTIONS) == "routing"
    with pytest.raises(ValueError, match="too many values"):
        topics.reader_of(topics.FEEDBACK)


def test_programs_are_led_to_the_interface_and_readers_of_letters_to_the_page() -> None:
    assert links.feedback("https://pakn.example/", "PAKN.20261126.0001") == "https://pakn.example/v1/feedback/PAKN.20261126.0001"
    assert links.page("https://pakn.example", "A") == "https://pakn.example/follow/A"
    assert links.page("https://pakn.example/", "A", "s/+") == "https://pakn.example/follow/A/open?secret=s%2F%2B"


@pytest.mark.parametrize("family", [topics.FEEDBACK, topics.CONTACTS, topics.INBOX, topics.ACTIONS])
@pytest.mark.parametrize("type", sorted(schemas.CATALOGUE))
def test_a_topic_carries_its_own_events_and_no_other_whoever_reads_it(family: str, type: str) -> None:
    """A portal posted a ReplyPublished into its inbox, and the public read it as the official answer."""
    event = schemas.CATALOGUE[type].event_name()
    everything = frozenset(model.__name__ for model in schemas.CATALOGUE.values())
    turn = Turn(Settings(namespace="t"), "intake", Mock(), Mock(), everything, Mock())
    value = (Path(schemas.__file__).parent / "examples" / f"{event}.json").read_bytes()
    made = binary_headers(id="1", type=type, source="/x", time=datetime(2026, 11, 26, tzinfo=UTC), subject="s")
    headers = tuple((name, text.encode()) for name, text in made.items())
    times = {"timestamp": 0, "timestamp_type": 1}
    record = Mock(topic=f"t.{family}.x", partition=0, offset=0, **times, key=b"s", value=value, headers=headers)
    if event in topics.EVENTS[family]:
        found = turn.parse(record)
        assert found is not None
        assert found.envelope.type == type
    else:
        with pytest.raises(GiveUp, match=rf"{type}.* is not one that {family}\.x carries") as caught:
            turn.parse(record)
        assert caught.value.reason == "unknown_type"


@pytest.mark.parametrize("family", sorted(topics.BROKER_TIMED))
def test_a_record_with_its_senders_time_is_refused_where_the_law_counts_from_it(family: str) -> None:
    """Whoever makes a topic CreateTime could answer yesterday, before the limit ended."""
    event = topics.EVENTS[family][0]
    turn = Turn(Settings(namespace="t"), "intake", Mock(), Mock(), frozenset({event}), Mock())
    value = (Path(schemas.__file__).parent / "examples" / f"{event}.json").read_bytes()
    made = binary_headers(id="1", type=f"pakn.{event}.v1", source="/x", time=datetime(2026, 11, 26, tzinfo=UTC), subject="s")
    headers = tuple((name, text.encode()) for name, text in made.items())
    record = Mock(
        topic=f"t.{family}.x", partition=0, offset=0, timestamp=0, timestamp_type=0, key=b"s", value=value, headers=headers
    )
    with pytest.raises(GiveUp, match="LogAppendTime"):
        turn.parse(record)
    record.timestamp_type = 1
    assert turn.parse(record) is not None
