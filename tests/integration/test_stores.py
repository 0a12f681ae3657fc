"""The stores on a real database, by PyMongo's async driver and by Motor: guards, conflicts, repetitions, order.

Everything that keeps facts from being lost or doubled stands on these guards. Intake's store is in test_intake_store.py;
what becomes of letters is tested with the mailer, in test_mailer.py.
"""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import PyMongoError

import schemas
from pakn.engine import mongo
from pakn.engine.case_store import MOST_REFUSALS, CaseStore, Change, history_entry, recorded_causes
from pakn.errors import TryAgain
from schemas import Fact
from services.deadlines.store import DeadlinesStore
from services.notify import store as notify_store
from services.notify.domain import Letter, Settlement
from services.notify.store import NotifyStore
from services.routing.store import RoutingStore
from tests.support import letters
from tests.support.packs import VN

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
# Many documents, so that positions in a bulk and in its answer cannot be confused.
MANY = 40


def rated(case_id: str, cause: str) -> Fact:
    """Any fact; a real one, so that what comes back can be compared byte for byte."""
    feedback_id = schemas.derived_id(case_id, "feedback")
    event = schemas.FeedbackRated(feedback_id=feedback_id, code="PAKN.20261102.0042", satisfied=True, rated_at=NOW)
    return schemas.fact(event, cause=cause, subject=case_id, time=NOW, source="/test", topics=("feedback", "assignments.x"))


def change(case_id: str, version: int, cause: str = "", **fields: Any) -> Change:
    entries = [history_entry(cause, [rated(case_id, cause)])] if cause else []
    return Change(case_id, version, fields, entries)


@pytest.fixture
def cases(database: mongo.Database) -> CaseStore:
    return CaseStore(database["cases"])


async def test_a_case_is_inserted_changed_and_loaded_with_all_its_facts(cases: CaseStore) -> None:
    """A repeated publication must have the same bytes as the first."""
    assert await cases.save([change("a", 0, "c1", state="new"), change("b", 0, state="new")]) == set()
    assert await cases.save([change("a", 1, "c2", state="old")]) == set()
    loaded = await cases.load(["a", "b", "nobody"])
    assert set(loaded) == {"a", "b"}
    assert (loaded["a"]["state"], loaded["a"]["version"]) == ("old", 2)
    assert recorded_causes(loaded["a"]) == {"c1", "c2"}
    assert "facts" not in loaded["a"]["history"][0], "they are most of a case, and only a repetition needs them"
    assert (loaded["b"]["version"], loaded["b"]["history"]) == (1, [])
    assert await cases.save([change("b", 1, "c3")]) == set()
    found = await cases.recorded({"a": {"c1", "c2", "c9"}, "b": {"c3"}, "nobody": {"c1"}})
    assert found == {"c1": [rated("a", "c1")], "c2": [rated("a", "c2")], "c3": [rated("b", "c3")]}
    assert await cases.recorded({"a": {"c9"}, "b": set()}) == {}
    assert await cases.save([]) == set()


async def test_of_refusals_and_of_what_timers_did_the_newest_are_kept(cases: CaseStore) -> None:
    assert await cases.save([change("a", 0, "c1")]) == set()
    for version in (1, 2, 3):
        said = [history_entry(f"{version}/{number}", [rated("a", "x")]) for number in range(MOST_REFUSALS - 20)]
        added = Change("a", version, {}, [], refusals=said, timed=said, most_timed=7)
        assert await cases.save([added]) == set()
    document = await cases.collection.find_one({"_id": "a"})
    assert [row["cause"] for row in document["refusals"]][-1] == f"3/{MOST_REFUSALS - 21}"
    assert (len(document["refusals"]), len(document["timed"]), len(document["history"])) == (MOST_REFUSALS, 7, 1)
    assert await cases.recorded({"a": {"3/0"}}) == {"3/0": [rated("a", "x")]}


