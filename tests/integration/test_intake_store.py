"""Intake's store and files on a real database, by PyMongo's async driver and by Motor: codes, repetitions, views, marks."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
import stamina

from pakn.engine import mongo
from pakn.errors import TryAgain
from schemas.values import Attachment
from services.intake.feedback import Due, Feedback, Recorded, SenderDetails, Step, Supplemented
from services.intake.store import IntakeStore, OutboxPlace, Projection
from tests.integration.test_stores import MANY, NOW, rated


@pytest.fixture
async def intake(database: mongo.Database) -> IntakeStore:
    store = IntakeStore(database)
    await store.prepare()
    await store.prepare()
    return store


def case_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def feedback(number: int, **more: Any) -> Feedback:
    return Feedback(
        id=case_id(number),
        code=f"PAKN.20261102.{number:04d}",
        state=more.pop("state", "submitted"),
        category="khac",
        title="Đường hỏng",
        content="Ổ gà",
        language="vi",
        sender=SenderDetails(name="Nguyễn Văn Thử"),
        submitter_type="person",
        attachments=(Attachment(id="a", name="ảnh.png", media_type="image/png", size=1, sha256="0" * 64),),
        channel="web",
        submitted_at=NOW,
        received_at=NOW,
        fingerprint="f",
        history=(Recorded(cause="c", facts=(rated(case_id(number), "c"),)),),
        **more,
    )


async def test_a_feedback_comes_back_as_it_was_stored(intake: IntakeStore) -> None:
    """What a document cannot hold or a model does not name would be lost without a word."""
    due = Due(date=date(2026, 11, 23), article="15", verified=True)
    whole = feedback(1, agency="a", due=due, timeline=(Step(id="e", type="FeedbackAssigned", at=NOW, agency="a"),))
    await intake.insert([whole])
    assert await intake.by_code(whole.code) == whole
    await intake.project([Projection(case_id(1), {"due": None, "agency": "b"}, [Step(id="e2", type="FeedbackAssigned", at=NOW)])])
    await intake.project([Projection(case_id(1), {"due": due}, [Step(id="e3", type="DeadlinesChanged", at=NOW)])])
    stored = (await intake.load([case_id(1)]))[case_id(1)]
    assert (stored.due, stored.agency, stored.sender) == (due, "b", whole.sender)
    await intake.erase(case_id(1), ("contacts",), NOW)
    erased = (await intake.load([case_id(1)]))[case_id(1)]
    assert (erased.sender, erased.title) == (SenderDetails(), whole.title)
    await intake.erase(case_id(1), ("contacts", "matters"), NOW)
    erased = (await intake.load([case_id(1)]))[case_id(1)]
    assert (erased.title, erased.content, erased.where, erased.attachments, erased.supplements) == ("", "", None, (), ())


async def test_what_an_agency_gave_as_a_reason_goes_with_the_matter_and_what_the_pack_says_stays(intake: IntakeStore) -> None:
    """An officer's reason may repeat what the sender wrote."""
    refused = {"state": "not_accepted", "reason": "Việc của ông Mẫu đã được giải quyết."}
    await intake.insert([feedback(1, agency="a", **refused), feedback(2, **refused)])
    for number in (1, 2):
        await intake.erase(case_id(number), ("contacts",), NOW)
        assert (await intake.load([case_id(number)]))[case_id(number)].reason == refused["reason"]
        await intake.erase(case_id(number), ("contacts", "matters"), NOW)
    erased = await intake.load([case_id(1), case_id(2)])
    assert [erased[case_id(number)].reason for number in (1, 2)] == [None, refused["reason"]]


async def test_numbers_are_never_given_twice(intake: IntakeStore) -> None:
    """Two feedbacks with one code would be one to every citizen who looks up."""

    async def take(count: int) -> int:
        # Who makes the day's counter at the same moment as another tries again, as the group commit does.
        async for attempt in stamina.retry_context(on=TryAgain, attempts=5, wait_initial=0.01):
            with attempt:
                return await intake.take_numbers("20261102", count)
        raise AssertionError

    counts = [1 + call % 4 for call in range(50)]
    firsts = await asyncio.gather(*(take(count) for count in counts))
    given = [first + index for first, count in zip(firsts, counts, strict=True) for index in range(count)]
    # A number whose answer was lost on its way is passed over, and given to nobody.
    assert len(set(given)) == len(given) == sum(counts)
    assert await intake.take_numbers("20261103", 1) == 1


