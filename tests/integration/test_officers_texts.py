"""What officers write about a case is shown by the look-up secret only. Replies are excepted: the law publishes them."""

from typing import Any, get_args

import httpx

from schemas.agency_action import AnyAction
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF
from tests.integration.test_open311 import post
from tests.integration.test_reply_files import stored
from tests.support.pages import Browser
from tests.support.system import BUILDERS, System

REFUSED = {"reason": "Ly do tu choi Mark01", "right_channel": "Kenh dung Mark02"}
# Every text and account that an officer may write, by its action and field; what he chooses from lists is none.
WRITTEN: dict[tuple[str, str], str] = {
    ("refuse", "reason"): REFUSED["reason"],
    ("refuse", "right_channel"): REFUSED["right_channel"],
    ("return", "reason"): "Ly do chuyen tra Mark03",
    ("transfer", "reason"): "Ly do chuyen tiep Mark04",
    ("transfer", "to_unit"): "Don vi nhan Mark05",
    ("accept", "unit"): "Don vi xu ly Mark06",
    ("request_more", "question"): "Cau hoi Mark07",
    ("reply", "reply"): "Tra loi chua kiem tra Mark08",
    ("reply", "document_number"): "Mark09/CV",
    ("send_back", "reason"): "Ly do tra lai Mark10",
}
FILE, ACTOR = "Mark11.pdf", "Mark12"
MARKS = tuple(f"Mark{number:02}" for number in range(1, 13))
CHOSEN = {"feedback_id", "actor", "action", "to_agency", "attachments", "as_written"}


def fields(action: str) -> dict[str, str]:
    """What the officer of an action writes in it."""
    return {field: text for (name, field), text in WRITTEN.items() if name == action}


def addresses(system: System, service: str, code: str, feedback_id: str, file_id: str) -> list[str]:
    """Each address of a service that answers GET, with the code, the id and the file of a case where it has a place for them."""
    found = []
    for route in system.services[service].app.routes:
        if "GET" not in getattr(route, "methods", ()):
            continue
        values: dict[str, tuple[str, ...]] = {
            "code": (code,),
            "name": (f"{code}.json", f"{code}.xml", f"{feedback_id}.json"),
            "attachment_id": (file_id,),
        }
        paths = [route.path_format]
        for part in route.path_components:
            if isinstance(part, str):
                continue
            place = f"{{{part.name}}}"
            paths = [path.replace(place, value) for path in paths for value in values.get(part.name, ("x",))]
        found += paths
    return found


async def shown_to_anybody(system: System, body: dict[str, Any], file_id: str = "none") -> dict[str, str]:
    """What every address of every service answers without a secret, a token or a cookie, by the address."""
    found = {}
    lists = [f"/open311/v2/requests.{form}?extensions=true" for form in ("json", "xml")]
    lists += [f"/open311/v2/requests.json?service_request_id={body['code']}&extensions=true"]
    for service in BUILDERS:
        paths = addresses(system, service, body["code"], body["feedback_id"], file_id)
        # A client of its own, without a cookie of the test's.
        stranger = httpx.AsyncClient(transport=system.https[service]._transport, base_url="http://stranger")
        for path in [*paths, *(lists if service == "intake" else ())]:
            answer = await stranger.get(path)
            found[f"{service} {path}"] = answer.text + repr(answer.headers)
    assert len(found) > 40
    return found


def leaks(shown: dict[str, str]) -> list[tuple[str, str]]:
    return [(address, mark) for address, text in shown.items() for mark in MARKS if mark in text]