async def test_large_cases_are_taken_a_few_at_a_time(cases: CaseStore) -> None:
    """One agency filled forty of its cases; another named them all in one batch, and routing took 570 MB."""
    sizes = {f"large-{number}": 3_000_000 for number in range(5)} | {"small": 100, "huge": 20_000_000}
    await cases.save([change(case_id, 0, used_bytes=size) for case_id, size in sizes.items()])
    groups = await cases.groups([*sizes, "unknown", "small"])
    assert groups[0] == ["small", "unknown"]
    assert sorted(case_id for group in groups for case_id in group) == sorted([*sizes, "unknown"])
    assert max(len(group) for group in groups[1:]) == 2
    assert ["huge"] in groups
    assert await cases.groups([]) == []


async def test_a_case_that_another_writer_inserted_first_is_a_conflict_and_stays_as_it_was(cases: CaseStore) -> None:
    """Two instances meet around a rebalance: one of them must decide again on what the other one stored."""
    await cases.save([change(f"{n}", 0, "first", by="first") for n in range(0, MANY, 3)])
    conflicts = await cases.save([change(f"{n}", 0, "second", by="second") for n in range(MANY)])
    assert conflicts == {f"{n}" for n in range(0, MANY, 3)}
    loaded = await cases.load(f"{n}" for n in range(MANY))
    assert {loaded[case_id]["by"] for case_id in conflicts} == {"first"}
    assert {row["by"] for case_id, row in loaded.items() if case_id not in conflicts} == {"second"}


async def test_only_the_changes_that_met_another_writer_are_conflicts(cases: CaseStore) -> None:
    """The server says how many writes matched, not which; the others of the bulk must not be redone."""
    await cases.save([change(f"{n}", 0, by="start") for n in range(MANY)])
    await cases.save([change(f"{n}", 1, "other", by="other") for n in range(0, MANY, 7)])
    mixed = [change(f"{n}", 1, "mine", by="mine") for n in range(MANY)] + [change("new", 0, "mine", by="mine")]
    assert await cases.save(mixed) == {f"{n}" for n in range(0, MANY, 7)}
    loaded = await cases.load([*(f"{n}" for n in range(MANY)), "new"])
    assert {row["by"] for case_id, row in loaded.items() if case_id == "new" or int(case_id) % 7} == {"mine"}
    assert all(row["history"] == [{"cause": "other"}] for row in loaded.values() if row["by"] == "other")


@pytest.mark.parametrize(
    ("first", "second"),
    [({"cause": "one"}, {"cause": "two"}), ({"cause": "same"}, {"cause": "same"}), ({"heard": "e1"}, {"heard": "e1 e2"})],
    ids=["another event", "the same event", "without facts"],
)
async def test_a_writer_that_comes_second_sees_that_its_write_did_not_stand(
    cases: CaseStore, first: dict[str, str], second: dict[str, str]
) -> None:
    """Both decided on version 1. The second one once took the first one's write for its own where both had the same mark."""
    await cases.save([change("a", 0), change("b", 0)])
    assert await cases.save([change("a", 1, by="one", **first)]) == set()
    assert await cases.save([change("a", 1, by="two", **second), change("b", 1, "cause-3", by="two")]) == {"a"}


async def test_writers_at_the_same_time_lose_no_change(cases: CaseStore) -> None:
    """Each of ten writers adds one to the same case, reloading after each conflict, as the turn does."""
    await cases.save([change("a", 0, count=0)])

    async def add(writer: int) -> None:
        for _ in range(200):
            row = (await cases.load(["a"]))["a"]
            if not await cases.save([change("a", row["version"], f"w{writer}", count=row["count"] + 1)]):
                return
        pytest.fail("a writer never got through")

    await asyncio.gather(*(add(writer) for writer in range(10)))
    row = (await cases.load(["a"]))["a"]
    assert (row["count"], row["version"], len(row["history"])) == (10, 11, 10)
    assert {entry["cause"] for entry in row["history"]} == {f"w{writer}" for writer in range(10)}


async def test_a_change_of_a_case_that_is_gone_is_a_conflict(cases: CaseStore) -> None:
    """A change that meets no document was taken for written."""
    assert await cases.save([change("gone", 3, "c", state="x")]) == {"gone"}
    assert await cases.load(["gone"]) == {}


async def test_another_fault_than_a_duplicate_is_not_taken_for_a_conflict(cases: CaseStore) -> None:
    """A document that is too large would have been redone for ever."""
    with pytest.raises(PyMongoError):
        await cases.save([change("big", 0, text="x" * (17 * 1024 * 1024))])