async def test_an_insert_names_what_was_there_already_and_stores_the_rest(intake: IntakeStore) -> None:
    """A group that is committed again after a crash holds both."""
    assert await intake.insert([feedback(n) for n in range(0, MANY, 4)]) == set()
    assert await intake.insert([feedback(n, state="published") for n in range(MANY)]) == {case_id(n) for n in range(0, MANY, 4)}
    assert len(await intake.load(case_id(n) for n in range(MANY))) == MANY
    found = await intake.by_code("PAKN.20261102.0004")
    assert found
    assert found.state == "submitted"
    assert await intake.by_code("PAKN.20261102.9999") is None


async def test_what_is_shown_is_never_turned_back_by_a_repetition(intake: IntakeStore) -> None:
    """After a rebalance old records come again; the state of a published feedback must not fall back."""
    await intake.insert([feedback(1), feedback(2)])
    step, later = (Step(id=id, type="FeedbackAssigned", at=NOW, agency="a") for id in ("e1", "e2"))
    assigned = {"state": "assigned"}
    await intake.project([Projection(case_id(1), assigned, [step]), Projection(case_id(2), assigned, [step])])
    await intake.project([Projection(case_id(1), {"state": "published"}, [later])])
    await intake.project([Projection(case_id(1), assigned, [step]), Projection(case_id(1), {"state": "accepted"}, [step, later])])
    await intake.project([Projection("nobody", assigned, [step])])
    await intake.project([])
    rows = await intake.load([case_id(1), case_id(2), "nobody"])
    assert (rows[case_id(1)].state, rows[case_id(2)].state) == ("published", "assigned")
    assert [row.id for row in rows[case_id(1)].timeline] == ["e1", "e2"]
    assert set(rows) == {case_id(1), case_id(2)}


async def test_what_is_not_marked_is_found_in_order_and_within_bounds(intake: IntakeStore) -> None:
    """After a crash the sweep publishes exactly what lies above the mark, whoever placed it."""
    places = [("one", 3), ("one", 1), ("two", 1), ("one", 2), ("one", 4)]
    for n, place in enumerate(places):
        await intake.insert([feedback(n)], OutboxPlace(*place))
    await intake.insert([feedback(100)])

    async def found(*arguments: Any) -> list[int]:
        return [seq for seq, _ in await intake.placed_after(*arguments)]

    assert await found("one", 0, None, 100) == [1, 2, 3, 4]
    assert await found("one", 1, 3, 100) == [2, 3]
    assert await found("one", 0, None, 2) == [1, 2]
    assert await found("one", 4, None, 100) == await found("nobody", 0, None, 100) == []
    await intake.insert([feedback(n) for n in (7, 8)], OutboxPlace("three", 5))
    published = await intake.placed_after("three", 0, None, 100)
    assert published == [(5, feedback(7).facts), (6, feedback(8).facts)]


async def test_a_mark_never_goes_back_and_is_forgotten_only_while_its_instance_is_silent(intake: IntakeStore) -> None:
    """A slow writer that set an older mark would have everything in between published again; a forgotten one is never swept."""
    await intake.heartbeat("one", NOW)
    await intake.move_mark("one", 7)
    await intake.move_mark("one", 5)
    await intake.heartbeat("two", NOW)
    assert await intake.marks_before(NOW) == []
    found = {mark.instance: mark for mark in await intake.marks_before(NOW + timedelta(seconds=30))}
    assert (found["one"].seq, found["two"].seq) == (7, 0)
    await intake.heartbeat("two", NOW + timedelta(seconds=60))
    await intake.forget_mark(found["one"])
    await intake.forget_mark(found["two"])
    assert [mark.instance for mark in await intake.marks_before(NOW + timedelta(days=1))] == ["two"]


