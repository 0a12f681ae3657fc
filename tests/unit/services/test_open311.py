"""Open311's questions, submissions, answers and formats, each without a server."""

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.category import Choice, Question
from pakn.packs.load import load_pack
from pakn.packs.open311 import Open311
from services.intake import domain, shown
from services.intake.doors import languages
from services.intake.doors.open311 import answers, formats, queries, services, submission, words
from services.intake.feedback import Due
from services.intake.listing import PublicCase
from tests.support.examples import example
from tests.support.packs import VN

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)
CASE = PublicCase(
    code="PAKN.20260302.0001",
    state="accepted",
    category="khac",
    submitted_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    received_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    agency="gia-lai",
    due=Due(date=date(2026, 3, 23), article="Điều 45", verified=False),
)


def test_the_best_liked_language_of_the_pack_is_spoken() -> None:
    for accepted, language in {
        "": "vi",
        "en": "en",
        "en-GB,vi;q=0.5": "en",
        "fr, vi;q=0.2, en;q=0.1": "vi",
        "vi;q=0.1,en;q=0.9": "en",
        "en;q=x": "vi",
        "en;q=0": "vi",
        "*": "vi",
    }.items():
        assert languages.asked_for(accepted, ("vi", "en"), "vi") == language, accepted


@pytest.mark.parametrize("name", ["vn", "la311"])
def test_every_language_of_a_shipped_pack_has_all_words(name: str) -> None:
    """A word that is missing in one language would be an error for its speakers only."""
    english = {group: set(texts) for group, texts in words.load("en").items()}
    for language in load_pack(name).header.languages:
        assert (words.FOLDER / f"{language}.yaml").is_file()
        assert {group: set(texts) for group, texts in words.load(language).items()} == english
    assert words.load("xx") == words.load("en")


def asked(**values: str) -> queries.Wanted:
    return queries.wanted(VN, values, NOW)


def test_a_question_without_dates_is_about_the_last_ninety_days() -> None:
    assert (asked().since, asked().until) == (NOW - timedelta(days=90), NOW)
    assert asked(start_date=" ", status="", service_code="") == asked(), "empty is as good as absent"
    early = asked(start_date="2026-01-01T00:00:00Z")
    assert early.until - early.since == timedelta(days=90)
    assert asked(start_date="2026-05-01T00:00:00Z").until == NOW
    assert asked(end_date="2026-05-01T00:00:00Z").since == datetime(2026, 5, 1, tzinfo=UTC) - timedelta(days=90)


def test_what_intake_itself_did_not_accept_is_never_listed() -> None:
    """A denunciation that shows in a list tells its date and place to whom it denounces."""
    refused = example("FeedbackNotAccepted")
    assert shown.view_changes("FeedbackNotAccepted", refused.model_copy(update={"agency": None})).get("listed_as") is None
    assert shown.view_changes("FeedbackNotAccepted", refused.model_copy(update={"agency": "gia-lai"}))["listed_as"] == "closed"
    assert shown.view_changes("FeedbackAccepted", example("FeedbackAccepted"))["listed_as"] == "open"


def test_a_page_is_never_larger_than_is_allowed() -> None:
    assert [asked(page_size=size).limit for size in ("5", "200", "99999")] == [5, 200, 200]
    assert (asked(page="3", page_size="5").skip, asked(page="3").skip) == (10, 400)


