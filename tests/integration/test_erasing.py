"""A sender's details are erased for good: at intake, at notify, and in the topic between them."""

from collections.abc import AsyncIterator

import pytest

from pakn.operations.evidence import letters_waiting
from services.intake import commands
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import SENDER, until
from tests.support.system import System


@pytest.fixture(scope="module")
async def system(make_system: MakeSystem) -> AsyncIterator[System]:
    async with make_system() as made:
        await made.start("intake", "routing", "notify")
        yield made


async def personal(system: System, service: str) -> list[str]:
    """What of the sender's details stands anywhere in a service's database."""
    found = repr(await system.snapshot(service))
    return [value for value in SENDER.values() if value in found]


async def test_erased_details_do_not_come_back_with_what_the_sender_does_next(system: System) -> None:
    """A supplement publishes all facts of its feedback again, and the contact was once among them after its tombstone."""
    body = await system.assigned()
    await system.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"])
    await system.settled("notify")
    assert await personal(system, "intake")
    assert await personal(system, "notify")

    assert await commands.erase_sender(system.settings, body["code"])
    assert await commands.erase_sender(system.settings, body["code"]), "it may be repeated"

    await system.post.act("gia-lai", body["feedback_id"], "request_more", question="Ở đâu?")
    await system.shows(body, "waiting_for_supplement")
    answer = await system.http.post(
        f"/v1/feedback/{body['code']}/supplements",
        json={"content": "Trước trường học"},
        headers={"X-Lookup-Secret": body["lookup_secret"]},
    )
    assert answer.status_code == 202, answer.text
    await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", subject=body["feedback_id"])
    await system.settled()
    await system.observer.all_read()

    assert await personal(system, "intake") == []
    assert await personal(system, "notify") == []
    records = [record for record in system.observer.found(topic="contacts") if record.key == body["feedback_id"].encode()]
    assert records[-1].value is None

    async def no_letter_waits() -> bool:
        return not await letters_waiting(system.client, system.settings.namespace)

    await until(no_letter_waits, "no letter waits for a contact that will never come")


async def test_an_unknown_code_erases_nothing(system: System) -> None:
    assert not await commands.erase_sender(system.settings, "PAKN.20260302.9999")