async def test_a_senders_act_is_stored_once_and_only_in_the_state_it_was_decided_in(intake: IntakeStore) -> None:
    """Two ratings at the same moment are one; a supplement that comes after the state has changed is none."""
    await intake.insert([feedback(1)])
    before = (await intake.load([case_id(1)]))[case_id(1)]
    recorded, place = Recorded(cause="act", facts=(rated(case_id(1), "act"),)), OutboxPlace("one", 1)
    acts = await asyncio.gather(*(intake.amend(before, {"satisfied": True}, recorded, place) for _ in range(5)))
    assert sorted(acts) == [False] * 4 + [True]
    stored = (await intake.load([case_id(1)]))[case_id(1)]
    assert (stored.version, stored.satisfied, stored.history) == (2, True, (*before.history, recorded))
    await intake.project(
        [Projection(case_id(1), {"state": "published"}, [Step(id="e1", type="ReplyPublished", at=NOW, agency="a")])]
    )
    assert not await intake.amend(stored, {"satisfied": False}, recorded, place)


async def test_a_step_that_the_timeline_no_longer_keeps_is_gone_from_it(intake: IntakeStore) -> None:
    steps = [Step(id=f"e{number}", type="DeadlineMoved", at=NOW) for number in range(4)]
    await intake.insert([feedback(1)])
    await intake.project([Projection(case_id(1), {}, steps[:3])])
    assert (await intake.known([case_id(1)]))[case_id(1)].steps == dict.fromkeys(["e0", "e1", "e2"], "DeadlineMoved")
    await intake.project([Projection(case_id(1), {}, steps[3:], dropped=["e0", "e1"])])
    assert [step.id for step in (await intake.load([case_id(1)]))[case_id(1)].timeline] == ["e2", "e3"]


async def test_large_feedbacks_are_taken_a_few_at_a_time(intake: IntakeStore) -> None:
    """A portal repeated five hundred submissions in one batch, and all that their senders had written since was held at once."""
    large = [feedback(number).model_copy(update={"content": "Ổ gà " * 400_000}) for number in range(5)]
    await intake.insert([*large, feedback(8), feedback(9)], OutboxPlace("one", 1))
    groups = await intake.groups([case_id(number) for number in range(10)])
    assert groups[0] == [case_id(number) for number in (5, 6, 7, 8, 9)], "small ones, and those that nobody knows"
    assert sorted(len(group) for group in groups[1:]) == [1, 2, 2]
    seq, sweeps = 0, []
    while found := await intake.placed_after("one", seq, None, 100):
        sweeps.append([place for place, _ in found])
        seq = found[-1][0]
    assert sweeps == [[1, 2], [3, 4], [5, 6, 7]]


async def test_a_glance_at_a_feedback_leaves_out_what_was_added_to_it(intake: IntakeStore) -> None:
    supplements = (Supplemented(id="s", content="Ở ngõ 2", supplemented_at=NOW),)
    whole = feedback(1)
    await intake.insert([whole])
    said = Recorded(cause="s", facts=(rated(case_id(1), "s"),))
    assert await intake.amend(whole, {"supplements": supplements}, said)
    stored, seen = (await intake.load([whole.id]))[whole.id], (await intake.glance([whole.id]))[whole.id]
    assert (stored.supplements, len(stored.facts)) == (supplements, 3)
    without = {"supplements": (), "history": tuple(Recorded(cause=row.cause, facts=()) for row in stored.history)}
    assert seen == stored.model_copy(update=without)


async def test_what_a_sender_adds_counts_for_how_large_his_feedback_is(intake: IntakeStore, database: mongo.Database) -> None:
    whole = feedback(1)
    await intake.insert([whole])
    before = (await database["feedbacks"].find_one({"_id": whole.id}))["used_bytes"]
    supplements = tuple(Supplemented(id=f"s{number}", content="x" * 10_000, supplemented_at=NOW) for number in range(5))
    assert await intake.amend(whole, {"supplements": supplements}, Recorded(cause="s", facts=()))
    after = (await database["feedbacks"].find_one({"_id": whole.id}))["used_bytes"]
    assert after == before + 50_000
    assert await intake.groups([whole.id]) == [[whole.id]]
    assert (await intake.load([whole.id]))[whole.id].supplements == supplements
