"""What a portal's Open311 interface answers: odd servers answer oddly, and none of it ends a poll of anybody else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pakn.packs.models import Portal
from pakn.packs.open311 import Remote
from schemas import PortalSubmission
from services.intake.remotes import reading, telling
from tests.support.packs import UNSIGNED

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
PORTAL = Portal(id="city", name={"vi": "c", "en": "c"}, open311=Remote(url="http://127.0.0.1:1/v2", other_category="khac"))
ROW: dict[str, Any] = {
    "service_request_id": 638344, "status": "open", "service_name": "Sidewalk repair", "service_code": "006",
    "description": "Ổ gà\nrất sâu", "requested_datetime": "2026-03-02T08:00:00+07:00", "address": "8 Hùng Vương\nPleiku",
    "lat": "13.983", "long": 108.001, "media_url": "http://pictures.example/1.jpg", "zipcode": None,
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    found = reading.read(json.dumps([ROW | more]).encode(), "json")
    ((id, request),) = found.requests.items()
    fact = reading.posted(UNSIGNED, PORTAL, id, request, NOW)
    assert (fact.id, fact.topics, fact.source) == (id, ("inbox.city",), "/city")
    PortalSubmission.model_validate_json(fact.data)
    document: dict[str, Any] = json.loads(fact.data)
    return document


def test_a_request_is_the_submission_that_its_portal_would_have_posted() -> None:
    assert made() == {
        "category": "khac", "title": "Ổ gà", "content": "Ổ gà\nrất sâu\n\nhttp://pictures.example/1.jpg", "language": "vi",
        "sender": {}, "reference": "638344", "sent_at": "2026-03-02T01:00:00+00:00",
        "place": {"latitude": 13.983, "longitude": 108.001, "description": "8 Hùng Vương Pleiku"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "said", ["2026-02-20T08:00:00Z", "2026-03-02T02:00:01Z", "yesterday", 17, None, "9999-12-31T23:59:59-23:00"]
)
def test_a_time_that_would_be_refused_is_left_out(said: object) -> None:
    """After a week away, everything that had come in meanwhile would have been refused as too old."""
    assert "sent_at" not in made(requested_datetime=said)


def test_what_is_missing_or_odd_in_a_request_is_made_good_or_left_out() -> None:
    assert made(description=None, media_url=[])["content"] == "Sidewalk repair"
    assert "place" not in made(lat="north", address=None)
    assert "place" not in made(lat="1e999", address={"a": 1})
    assert made(service_code=UNSIGNED.categories[0].id)["category"] == UNSIGNED.categories[0].id


def test_the_same_in_xml() -> None:
    xml = b"""<?xml version="1.0" encoding="utf-8"?><service_requests><request><service_request_id>638344</service_request_id>
    <status>open</status><description>x</description><lat/></request><request><status>open</status></request></service_requests>"""
    assert reading.read(xml, "xml") == ({"638344": {"service_request_id": "638344", "status": "open", "description": "x"}}, 1)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", b""), ("json", b"<html>"), ("json", b'"x"'), ("json", b'{"error": 1}'), ("json", b"[" * 100_000),
        ("json", b"\xff"),
        ("xml", b""), ("xml", b"<errors/>"), ("xml", b"<service_requests>"), ("xml", b"<?xml version='1.0' encoding='x'?><a/>"),
        ("xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><service_requests/>"), ("xml", "<service_requests/>".encode("utf-16")),
        ("xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><service_requests/>".encode("utf-16-le")),
        ("xml", "<service_requests/>".encode("utf-16-be")),
    ],
)  # fmt: skip
def test_what_is_no_list_is_called_strange(form: str, body: bytes) -> None:
    with pytest.raises(reading.Strange):
        reading.read(body, form)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", b'[{"service_request_id": "1", "description": "a\\ud83d b"}, {"service_request_id": "2"}]'),
        (
            "xml",
            b"<service_requests><request><service_request_id>1</service_request_id><description>a&#11;&#xFFFF; b&#65;</description>"
            b"</request><request><service_request_id>2</service_request_id></request></service_requests>",
        ),
    ],
)
def test_a_character_that_is_none_makes_no_list_unreadable(form: str, body: bytes) -> None:
    found = reading.read(body, form)
    assert list(found.requests) == ["1", "2"]
    assert found.requests["1"]["description"] == {"json": "a? b", "xml": "a bA"}[form]
    assert found.unreadable == 0


@pytest.mark.parametrize("id", [None, "", " ", "a\nb", "a\x00", "x" * 201, {"a": 1}, True, ["1"]])
def test_a_request_without_an_id_that_can_be_kept_is_counted_and_passed_over(id: object) -> None:
    found = reading.read(json.dumps([ROW | {"service_request_id": id}, 7, None, ROW]).encode(), "json")
    assert (list(found.requests), found.unreadable) == (["638344"], 3)


def test_a_deep_document_is_no_end() -> None:
    deep = b"[" + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]"
    assert reading.read(deep, "json") == ({}, 1)
    nested = b"<service_requests>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</service_requests>"
    assert reading.read(nested, "xml") == ({}, 1)


def test_each_question_overlaps_the_last_and_never_asks_for_the_future() -> None:
    week = timedelta(days=7)
    assert reading.window(NOW, week, NOW) == (NOW - reading.OVERLAP, NOW)
    assert reading.window(NOW - 3 * week, week, NOW) == (NOW - 3 * week - reading.OVERLAP, NOW - 2 * week)
    assert reading.window(NOW, reading.SHORTEST, NOW) == (NOW - reading.SHORTEST_OVERLAP, NOW)
    assert reading.next_span(week, was_whole=False) == week / 2
    assert reading.next_span(week / 2, was_whole=True) == reading.next_span(week, was_whole=True) == week
    assert reading.next_span(reading.SHORTEST, was_whole=False) == reading.SHORTEST


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "//a",
        "http://",
        "https://u:p@a/v2",
        "https://a/v2?key=1",
        "https://a/#x",
        "https://a:b/",
        "http://a b/",
        "http://311.example.org/v2",
        7,
    ],
)
def test_an_address_that_cannot_be_asked_is_a_fault_of_the_pack(url: object) -> None:
    with pytest.raises(ValueError, match=r"must be an address|must hold no|in clear|valid string"):
        Remote.model_validate({"url": url})
    assert Remote.model_validate("https://311.example.org:8443/v2").poll


def test_a_step_is_tried_for_days_while_the_other_side_is_away_and_a_few_times_where_it_refuses() -> None:
    def update(tries: int, hours: int = 0) -> telling.Update:
        return telling.Update("u", {}, tries, NOW, NOW - timedelta(hours=hours))

    assert telling.tried_again(update(0), "away", NOW, 300) == NOW + timedelta(minutes=5)
    assert telling.tried_again(update(3), "away", NOW, 300) == NOW + timedelta(minutes=40)
    assert telling.tried_again(update(2000, 71), "away", NOW, 300) == NOW + timedelta(hours=1)
    assert telling.tried_again(update(4, 72), "away", NOW, 300) is None
    assert telling.tried_again(update(3), "refused", NOW, 300) is not None
    assert telling.tried_again(update(4), "refused", NOW, 300) is telling.tried_again(update(4), "strange", NOW, 300) is None