def test_dates_are_read_as_clients_write_them() -> None:
    wanted = datetime(2026, 5, 1, 17, 0, tzinfo=UTC)
    for text in (
        "2026-05-01T17:00:00Z",
        "2026-05-02T00:00:00 07:00",
        "2026-05-02T00:00:00+07:00",
        "2026-05-02",
        "2026-05-01T17:00Z",
    ):
        assert asked(start_date=text).since == wanted, text


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_date": "2026-05-01T17:00:00"},
        {"start_date": "2026-02-30"},
        {"start_date": "1777-01-01"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-05-01T00:00:00Z"},
        {"status": "open,shut"},
        {"page": "-1"},
        {"page": "٣"},
        {"page_size": "many"},
        {"page": "999999999"},
        {"service_code": "potholes"},
        {"updated_after": "2026-05-01", "end_date": "2026-05-01"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_argument(wrong: dict[str, str]) -> None:
    with pytest.raises(queries.Wrong) as refused:
        asked(**wrong)
    assert any(set(fault.field.split(", ")) & set(wrong) for fault in refused.value.faults)


@given(
    st.dictionaries(
        st.sampled_from(["start_date", "end_date", "updated_after", "page", "page_size", "status"]), st.text(max_size=30)
    )
)
def test_no_question_at_all_asks_for_more_than_a_page_of_ninety_days(values: dict[str, str]) -> None:
    try:
        wanted = asked(**values)
    except queries.Wrong:
        return
    assert wanted.until - wanted.since <= timedelta(days=90)
    assert wanted.limit <= queries.MOST_ROWS
    assert wanted.skip <= queries.MOST_SKIPPED


def test_a_case_is_told_in_the_standards_fields_with_the_end_of_the_legal_day() -> None:
    told = answers.as_content(answers.request(VN, CASE, "en"))
    assert list(told) == [
        "service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible",
        "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode", "lat",
        "long", "media_url",
    ]  # fmt: skip
    assert told["expected_datetime"] == "2026-03-23T23:59:59+07:00"
    assert told["requested_datetime"] == "2026-03-02T10:00:00+07:00"
    assert "Điều 45; it has not been compared" in told["service_notice"]
    waiting = answers.request(VN, CASE.model_copy(update={"state": "waiting_for_supplement"}), "vi")
    assert (waiting.expected_datetime, waiting.service_notice) == (None, None), "no agency owes an answer"
    unknown = answers.request(VN, CASE.model_copy(update={"state": "objected_to", "agency": "gone", "category": "gone"}), "vi")
    assert (unknown.status, unknown.status_notes) == ("open", words.load("vi")["note"]["other"])
    assert (unknown.agency_responsible, unknown.service_name) == ("gone", "gone")


def test_a_place_is_cut_to_about_a_hundred_metres_and_a_description_to_the_standards_length() -> None:
    where = {"latitude": 13.983374, "longitude": 108.000456, "description": "1 Hùng Vương"}
    told = answers.request(VN, PublicCase(**CASE.model_dump() | {"where": where, "title": "T", "content": "x" * 9000}), "en")
    assert (told.lat, told.long, told.address) == (13.983, 108.0, "1 Hùng Vương")
    assert told.description is not None
    assert len(told.description) == answers.MOST_DESCRIPTION


def test_attributes_are_what_the_pack_asks_beyond_the_standards_fields() -> None:
    """No field of the standard is the sender's own address, so a pack that requires it makes it an attribute."""
    category = VN.categories[0].model_copy(update={"questions": ()})
    found = services.definition(VN, category, "en").attributes
    assert [(row.code, row.required, row.order) for row in found] == [
        ("address", True, 1), ("province", False, 2), ("commune", False, 3), ("level", False, 4), ("addressed_to", False, 5),
    ]  # fmt: skip
    assert {value.key for value in found[1].values or ()} == set(VN.header.provinces)
    city = load_pack("la311")
    assert not any(row.metadata for row in services.services(city, "en")), "its routing table asks for nothing more"


def test_a_question_of_a_category_is_an_attribute_and_its_answer_an_answer() -> None:
    kinds: dict[Any, str] = {"text": "string", "number": "number", "date": "datetime", "choice": "singlevaluelist"}
    choices = (Choice(id="deep", name={"en": "Deep"}),)
    rows = tuple(Question(id=kind, name={"en": kind}, kind=kind, choices=choices if kind == "choice" else ()) for kind in kinds)
    category = VN.categories[3].model_copy(update={"questions": rows})
    assert [row.datatype for row in services.definition(VN, category, "en").attributes[-4:]] == list(kinds.values())
    pack: Any = SimpleNamespace(header=VN.header, routing=VN.routing, agencies=VN.agencies, agency=VN.agency, categories=[category])
    pack.open311 = VN.open311
    values = {"service_code": "khac", "description": "x"}
    made, faults = submission.submission(
        pack, values, {"choice": ["deep"], "number": ["3"], "date": ["2026-11-02T00:00:00+07:00"]}, "en"
    )
    assert faults == []
    assert made["answers"] == [
        {"question": "choice", "value": "deep"}, {"question": "number", "value": "3"}, {"question": "date", "value": "2026-11-02"},
    ]  # fmt: skip


def test_a_title_is_the_first_line_cut_between_words() -> None:
    def title(text: str) -> Any:
        return submission.submission(VN, {"description": text}, {}, "vi")[0].get("title")

    assert title("Đường hỏng\nở đầu phố") == "Đường hỏng"
    assert title("từ " * 90) == ("từ " * 33).strip()[:98] + "…"
    assert len(title("x" * 300)) == 100
    assert title("  \n ") is None


def test_a_name_is_written_as_the_pack_writes_names() -> None:
    values = {"first_name": "Thử", "last_name": "Nguyễn Văn"}
    assert submission.submission(VN, values, {}, "vi")[0]["sender"]["name"] == "Nguyễn Văn Thử"
    about = Open311(changed=date(2026, 1, 1), contact={}, key_service={})
    assert (
        submission.submission(VN.model_copy(update={"open311": about}), values, {}, "vi")[0]["sender"]["name"] == "Thử Nguyễn Văn"
    )


def test_each_field_of_a_fault_has_the_name_of_the_form() -> None:
    """A client knows neither `content` nor `sender.phone`."""
    _, faults = domain.check(VN, {"place": {"latitude": 91, "longitude": 181}, "sender": {"email": "x"}, "answers": [{}]})
    known = {
        "service_code", "description", "first_name", "attribute[address]", "phone", "email", "lat", "long", "attribute",
    }  # fmt: skip
    assert {fault.field for fault in submission.renamed(faults)} == known


VALUES = st.text() | st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.fixed_dictionaries({"description": VALUES, "lat": VALUES})))
def test_any_text_can_be_written_in_both_formats(rows: list[dict[str, Any]]) -> None:
    """XML has no way to write control characters: a reply that held one would make the whole list unreadable."""
    read = ElementTree.fromstring(formats.write("xml", "service_requests", rows))
    assert [row.tag for row in read] == ["request"] * len(rows)
    assert len(json.loads(formats.write("json", "service_requests", rows))) == len(rows)


def test_lists_and_values_are_written_in_xml_as_in_the_standards_examples() -> None:
    definition = {"service_code": "DMV66", "attributes": [{"variable": True, "order": 1, "values": [{"key": "1", "name": "A&B"}]}]}
    assert formats.write("xml", "service_definition", definition).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n<service_definition><service_code>DMV66</service_code><attributes><attribute>'
        "<variable>true</variable><order>1</order><values><value><key>1</key><name>A&amp;B</name></value></values></attribute>"
        "</attributes></service_definition>"
    )
    assert formats.write("xml", "errors", [{"code": 403, "description": None}]).endswith(
        b"<errors><error><code>403</code><description /></error></errors>"
    )
