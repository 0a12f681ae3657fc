"""Everything is read again from the beginning: no new fact appears, and nothing changes in any store."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pakn.demo.mailbox import Mailbox
from pakn.settings import SmtpSettings
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD, read_again
from tests.support.system import BUILDERS, START, System


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path / "mail") as made:
        yield made


async def play(system: System) -> None:
    """Bring about every kind of fact."""
    bodies = await asyncio.gather(*(system.assigned(title=f"Số {n}") for n in range(12)))
    await system.submit(category="to-cao")
    for portal in ("cdvcqg", "hcm-1022"):
        await system.post.portal(portal, GOOD)
        await system.post.portal(portal, GOOD | {"category": "x"})
    asked, replied, refused, transferred, wrong = (body["feedback_id"] for body in bodies[:5])
    await system.post.act("gia-lai", asked, "accept")
    await system.post.act("gia-lai", asked, "request_more", question="Ở đâu?")
    await system.post.act("gia-lai", replied, "reply", reply="Đã sửa")
    await system.post.act("gia-lai", replied, "send_back", "cb2", reason="Chưa rõ")
    await system.post.act("gia-lai", replied, "reply", reply="Đã sửa xong")
    await system.post.act("gia-lai", replied, "publish", "cb2")
    await system.post.act("gia-lai", refused, "refuse", reason="Không thuộc phạm vi")
    await system.post.act("gia-lai", transferred, "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
    await system.post.act("gia-lai", bodies[5]["feedback_id"], "return", reason="Không thuộc thẩm quyền")
    await system.post.act("gia-lai", wrong, "publish")
    await system.post.raw("actions.gia-lai", b"garbage")
    await system.shows(bodies[0], "waiting_for_supplement")
    await system.shows(bodies[1], "published")
    await system.senders_act(bodies[0], "supplements", {"content": "Km 5"})
    await system.senders_act(bodies[1], "rating", {"satisfied": False})
    await system.shows(bodies[0], "supplemented")
    system.set_clock(START + timedelta(days=40))
    await system.observer.wait("FeedbackOverdue", topic="feedback", count=10)


async def quiet(system: System) -> None:
    """Wait until nothing more happens: all is handled, no letter waits, no fact comes that was not there before."""
    while True:
        before = len(system.observer.records)
        await system.settled()
        await system.letters_settled()
        await system.settled()
        if len(system.observer.records) == before:
            return


async def test_reading_everything_again_changes_nothing(make_system: MakeSystem, mailbox: Mailbox) -> None:
    async with make_system(smtp=SmtpSettings(host="127.0.0.1", port=mailbox.port)) as system:
        await system.start(*BUILDERS)
        await play(system)
        await quiet(system)
        assert mailbox.counts.total() > 20
        await system.stop(*BUILDERS)
        facts = {(row.topic, row.id): row.value for row in system.observer.records if row.id}
        documents = await system.snapshot()
        letters = dict(mailbox.counts)

        await read_again(system.settings.kafka, system.settings.namespace, BUILDERS)
        count = len(system.observer.records)
        await system.start(*BUILDERS)
        await quiet(system)
        await system.stop(*BUILDERS)

        again = system.observer.records[count:]
        assert again, "the same facts are published again"
        new = {(row.topic, row.id, row.name) for row in again if row.id and (row.topic, row.id) not in facts}
        assert not new
        assert not [row for row in again if row.id and facts[row.topic, row.id] != row.value], "byte for byte the same"
        assert await system.snapshot() == documents
        assert dict(mailbox.counts) == letters


async def test_a_repetition_behind_later_facts_does_not_turn_the_shown_state_back(make_system: MakeSystem) -> None:
    """A service that was killed publishes its last facts again, behind what others made of them in the meantime."""
    async with make_system() as system:
        await system.start("intake", "routing")
        body = await system.assigned()
        await system.shows(body, "assigned")
        await system.stop("intake")
        await system.post.act("gia-lai", body["feedback_id"], "accept")
        await system.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
        await system.observer.wait("FeedbackReplied", subject=body["feedback_id"])
        for name in ("FeedbackSubmitted", "FeedbackAssigned", "FeedbackAccepted"):
            (row,) = system.observer.found(name, topic="feedback", subject=body["feedback_id"])
            await system.post.raw("feedback", row.value, [(key, text.encode()) for key, text in row.headers.items()], row.key)
        await system.start("intake")
        await system.settled("intake")
        assert (await system.view(body))["state"] == "reply_to_check"
