"""Confirming a mail address by the link of a letter, at intake: for each feedback, since anybody may name any address."""

from typing import Any

from services.intake import commands
from services.intake.commands import erase_sender
from services.intake.domain import confirmation_token
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD, SENDER
from tests.support.pages import Browser
from tests.support.system import SECRET_KEY, System


async def confirm(system: System, body: dict[str, Any], token: str | None = None) -> int:
    params = {"token": token or confirmation_token(SECRET_KEY, body["feedback_id"])}
    return int((await system.http.get(f"/v1/feedback/{body['code']}/confirmation", params=params)).status_code)


async def test_the_link_of_a_letter_leads_to_a_button_and_confirms_nothing_by_itself(people: System, browser: Browser) -> None:
    """What looks for harm in a stranger's letters follows every link, and would confirm his address."""
    body = await people.assigned()
    await people.shows(body, "assigned")
    address = f"/follow/{body['code']}/confirm"
    assert (await browser.get(f"{address}?token=x")).page.status_code == 404
    token = confirmation_token(SECRET_KEY, body["feedback_id"])
    await browser.get(f"{address}?token={token}")
    await people.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"])
    assert (await people.http.post(address, data={"confirmation": token})).status_code == 403, "a form of another site"
    assert await contacts(people, body) == [False]
    await browser.post()
    assert "Địa chỉ thư điện tử đã được xác nhận." in browser.text
    assert "token" not in str(browser.page.url)
    await people.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"], email_confirmed=True)
    assert await contacts(people, body) == [False, True]


async def contacts(system: System, body: dict[str, Any]) -> list[bool]:
    """Whether each contact that was published of a feedback is verified, in order."""
    found = system.observer.found("ContactRecorded", topic="contacts", subject=body["feedback_id"])
    return [record.data["email_confirmed"] for record in found]


async def test_the_link_of_a_letter_confirms_the_address_for_its_feedback_only(system: System) -> None:
    """Anybody once made the system write his own words to a stranger; then only to strangers who had confirmed before."""
    first = await system.submit()
    assert "confirmation" not in repr(first), "only the letter has the token"
    assert await confirm(system, first, first["lookup_secret"]) == 403
    assert await confirm(system, first, confirmation_token("another key", first["feedback_id"])) == 403
    assert await confirm(system, first) == 200
    assert await confirm(system, first) == 200, "it may be followed again"
    await system.observer.wait("ContactRecorded", topic="contacts", subject=first["feedback_id"], email_confirmed=True)
    assert await contacts(system, first) == [False, True]

    second = await system.submit()
    await system.observer.wait("ContactRecorded", topic="contacts", subject=second["feedback_id"])
    assert await contacts(system, second) == [False]

    assert await commands.erase_sender(system.settings, first["code"])
    assert await confirm(system, first) == 409, "what was erased stays so"


async def test_a_new_secret_opens_the_feedback_and_the_former_one_nothing_more(system: System) -> None:
    """Who has shown the secret to somebody could only give up the feedback."""
    body = await system.assigned()
    await system.shows(body, "assigned")
    path, former = f"/v1/feedback/{body['code']}", {"X-Lookup-Secret": body["lookup_secret"]}
    answer = await system.http.post(f"{path}/secret", headers=former)
    assert answer.status_code == 200, answer.text
    new = {"X-Lookup-Secret": answer.json()["lookup_secret"]}
    assert new != former
    assert (await system.http.get(path, headers=former)).status_code == 403
    assert (await system.http.post(f"{path}/secret", headers=former)).status_code == 403
    assert (await system.http.get(path, headers=new)).json()["content"] == GOOD["content"]
    (_, last) = await system.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"], count=2)
    assert (last.data["lookup_secret"], last.data["email_confirmed"]) == (new["X-Lookup-Secret"], False)
    assert last.data["name"] == SENDER["name"]
    assert await confirm(system, body) == 200
    again = await system.http.post(f"{path}/secret", headers=new)
    new = {"X-Lookup-Secret": again.json()["lookup_secret"]}
    contacts = await system.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"], count=4)
    assert (contacts[-1].data["lookup_secret"], contacts[-1].data["email_confirmed"]) == (new["X-Lookup-Secret"], True)
    assert await erase_sender(system.settings, body["code"])
    assert (await system.http.post(f"{path}/secret", headers=new)).status_code == 409


async def test_no_new_secret_is_given_before_what_was_published_of_the_submission_is_read_back(make_system: MakeSystem) -> None:
    """Its place in the outbox would stand for the submission's, whose facts a process that ends then might not have published."""
    async with make_system() as alone:
        await alone.start("intake", role="web")
        body = await alone.submit()
        headers = {"X-Lookup-Secret": body["lookup_secret"]}
        assert (await alone.http.post(f"/v1/feedback/{body['code']}/secret", headers=headers)).status_code == 409
