"""The door for Open311 clients: services, a submission with files, lists and their bounds, errors in the standard's form."""

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

from tests.integration.conftest import MakeSystem
from tests.integration.test_rate_limits import INTAKE, by
from tests.support.outside_world import SENDER, until
from tests.support.system import START, System, bearer

BASE = "/open311/v2"
PDF = b"%PDF-1.4\n%%EOF\n"
# The fields of the standard's own example, with those that the pack requires besides.
FORM: dict[str, str] = {
    "jurisdiction_id": "pakn.example",
    "service_code": "khac",
    "lat": "13.98337",
    "long": "108.00042",
    "address_string": "1 Hùng Vương, Pleiku",
    "email": "thu@example.org",
    "device_id": "tt222111",
    "account_id": "123456",
    "first_name": "Thử",
    "last_name": "Nguyễn Văn",
    "phone": "0900000000",
    "description": "Ổ gà trên đường\nrất sâu",
    "media_url": "https://pictures.example/1.jpg",
    "attribute[address]": "1 Hùng Vương",
    "attribute[province]": "gia-lai",
}


async def post(system: System, form: dict[str, Any] = FORM, status: int = 201, **more: Any) -> list[dict[str, Any]]:
    answer = await system.http.post(f"{BASE}/requests.json", data=form, **more)
    assert answer.status_code == status, answer.text
    body: list[dict[str, Any]] = answer.json()
    return body


async def read(system: System, path: str, status: int = 200, **more: Any) -> Any:
    answer = await system.http.get(f"{BASE}/{path}", **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_submission_by_the_standards_form_goes_the_way_of_every_other(system: System) -> None:
    """It has the sender, the place and the text that were sent, and the agency gets it."""
    (posted,) = await post(system)
    assert set(posted) == {"service_request_id", "service_notice", "account_id"}
    kept = await system.documents("intake")["feedbacks"].find_one({"code": posted["service_request_id"]})
    assert kept["sender"] == SENDER
    assert (kept["title"], kept["channel"]) == ("Ổ gà trên đường", "api")
    assert kept["content"] == "Ổ gà trên đường\nrất sâu\n\nhttps://pictures.example/1.jpg"
    assert kept["where"] == {"description": "1 Hùng Vương, Pleiku", "latitude": 13.98337, "longitude": 108.00042}
    assert "tt222111" not in repr(kept)
    await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=kept["_id"])


async def test_a_file_comes_as_media_and_a_portal_is_known_by_its_key(system: System) -> None:
    """The key stands in the form, before the files; the same request with the same Idempotency-Key has no second effect."""
    key = bearer("portal", "gialai-dvc")
    form, headers = FORM | {"api_key": key}, {"Idempotency-Key": "open311-submission-1"}
    files = [("media", ("ảnh.pdf", PDF)), ("media[]", ("đơn.pdf", PDF))]
    (first,), (again,) = [await post(system, form, status, files=files, headers=headers) for status in (201, 200)]
    assert first == again
    kept = await system.documents("intake")["feedbacks"].find_one({"code": first["service_request_id"]})
    assert [file["name"] for file in kept["attachments"]] == ["ảnh.pdf", "đơn.pdf"]
    assert (kept["channel"], kept["portal"], kept["submission_id"]) == ("portal", "gialai-dvc", "open311-submission-1")
    owned = system.documents("intake")["fs.files"].find({"_id": {"$in": [file["id"] for file in kept["attachments"]]}})
    assert {row["metadata"]["feedback_id"] async for row in owned} == {kept["_id"]}
    await system.observer.wait("SubmissionRegistered", topic="outbox.gialai-dvc", code=first["service_request_id"])
    (refused,) = await post(system, FORM | {"api_key": "forged"}, 403, files=files)
    assert refused["code"] == 403
    assert (await read(system, f"tokens/{kept['_id']}.json")) == [
        {"service_request_id": first["service_request_id"], "token": kept["_id"]}
    ]