async def test_due_clocks_come_oldest_first_and_only_those_of_the_partition(database: mongo.Database) -> None:
    """A closed case has no next rung; it must never be fired for, however far the clock goes."""
    store = DeadlinesStore(database)
    await store.prepare()
    rows = [(0, 3), (0, 1), (1, 1), (0, None), (0, 2), (0, 9)]
    changes = [
        change(f"{n}", 0, partition=partition, next_fire_at=NOW + timedelta(hours=hours) if hours is not None else None, running=[])
        for n, (partition, hours) in enumerate(rows)
    ]
    await store.cases.save(changes)
    assert [row["_id"] for row in await store.due(0, NOW + timedelta(hours=3), 10)] == ["1", "4", "0"]
    assert [row["_id"] for row in await store.due(0, NOW + timedelta(hours=3), 2)] == ["1", "4"]
    assert [row["_id"] for row in await store.due(0, datetime(9999, 1, 1, tzinfo=UTC), 10)] == ["1", "4", "0", "5"]
    assert await store.due(2, NOW + timedelta(days=9), 10) == []
    (first,) = await store.due(0, NOW + timedelta(hours=1), 10)
    assert first["next_fire_at"] == NOW + timedelta(hours=1)
    assert first["next_fire_at"].tzinfo is not None


async def test_clocks_and_cases_are_counted_by_kind_and_state(database: mongo.Database) -> None:
    """The gauges of the dashboards."""
    clocks = DeadlinesStore(database)
    await clocks.prepare()
    both = ["handle_reply:open", "refuse:late"]
    await clocks.cases.save([change("a", 0, running=both), change("b", 0, running=both[:1]), change("c", 0, running=[])])
    assert await clocks.count_running([*both, "publish:open"]) == {"handle_reply:open": 2, "refuse:late": 1, "publish:open": 0}
    await database["cases"].delete_many({})
    routing = RoutingStore(database)
    await routing.prepare()
    await routing.cases.save(
        [change("a", 0, state="assigned"), change("b", 0, state="assigned"), change("c", 0, state="published")]
    )
    assert await routing.count_by_state(("assigned", "published", "accepted")) == {"assigned": 2, "published": 1, "accepted": 0}


def letter(number: int, case_id: str = "f1") -> Letter:
    return dataclasses.replace(letters.letter(VN, "received"), id=f"letter-{number}", feedback_id=case_id, cause=f"c{number}")


async def test_a_letter_is_kept_once_and_given_to_one_instance(database: mongo.Database) -> None:
    """The same fact comes again after each rebalance; two instances look for letters at the same time."""
    store = NotifyStore(database)
    await store.prepare("v1", {"received.vi.txt.j2": "Kính gửi"})
    start = Settlement("queued", next_try_at=NOW)
    queued = [(letter(number), start) for number in range(MANY)]
    assert await store.save_letters(queued[::2], [], NOW) == 0
    assert await store.save_letters(queued, [], NOW) == MANY // 2
    tokens = [f"t{n}" for n in range(4)]
    until = NOW + timedelta(minutes=2)
    claims = await asyncio.gather(*(store.claim(token, "email", NOW, until, MANY) for token in tokens))
    started = [await store.start_sending(t, [row.id for row in rows], until) for t, rows in zip(tokens, claims, strict=True)]
    assert sorted(row for rows in started for row in rows) == sorted(row.id for row, _ in queued)
    assert all(dataclasses.replace(row) in [one for one, _ in queued] for rows in claims for row in rows)
    assert (await store.counts())["sending", "email"] == MANY
    assert await store.templates("v1") == {"received.vi.txt.j2": "Kính gửi"}
    assert await store.templates("v2") == {}


async def test_a_letter_that_waits_is_let_go_by_its_case_only(database: mongo.Database) -> None:
    """Two topics have no common order: a letter waits for its sender, and not for another's."""
    store = NotifyStore(database)
    await store.prepare("v1", {})
    later = Settlement("queued", next_try_at=NOW + timedelta(days=1), waiting=True)
    await store.save_letters([(letter(1, "f1"), later), (letter(2, "f2"), later)], [], NOW)
    assert await store.claim("t", "email", NOW, NOW + timedelta(minutes=2), 10) == []
    await store.save_letters([], ["f2"], NOW)
    assert [row.id for row in await store.claim("t", "email", NOW, NOW + timedelta(minutes=2), 10)] == ["letter-2"]