async def test_no_public_address_shows_what_officers_wrote_and_the_secret_opens_it(make_system: MakeSystem) -> None:
    """A refusal's reason, with a name and a phone in it, was public by the code alone, and codes can be guessed in order."""
    actions = {get_args(act.model_fields["action"].annotation)[0]: act.model_fields for act in get_args(AnyAction)}
    wanted = {(name, field) for name, found in actions.items() for field in found}
    assert {row for row in wanted if row[1] not in CHOSEN} == set(WRITTEN), "a new text of officers needs a line above"
    async with make_system() as system:
        await system.start(*BUILDERS)
        case, refused = await system.timed(), await system.timed()
        ids = {"subject": case["feedback_id"]}

        async def act(agency: str, action: str, by: str = ACTOR, **more: Any) -> None:
            await system.post.act(agency, case["feedback_id"], action, by, **fields(action), **more)

        await act("gia-lai", "return")
        await system.observer.wait("FeedbackReturned", topic="feedback", **ids)
        (again,) = await system.observer.wait("FeedbackAssigned", topic="assignments.van-phong-chinh-phu", **ids)
        await act(again.data["agency"], "transfer", to_agency="da-nang")
        await system.observer.wait("FeedbackAssigned", topic="assignments.da-nang", **ids)
        await act("da-nang", "request_more")
        await system.shows(case, "waiting_for_supplement")
        assert leaks(await shown_to_anybody(system, case)) == []
        seen = repr(await system.view(case, secret=True))
        assert ("Mark05" in seen, "Mark07" in seen) == (True, True)
        await system.senders_act(case, "supplements", {"content": "Ở đây"})
        await system.shows(case, "supplemented")
        await act("da-nang", "accept")
        await system.shows(case, "accepted")
        assert "Mark06" in repr(await system.view(case, secret=True))
        own_id = await system.post.reply_file("da-nang", case["feedback_id"], FILE, PDF)
        file = (await stored(system, own_id, "da-nang")).data["file"]["id"]
        await act("da-nang", "reply", attachments=[file])
        await act("da-nang", "send_back", f"{ACTOR}b")
        await system.observer.wait("ReplySentBack", topic="feedback", **ids)
        await act("da-nang", "reply", attachments=[file])
        await system.shows(case, "reply_to_check")
        await system.settled()
        assert leaks(await shown_to_anybody(system, case, file)) == []

        await system.post.act("gia-lai", refused["feedback_id"], "refuse", ACTOR, **fields("refuse"))
        view = await system.shows(refused, "not_accepted")
        await system.settled()
        assert leaks(await shown_to_anybody(system, refused)) == []
        assert not view.keys() & REFUSED.keys()
        assert REFUSED.items() <= (await system.view(refused, secret=True)).items()
        async with Browser(system.http) as browser:
            await browser.get(f"/follow/{refused['code']}")
            assert "mã bí mật" in browser.text, "who has none is told where the reason is"
            await browser.get(f"/follow/{refused['code']}/open?secret={refused['lookup_secret']}")
            assert all(text in browser.text for text in REFUSED.values())

        await system.post.act("da-nang", case["feedback_id"], "publish", f"{ACTOR}b")
        await system.shows(case, "published")
        await system.settled()
        public = {mark for _, mark in leaks(await shown_to_anybody(system, case, file))}
        assert public == {"Mark08", "Mark09", "Mark11"}, "the reply, its number and its file, which the law publishes"


async def test_an_answer_that_comes_again_says_what_the_first_one_said(make_system: MakeSystem) -> None:
    """A client of Open311 holds no secret; the same submission again gave it the officer's reason."""
    async with make_system() as system:
        await system.start("intake", "routing")
        by_json = {"Idempotency-Key": "a key that nobody else has"}
        by_form = {"Idempotency-Key": "another that nobody else has"}
        body, (posted,) = await system.submit(headers=by_json), await post(system, headers=by_form)
        for code in (body["code"], posted["service_request_id"]):
            (fact,) = await system.observer.wait("FeedbackAssigned", topic="assignments.gia-lai", code=code)
            await system.post.act("gia-lai", fact.subject, "refuse", **REFUSED)
            await system.shows({"code": code}, "not_accepted")
        assert await system.submit(headers=by_json) == body
        assert await post(system, headers=by_form, status=200) == [posted]