async def test_every_fault_is_told_by_the_name_that_its_sender_knows(system: System) -> None:
    wrong = FORM | {"lat": "north", "description": "", "media_url": "", "attribute[shoe]": "42", "attribute[province]": "x"}
    del wrong["phone"], wrong["attribute[address]"]
    found = await post(system, wrong | {"email": "nobody", "colour": "blue"}, 400)
    assert {row["code"] for row in found} == {400}
    assert {row["description"].partition(":")[0] for row in found} == {
        "lat", "description", "phone", "email", "colour", "attribute[address]", "attribute[shoe]", "attribute[province]",
    }  # fmt: skip
    assert await post(system, FORM | {"jurisdiction_id": "elsewhere"}, 404)
    assert await post(system, FORM | {"service_code": "potholes"}, 404)
    answer = await system.http.post(f"{BASE}/requests.xml", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/xml; charset=utf-8")
    assert [row.tag for row in ElementTree.fromstring(answer.content)] == ["error"]


async def test_a_list_shows_what_is_public_in_the_language_asked_for_and_nothing_of_the_sender(own: System) -> None:
    """The legal day, the agency and the published reply are there; name, title, text and place are not."""
    form = FORM | {"lat": "13.98337", "description": "Bí mật của tôi"}
    (posted,) = await post(own, form)
    code = posted["service_request_id"]
    feedback_id = (await own.documents("intake")["feedbacks"].find_one({"code": code}))["_id"]
    await own.observer.wait_clock("set", subject=feedback_id, rule="handle_reply")
    english = {"Accept-Language": "fr, en;q=0.8, vi;q=0.1"}

    async def shown(**more: str) -> Any:
        (row,) = await read(own, f"requests/{code}.json", params=more, headers=english)
        return row

    async def is_due() -> Any:
        row = await shown()
        return row if row["expected_datetime"] else None

    row = await until(is_due, "the day is shown")
    assert (row["status"], row["service_name"], row["agency_responsible"]) == ("open", "Other feedback", "Gia Lai")
    assert row["status_notes"] == "The agency in charge has it and has still to accept it."
    assert row["requested_datetime"] == "2026-03-02T09:00:00+07:00"
    assert row["expected_datetime"].endswith("T23:59:59+07:00")
    assert "not been compared" in row["service_notice"]
    for name, who, more in (("accept", "cb1", {}), ("reply", "cb1", {"reply": "Đã sửa"}), ("publish", "cb2", {})):
        await own.post.act("gia-lai", feedback_id, name, who, **more)

    async def is_closed() -> Any:
        row = await shown(extensions="true")
        return row if row["status"] == "closed" else None

    closed = await until(is_closed, "the request is closed")
    assert (closed["status_notes"], closed["extended_attributes"]["state"]) == ("Đã sửa", "published")
    listed = await read(own, "requests.json", params={"status": "closed", "service_code": "khac"}, headers=english)
    assert [entry["service_request_id"] for entry in listed] == [code]
    assert await read(own, "requests.json", params={"status": "open"}) == []
    for secret in ("Bí mật", "Nguyễn", "example.org", "Hùng Vương", "13.98", "0900000000"):
        assert secret not in repr((row, closed, listed))


async def test_who_rates_is_not_told_by_a_date_that_moves(own: System) -> None:
    """That a sender has judged a reply is shown to nobody, so it changes no date of the public list either."""
    body = await own.assigned()
    for name, who, more in (("accept", "cb1", {}), ("reply", "cb1", {"reply": "Đã sửa"}), ("publish", "cb2", {})):
        await own.post.act("gia-lai", body["feedback_id"], name, who, **more)
    await own.shows(body, "published")
    before = await read(own, f"requests/{body['code']}.json")
    own.set_clock(START + timedelta(days=1))
    await own.senders_act(body, "rating", {"satisfied": False})
    await own.observer.wait("FeedbackRated", subject=body["feedback_id"])
    await own.settled("intake")
    assert await read(own, f"requests/{body['code']}.json") == before


async def test_what_is_outside_the_procedure_is_in_no_list(system: System) -> None:
    """Its sender finds it by its number, with the right channel; that somebody denounced somebody is nobody's business."""
    (posted,) = await post(system, FORM | {"service_code": "to-cao"})
    assert "thanh tra" in posted["service_notice"]
    await system.settled("intake")
    code = posted["service_request_id"]
    (row,) = await read(system, f"requests/{code}.json")
    assert (row["status"], row["service_code"]) == ("closed", "to-cao")
    assert await read(system, "requests.json", params={"service_request_id": code}) == [], "fifty guesses in one question"
    listed = await read(system, "requests.json")
    assert listed
    assert code not in {entry["service_request_id"] for entry in listed}


async def test_a_list_has_pages_and_bounds(own: System) -> None:
    """Ninety days by default, at most ninety by question, in pages that lead to the next one; changes come oldest first."""
    codes = []
    for day in range(4):
        own.set_clock(START + timedelta(days=40 * day))
        codes.append((await post(own))[0]["service_request_id"])
    await own.settled("intake", "routing")

    async def ids(**asked: Any) -> list[str]:
        return [row["service_request_id"] for row in await read(own, "requests.json", params=asked)]

    assert await ids() == codes[:0:-1]
    start = START.isoformat()
    assert await ids(start_date=start) == codes[2::-1]
    assert await ids(start_date=start, end_date="2026-03-03") == codes[:1]
    assert await ids(start_date=start, service_code="khac,khieu-nai", status="open,closed") == codes[2::-1]
    assert (await ids(updated_after=start))[0] == codes[0]
    assert await ids(service_request_id=f"{codes[0]},{codes[2].lower()},PAKN.20260101.9999", status="closed") == [
        codes[0],
        codes[2],
    ]
    first = await own.http.get(f"{BASE}/requests.xml?page_size=2")
    assert len(ElementTree.fromstring(first.content)) == 2
    (after,) = (part for part in [first.headers["link"]] if part.endswith('rel="next"'))
    second = await own.http.get(after.partition(">")[0].removeprefix("<http://localhost:8001"))
    assert len(ElementTree.fromstring(second.content)) == 1
    assert "link" not in second.headers
    for wrong in (
        {"start_date": start, "end_date": "2026-12-01"},
        {"start_date": "yesterday"},
        {"status": "half-open"},
        {"page": "0"},
        {"page": "90", "page_size": "200"},
        {"start_date": start, "updated_after": start},
        {"service_request_id": ",".join(map(str, range(51)))},
    ):
        assert (await read(own, "requests.json", 400, params=wrong))[0]["code"] == 400
    assert await read(own, "requests.json", 404, params={"service_code": "potholes"})
    assert await read(own, "requests/PAKN.20260101.9999.json", 404)
    assert await read(own, "tokens/nothing.json", 404)


async def test_services_are_described_in_both_formats(system: System) -> None:
    for path in (f"{BASE}/discovery", "/open311/discovery"):
        found = (await system.http.get(f"{path}.json")).json()
        assert found["endpoints"][0]["formats"] == ["application/json", "text/xml"]
        assert ElementTree.fromstring((await system.http.get(f"{path}.xml")).content).find("endpoints/endpoint/url") is not None
    rows = await read(system, "services.json", headers={"Accept-Language": "en"})
    assert {row["service_code"] for row in rows} == {
        "hanh-vi-can-bo-cong-chuc", "quy-dinh-chinh-sach-thu-tuc", "giai-phap-sang-kien", "khac",
    }  # fmt: skip
    assert all(row["metadata"] and row["type"] == "realtime" for row in rows)
    answer = await system.http.get(f"{BASE}/services/khac.xml")
    (address, *_) = ElementTree.fromstring(answer.content).iter("attribute")
    assert [address.findtext(name) for name in ("code", "datatype", "required", "order")] == ["address", "string", "true", "1"]
    assert answer.headers["cache-control"].startswith("public")
    assert await read(system, "services/to-cao.json", 404)
    assert await read(system, "services/khac.html", 404)
    assert await read(system, "services", 404)
    assert await read(system, "services.json", 404, params={"jurisdiction_id": "elsewhere"})


async def test_errors_of_the_frame_are_in_the_standards_form_too(make_system: MakeSystem) -> None:
    """A limit of the network and a database that is away are no problem documents here: no Open311 client reads those."""
    async with make_system(intake=INTAKE) as system:
        await system.start("intake")
        async with by(system, "203.0.113.7") as flood:
            asked = [await flood.get(f"{BASE}/requests/PAKN.20260101.9999.xml") for _ in range(5)]
            assert [answer.status_code for answer in asked] == [404] * 4 + [429]
            assert int(asked[-1].headers["retry-after"]) > 0
            assert ElementTree.fromstring(asked[-1].content).findtext("error/code") == "429"
