"""A sender's details are erased for good: at intake, at notify, and in the topic between them."""

from services.intake import commands
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import SENDER
from tests.support.system import System


async def personal(system: System, service: str) -> list[str]:
    """What of the sender's details stands anywhere in a service's database."""
    found = repr(await system.snapshot(service))
    return [value for value in SENDER.values() if value in found]


async def test_erased_details_do_not_come_back_with_what_the_sender_does_next(make_system: MakeSystem) -> None:
    """A supplement publishes all facts of its feedback again, and the contact was once among them after its tombstone."""
    async with make_system() as system:
        await system.start("intake", "routing", "notify")
        body = await system.assigned()
        await system.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"])
        await system.settled("notify")
        assert await personal(system, "intake")
        assert await personal(system, "notify")

        assert await commands.erase_sender(system.settings, body["code"])
        assert await commands.erase_sender(system.settings, body["code"]), "it may be repeated"
        assert not await commands.erase_sender(system.settings, "PAKN.20260302.9999"), "nobody has this code"

        await system.post.act("gia-lai", body["feedback_id"], "request_more", question="Ở đâu?")
        await system.shows(body, "waiting_for_supplement")
        await system.senders_act(body, "supplements", {"content": "Trước trường học"})
        await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", subject=body["feedback_id"])
        await system.settled()

        assert await personal(system, "intake") == []
        assert await personal(system, "notify") == []
        records = [record for record in system.observer.found(topic="contacts") if record.key == body["feedback_id"].encode()]
        assert records[-1].value is None
        await system.letters_settled()
