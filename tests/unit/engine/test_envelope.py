"""The envelope: what we write we read again, and no record, however broken, does more than become a dead letter."""

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import schemas
from schemas import EnvelopeError, parse_envelope

GOOD = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_type": b"pakn.FeedbackRated.v1",
    "ce_source": b"/test",
    "ce_time": b"2026-11-02T08:12:05+07:00",
}
# CloudEvents has no attribute with control characters, surrogates or code points that are no characters.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(timezones=st.just(UTC) | offsets).filter(lambda time: 1900 < time.year < 9000)
header_names = st.sampled_from([*GOOD, "ce_subject", "ce_causationid", "content-type"]) | st.text()
likely = st.sampled_from([*GOOD.values(), b"", b"\xff", None, b"pakn.X.v99999", b"0001-01-01T00:00:00+14:00", b"9" * 5000])


@given(st.booleans(), times, texts, texts, texts)
def test_what_is_written_is_read_again(satisfied: bool, time: datetime, cause: str, subject: str, source: str) -> None:
    """Consumers see the same attributes as the publisher, in every time zone and script."""
    event = schemas.FeedbackRated(
        feedback_id=str(uuid.uuid5(uuid.NAMESPACE_OID, subject)), code="PAKN.20261102.0042", satisfied=satisfied, rated_at=time
    )
    fact = schemas.fact(event, cause=cause, subject=subject, time=time, source=source)
    envelope = parse_envelope([(key, value.encode()) for key, value in fact.headers().items()])
    assert (envelope.id, envelope.type, envelope.name) == (fact.id, fact.type, "FeedbackRated")
    assert (envelope.source, envelope.subject, envelope.cause, envelope.time) == (source, subject, cause, time)
    assert envelope.time.utcoffset() == timedelta(0)
    assert schemas.CATALOGUE[fact.type].model_validate_json(fact.data) == event


@given(st.lists(st.tuples(header_names, st.binary() | st.none() | likely), max_size=12))
@example([*(GOOD | {"ce_type": b"pakn.FeedbackRated.v" + b"9" * 5000}).items()])
@example([*(GOOD | {"ce_time": b"0001-01-01T00:00:00+14:00"}).items()])
@example([*(GOOD | {"ce_time": b"9999-12-31T23:59:59-14:00"}).items()])
@example([*(GOOD | {"ce_type": "pakn.FeedbackRated.v²".encode()}).items()])
def test_no_header_does_more_than_make_a_record_unreadable(headers: list[tuple[str, bytes | None]]) -> None:
    """Anything but EnvelopeError stops the batch, and with it the partition. The two first examples did."""
    try:
        envelope = parse_envelope(headers)
    except EnvelopeError:
        return
    assert envelope.id
    assert envelope.time.utcoffset() == timedelta(0)


@pytest.mark.parametrize("control", ["\x00", "\n", "\x7f", "\x9f", "\ufffe"])
def test_an_id_that_no_attribute_can_hold_is_refused_and_never_sent_on(control: str) -> None:
    """The id of a refused record stood in the subject of the answer, which other libraries then could not read."""
    with pytest.raises(EnvelopeError, match="ce_id has control characters"):
        parse_envelope((GOOD | {"ce_id": f"1{control}".encode()}).items())
    assert schemas.shown_id(f"1{control}", "pakn.inbox.cdvcqg/0/7") == "pakn.inbox.cdvcqg/0/7"
    assert schemas.shown_id("Đơn 1", "pakn.inbox.cdvcqg/0/7") == "Đơn 1"


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.just(None) | st.just(b"") | st.just(b"\xff\xfe"), min_size=1))
def test_every_fault_of_the_headers_is_named(faulty: dict[str, bytes | None]) -> None:
    """Whoever reads a dead letter mends all of it at once."""
    with pytest.raises(EnvelopeError) as caught:
        parse_envelope([*(GOOD | faulty).items()])
    assert all(name in str(caught.value) for name in faulty)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ce_specversion": b"0.3"}, "reads 1.0"),
        ({"ce_time": b"2026-11-02T08:12:05"}, "no offset"),
        ({"ce_time": b"yesterday"}, "not RFC 3339"),
    ],
)
def test_a_fault_says_what_is_wrong(changes: dict[str, bytes], text: str) -> None:
    """The text goes into the dead letter and to the portal."""
    with pytest.raises(EnvelopeError, match=text):
        parse_envelope([*(GOOD | changes).items()])


@given(texts)
@example("pakn.FeedbackRated.v1.extra")
@example("PAKN.FeedbackRated.v1")
@example("pakn.FeedbackRated.v1 ")
def test_a_type_that_is_not_ours_keeps_its_whole_name(kind: str) -> None:
    """What merely looks like FeedbackRated must not be taken for it."""
    assume(not re.fullmatch(r"pakn\.[A-Za-z]+\.v[0-9]{1,4}", kind))
    envelope = parse_envelope([*(GOOD | {"ce_type": kind.encode()}).items()])
    assert (envelope.name, envelope.type) == (kind, kind)


def test_derived_ids_never_change() -> None:
    """A new release that derived other ids would publish every repeated fact a second time. These are of the first one."""
    assert schemas.derived_id("cause", "feedback") == "24d90e4f-ef61-57f5-adaa-d9b20f91a604"
    event = schemas.FeedbackRated(
        feedback_id=str(uuid.UUID(int=1)), code="PAKN.20261102.0042", satisfied=True, rated_at=datetime(2026, 11, 2, tzinfo=UTC)
    )
    fact = schemas.fact(event, cause="cause", subject="s", time=event.rated_at, source="/test", discriminator="clock-1")
    assert fact.id == "a2645742-103c-5d06-8d1e-045eb6b8a4b3"


@given(st.lists(st.tuples(texts, st.sampled_from(sorted(schemas.CATALOGUE))), min_size=2, max_size=2, unique=True))
def test_different_causes_or_types_have_different_ids(pairs: list[tuple[str, str]]) -> None:
    """Two facts with one id would be one fact to every consumer."""
    assume(not any("/" in cause for cause, _ in pairs))
    first, second = (schemas.derived_id(cause, f"{name}/") for cause, name in pairs)
    assert first != second
    assert first == schemas.derived_id(pairs[0][0], f"{pairs[0][1]}/")
