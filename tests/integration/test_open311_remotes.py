"""Portals that are asked by Open311 for new requests: another PAKN, and servers that answer oddly."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from pakn.packs.load import Pack
from pakn.packs.open311 import Remote
from pakn.settings import IntakeSettings
from services.intake.remotes import reading
from services.intake.remotes.portals import Remotes
from services.intake.remotes.store import Cursor, RemoteStore
from tests.integration.conftest import MakeSystem
from tests.integration.test_open311 import BASE, FORM, post
from tests.support.odd_city import Asked, OddCity, row
from tests.support.outside_world import until
from tests.support.packs import UNSIGNED, VN
from tests.support.serving import serving
from tests.support.system import SECRET_KEY, START, System

PORTAL, OTHER = "gialai-dvc", "hcm-1022"
INTAKE = {"secret_key": SECRET_KEY, "sweep_seconds": 0.5, "open311_seconds": 0.1}
KEYS = {"open311_keys": SecretStr(json.dumps({PORTAL: "a-key"}))}


def asks(remotes: dict[str, Remote]) -> Pack:
    """The pack of the tests, where nothing is required of senders, with these interfaces of portals."""
    header = UNSIGNED.header
    portals = tuple(portal.model_copy(update={"open311": remotes.get(portal.id)}) for portal in header.portals)
    return UNSIGNED.model_copy(update={"header": header.model_copy(update={"portals": portals})})


@asynccontextmanager
async def asking(make_system: MakeSystem, **remotes: Remote) -> AsyncIterator[System]:
    named = {PORTAL if name == "city" else OTHER: remote for name, remote in remotes.items()}
    async with make_system(intake=IntakeSettings.model_validate(INTAKE | KEYS)) as made:
        await made.start("intake", pack=asks(named))
        yield made


def _both(make_system: MakeSystem, one: str, other: str) -> Any:
    return asking(make_system, city=Remote(url=one), other=Remote(url=other))


async def taken(system: System, id: str, portal: str = PORTAL) -> dict[str, Any]:
    found = await system.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=id)
    return found[0].data


async def polls(system: System, result: str, more: int = 1, portal: str = PORTAL) -> None:
    """Wait for so many more polls with this result."""

    async def count() -> float:
        series = f'pakn_open311_polls_total{{portal="{portal}",result="{result}"}} '
        lines = (await system.http.get("/metrics")).text.splitlines()
        return next((float(line.removeprefix(series)) for line in lines if line.startswith(series)), 0)

    least = await count() + more

    async def enough() -> bool:
        return await count() >= least

    await until(enough, f"{more} more polls are {result}")


@pytest.mark.parametrize(("form", "by"), [("json", "start_date"), ("xml", "updated_after")])
async def test_what_citizens_send_to_another_pakn_comes_in_here_once(make_system: MakeSystem, form: Any, by: Any) -> None:
    assert VN.open311
    public = VN.model_copy(update={"open311": VN.open311.model_copy(update={"public": ("place", "content")})})
    async with make_system() as city:
        await city.start("intake", pack=public)
        first, second = [(await post(city, FORM | {"description": words}))[0]["service_request_id"] for words in ("Một", "Hai")]
        async with serving(city.services["intake"].app) as address:
            remote = Remote(url=address + BASE, jurisdiction_id="pakn.example", format=form, by=by)
            async with asking(make_system, city=remote) as here:
                for id, words in ((first, "Một"), (second, "Hai")):
                    registered = await taken(here, id)
                    kept = await here.documents("intake")["feedbacks"].find_one({"code": registered["code"]})
                    assert kept["content"] == f"{words}\n\n{FORM['media_url']}"
                    assert (kept["portal"], kept["channel"], kept["reference"]) == (PORTAL, "portal", id)
                    assert kept["where"]["latitude"] == pytest.approx(13.983)
                third = (await post(city, FORM | {"description": "Ba"}))[0]["service_request_id"]
                await taken(here, third)
                await polls(here, "good", 3)
                await here.settled("intake")
                assert len(here.observer.found("PortalSubmission", topic=f"inbox.{PORTAL}")) == 3
                assert await here.documents("intake")["feedbacks"].count_documents({}) == 3


async def test_pages_are_asked_for_until_nothing_new_comes_and_closed_requests_are_left(make_system: MakeSystem) -> None:
    city = OddCity()
    pages = [[row("a1"), row("a2")], [row("a2"), row("a3"), row("done", status="closed")], []]
    city.answer = lambda asked: (200, json.dumps(pages[min(int(asked.values["page"]), 3) - 1]).encode())
    async with city.listening() as url, asking(make_system, city=Remote(url=url, jurisdiction_id="c")) as here:
        for id in ("a1", "a2", "a3"):
            await taken(here, id)
        await polls(here, "good", 2)
        await here.settled("intake")
        assert len(here.observer.found("PortalSubmission", topic=f"inbox.{PORTAL}")) == 3
        asked = city.asked[0]
        assert (asked.path, asked.values["api_key"], asked.values["jurisdiction_id"]) == ("/v2/requests.json", "a-key", "c")
        assert (asked.values["start_date"], asked.values["end_date"]) == ("2026-03-02T01:00:00Z", "2026-03-02T02:00:00Z")
        assert [each.values["page"] for each in city.asked[:3]] == ["1", "2", "3"]


async def test_a_request_that_is_wrong_is_refused_like_every_other_and_those_beside_it_are_taken(make_system: MakeSystem) -> None:
    city = OddCity()
    city.rows = [row("wrong", service_code="potholes"), 7, row("good"), {"status": "open"}]  # type: ignore[list-item]
    async with city.listening() as url, asking(make_system, city=Remote(url=url)) as here:
        await taken(here, "good")
        (refused,) = await here.observer.wait("SubmissionRefused", topic=f"outbox.{PORTAL}", submission_id="wrong")
        assert [fault["code"] for fault in refused.data["faults"]] == ["unknown_category"]
        city.rows[0]["description"] = "Changed at the other side"
        city.rows[2]["description"] = "Changed too"  # type: ignore[index]
        await polls(here, "good", 3)
        await here.settled("intake")
        assert len(here.observer.found("PortalSubmission", topic=f"inbox.{PORTAL}")) == 2, "each once, whatever becomes of it there"


MOVED = "Location: /other\r\n"
ODD: dict[str, tuple[Callable[[OddCity], object], str]] = {
    "no JSON": (lambda city: setattr(city, "answer", lambda _: (200, b"<html>Maintenance</html>")), "strange"),
    "more than can be read": (lambda city: setattr(city, "answer", lambda _: (200, b"[" + b" " * 5_000_000)), "strange"),
    "elsewhere": (lambda city: (setattr(city, "answer", lambda _: (302, b"")), setattr(city, "headers", MOVED)), "strange"),
    "a key that is wrong": (lambda city: setattr(city, "answer", lambda _: (403, b"[]")), "away"),
    "a fault of its own": (lambda city: setattr(city, "answer", lambda _: (500, b"")), "away"),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
async def test_what_is_wrong_with_one_server_is_counted_ends_nothing_and_heals(make_system: MakeSystem, what: str) -> None:
    misbehave, result = ODD[what]
    odd, sound = OddCity(), OddCity()
    misbehave(odd)
    sound.rows = [row("sound-1")]
    async with odd.listening() as one, sound.listening() as other, _both(make_system, one, other) as here:
        await polls(here, result, 2)
        await taken(here, "sound-1", OTHER)
        assert set(odd.paths("GET")) == {"/v2/requests.json"}, "a redirect is not followed"
        odd.answer, odd.headers, odd.rows = (lambda _: (200, json.dumps(odd.rows).encode())), "", [row("late-1")]
        await taken(here, "late-1")


async def test_a_server_that_is_silent_lets_no_other_portal_wait(make_system: MakeSystem) -> None:
    silent, sound = OddCity(), OddCity()
    said = asyncio.Event()
    silent.before, sound.rows = said.wait, [row("sound-2")]
    async with silent.listening() as one, sound.listening() as other, _both(make_system, one, other) as here:
        await until(lambda: silent.asked, "the silent one is asked")
        await taken(here, "sound-2", OTHER)
        await polls(here, "good", 2, OTHER)
        said.set()


async def test_two_processes_ask_a_portal_in_turns_and_one_that_was_killed_is_followed(system: System) -> None:
    one, other = RemoteStore(system.documents("intake")), RemoteStore(system.documents("intake"))
    first = await one.take_turn("city", START, START, 600)
    assert first == Cursor(START, reading.LONGEST)
    assert await other.take_turn("city", START, START + timedelta(seconds=599), 600) is None
    assert await other.take_turn("city", START + timedelta(hours=1), START + timedelta(seconds=600), 600) == first
    moved = Cursor(START + timedelta(hours=1), timedelta(minutes=1))
    await other.move("city", moved, START)
    await other.release("city", START)
    assert await one.take_turn("city", START, START, 600) == moved
    await one.note_taken("city", ["1", "2"])
    await one.note_taken("city", ["2", "3"])
    assert await one.new_among("city", ["1", "2", "3", "4"]) == {"4"}
    assert await one.new_among("town", ["1"]) == {"1"}


def test_a_key_of_a_portal_that_has_no_interface_stops_the_start() -> None:

    with pytest.raises(ValueError, match="no portal with open311 called gialai-dvc"):
        Remotes(UNSIGNED, IntakeSettings.model_validate(KEYS), None, None, None, None)  # type: ignore[arg-type]


async def test_each_step_is_told_once_in_order_after_the_other_side_was_away_in_public_words_alone(
    make_system: MakeSystem,
) -> None:
    city = OddCity()
    city.rows = [row("told-1")]
    is_away = True
    accepted: list[dict[str, str]] = []

    def answer(asked: Asked) -> tuple[int, bytes]:
        if asked.method == "GET":
            return 200, json.dumps(city.rows).encode()
        if is_away:
            return 503, b""
        accepted.append(asked.values)
        return 200, json.dumps([{"update_id": asked.values["update_id"]}]).encode()

    city.answer = answer
    async with city.listening() as url, asking(make_system, city=Remote(url=url, tell=True)) as here:
        await here.start("routing")
        case = (await taken(here, "told-1"))["feedback_id"]
        (assigned,) = await here.observer.wait("FeedbackAssigned", topic="feedback", subject=case)
        agency = assigned.data["agency"]
        await here.post.act(agency, case, "accept")
        await here.post.act(agency, case, "refuse", reason="Không thuộc thẩm quyền")
        await until(lambda: len(city.paths("POST")) >= 3, "it is tried again")
        tried = [each.values["update_id"] for each in city.asked if each.method == "POST"]
        assert len(set(tried)) == 1, "what is behind it waits"
        is_away = False
        await until(lambda: any(each["status"] == "CLOSED" for each in accepted), "it hears of the end")
        assert [each["status"] for each in accepted] == ["OPEN", "OPEN", "CLOSED"]
        assert accepted[0]["update_id"] == tried[0]
        assert (accepted[2]["service_request_id"], accepted[2]["api_key"]) == ("told-1", "a-key")
        assert accepted[2]["description"]
        assert "Không thuộc thẩm quyền" not in accepted[2]["description"], "an officer's reason may name people"
        await here.settled()
        assert await here.documents("intake")["open311_updates"].count_documents({"waits": True}) == 0
        assert len({each["update_id"] for each in accepted}) == len(accepted) == 3, "each once"