async def test_a_fact_that_comes_again_does_not_turn_a_case_back(database: mongo.Database) -> None:
    """Whatever is handled again after a crash stands behind newer facts, and may be in the hands of a second instance."""
    store = NotifyStore(database)
    await store.save_cases({"f1": ({"agency": "one"}, ["a"])})
    await store.save_cases({"f1": ({"agency": "two", "category": "t"}, ["b", "c"])})
    for facts in (["a"], ["c"], ["d", "a"], ["a", "d"]):
        with pytest.raises(TryAgain):
            await store.save_cases({"f1": ({"agency": "older"}, facts), "f2": ({"agency": "x"}, [facts[0] + "2"])})
    cases = await store.cases(["f1", "f2"])
    assert {id: case.agency for id, case in cases.items()} == {"f1": "two", "f2": "x"}, "the other case was written"
    assert await store.known_facts(["f1", "f4"]) == {"f1": {"a", "b", "c"}}


async def test_two_instances_that_make_the_same_case_lose_nothing_of_either(database: mongo.Database) -> None:
    """A contact and a submission come by two topics, which two instances may own."""
    store = NotifyStore(database)
    news = [{f"f{number}": ({name: name}, [name])} for number in range(MANY) for name in ("agency", "category")]
    done = await asyncio.gather(*(store.save_cases(row) for row in news), return_exceptions=True)
    assert all(isinstance(row, TryAgain) for row in done if row is not None)
    for row, answer in zip(news, done, strict=True):
        if answer is not None:
            await store.save_cases(row)
    cases = await store.cases([f"f{number}" for number in range(MANY)])
    assert {(case.agency, case.category) for case in cases.values()} == {("agency", "category")}


async def test_letters_of_one_group_are_recorded_each_with_its_own_end(database: mongo.Database) -> None:
    store = NotifyStore(database)
    await store.save_letters([(letter(number), Settlement("queued", next_try_at=NOW)) for number in range(5)], [], NOW)
    claimed = {row.id: row for row in await store.claim("t", "email", NOW, NOW + timedelta(minutes=2), 5)}
    await store.start_sending("t", list(claimed), NOW + timedelta(minutes=2))
    await database["letters"].update_one({"_id": "letter-4"}, {"$set": {"claim": "another"}})
    ends = ["sent", "sent", "failed", "queued", "sent"]
    settled = [
        (claimed[f"letter-{number}"], Settlement(end, f"because {end}", next_try_at=NOW if end == "queued" else None, attempts=1))  # type: ignore[arg-type]
        for number, end in enumerate(ends)
    ]
    await store.record("t", settled, now=NOW, legal=NOW, instance="i")
    rows = await database["letters"].find({}).sort("_id", 1).to_list(None)
    assert [row["state"] for row in rows] == ["sent", "sent", "failed", "queued", "sending"]
    assert [row["reason"] for row in rows] == ["because sent", "because sent", "because failed", "because queued", ""]
    assert [row["claim"] for row in rows] == [None, None, None, None, "another"]
    counts = await store.counts()
    assert {state: number for (state, channel), number in counts.items() if channel == "email"} == {
        "queued": 1, "sending": 1, "uncertain": 0, "failed": 1
    }  # fmt: skip
    assert {number for (_, channel), number in counts.items() if channel == "sms"} == {0}


async def test_of_the_facts_of_a_case_that_its_letters_know_the_newest_are_kept(
    database: mongo.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks can be corrected for ever, and each correction left an id in the case."""
    monkeypatch.setattr(notify_store, "MOST_FACTS", 3)
    store = NotifyStore(database)
    for number in range(5):
        await store.save_cases({"f": ({"category": f"t{number}"}, [f"e{number}", f"also {number}"])})
    assert await store.known_facts(["f"]) == {"f": {"also 3", "e4", "also 4"}}
    with pytest.raises(TryAgain):
        await store.save_cases({"f": ({"category": "old"}, ["e4"])})
    assert (await store.cases(["f"]))["f"].category == "t4"
