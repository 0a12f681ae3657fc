"""Who has looked at a sender's personal data is on record before the data goes out, and the sender is told."""

from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from services.intake import commands
from services.intake.looks import Looks
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF, form
from tests.support.outside_world import GOOD, SENDER
from tests.support.pages import Browser
from tests.support.system import System, bearer

OFFICER = {"Authorization": f"Bearer {bearer('agency', 'gia-lai', token_id='token-7', officer='cb-mot')}"}


async def sent_with_a_file(system: System) -> tuple[dict[str, Any], str]:
    """A case in the hands of an agency, and the address of the sender's file."""
    body = (await system.http.post("/v1/feedback", **form(GOOD, ("don.pdf", PDF)))).json()
    await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=body["feedback_id"])
    await system.shows(body, "assigned")
    view = await system.view(body, secret=True)
    return body, f"/v1/feedback/{body['code']}/attachments/{view['attachments'][0]['id']}"


async def told(system: System, body: dict[str, Any]) -> dict[str, Any]:
    answer = await system.http.get(f"/v1/feedback/{body['code']}/looks", headers={"X-Lookup-Secret": body["lookup_secret"]})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_sender_is_told_which_agency_looked_at_what_and_when(make_system: MakeSystem) -> None:
    """An agency's look at a file was not recorded, and nobody was told of any look."""
    async with make_system() as system:
        await system.start("intake", "routing")
        body, file = await sent_with_a_file(system)
        secret = {"X-Lookup-Secret": body["lookup_secret"]}
        assert await told(system, body) == {"code": body["code"], "total": 0, "looks": []}
        assert (await system.http.get(file, headers=secret)).status_code == 200, "his own looks are none"
        assert (await system.http.get(f"/v1/feedback/{body['code']}/sender", headers=OFFICER)).json()["name"] == SENDER["name"]
        assert (await system.http.get(file, headers=OFFICER)).content == PDF
        assert (await system.http.get(f"{file}x", headers=OFFICER)).status_code == 404, "what was not given was not looked at"
        found = await told(system, body)
        assert [(row["what"], row["by"], row["agency"], "officer" in row) for row in found["looks"]] == [
            ("file", "agency", "gia-lai", False), ("details", "agency", "gia-lai", False),
        ]  # fmt: skip
        assert all(row["at"].startswith("2026-03-02T02:00") for row in found["looks"])
        for headers, status in (({}, 403), ({"X-Lookup-Secret": "0" * 24}, 403), (OFFICER, 403)):
            assert (await system.http.get(f"/v1/feedback/{body['code']}/looks", headers=headers)).status_code == status

        rows = await commands.list_looks(system.settings, body["code"])
        assert rows is not None
        assert [(row["what"], row["agency"], row["officer"], row["token_id"]) for row in rows] == [
            ("file", "gia-lai", "cb-mot", "token-7"), ("details", "gia-lai", "cb-mot", "token-7"),
        ]  # fmt: skip
        assert rows[0]["file"] == file.rpartition("/")[2]
        assert not [value for value in SENDER.values() if value in repr(rows)]
        assert await commands.list_looks(system.settings, "PAKN.20200101.0001") is None

        async with Browser(system.http) as browser:
            await browser.get(f"/follow/{body['code']}/looks")
            assert browser.path == "/follow", "others are asked for the secret"
            await browser.get(f"/follow/{body['code']}/open?secret={body['lookup_secret']}")
            assert "Ai đã xem thông tin của ông/bà" in browser.text
            await browser.get(f"/follow/{body['code']}/looks")
            assert "Gia Lai" in browser.text
            assert "đã mở một tệp của ông/bà" in browser.text
            assert "đã xem họ tên, địa chỉ" in browser.text
            assert "cb-mot" not in browser.page.text


async def test_what_cannot_be_recorded_does_not_go_out(make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_system() as system:
        await system.start("intake", "routing")
        body, file = await sent_with_a_file(system)

        async def away(*_: object, **__: object) -> None:
            raise ServerSelectionTimeoutError("the database went away at this moment")

        monkeypatch.setattr(Looks, "record", away)
        for path in (f"/v1/feedback/{body['code']}/sender", file):
            answer = await system.http.get(path, headers=OFFICER)
            assert answer.status_code == 503
            assert not [value for value in SENDER.values() if value in answer.text]
            assert PDF not in answer.content


async def test_looks_are_forgotten_after_the_days_of_the_setting_and_never_changed(make_system: MakeSystem) -> None:
    async with make_system() as system:
        await system.start("intake", "routing")
        body, _ = await sent_with_a_file(system)
        path = f"/v1/feedback/{body['code']}/sender"
        kept = system.documents("intake")["looks"]
        await system.http.get(path, headers=OFFICER)
        (first,) = await kept.find({}).to_list(None)
        await system.http.get(path, headers=OFFICER)
        assert [row for row in await kept.find({}).to_list(None) if row["_id"] == first["_id"]] == [first]
        assert await kept.count_documents({}) == 2
        (index,) = [row for row in (await kept.index_information()).values() if row["key"] == [("expires_at", 1)]]
        assert index["expireAfterSeconds"] == 0
        days = (first["expires_at"] - first["_id"].generation_time).days
        assert abs(days - system.settings.intake.looks_days) <= 1
