"""A corrected calendar on a running system: what moves, what is told, and that topic and database agree after it."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest
from pymongo.errors import AutoReconnect

from pakn.legal_time import machine_now, make_legal_time
from pakn.packs.models import Calendar
from services.deadlines import calendar_change
from services.deadlines.lawbook import lead
from services.deadlines.replay import from_topic
from services.deadlines.store import DeadlinesStore
from tests.support.clock_story import with_days
from tests.support.outside_world import until
from tests.support.system import START, System, as_service, server_environment

# Sent on 2 March 2026: the reply is due at the end of the 23rd.
AFTER_DUE = datetime(2026, 3, 24, 3, 0, tzinfo=UTC)


def corrected(system: System, version: str, *days_off: str) -> Calendar:
    """The calendar of the system's pack with more days off."""
    return with_days(system.pack.calendar, version, map(date.fromisoformat, days_off))


async def test_a_corrected_calendar_moves_running_clocks_once_and_topic_and_database_agree(own: System) -> None:
    late, answered, other = await own.timed(), await own.timed(), await own.timed("da-nang", province="da-nang")
    await own.post.act("gia-lai", answered["feedback_id"], "reply", reply="Đã sửa")
    await own.observer.wait_clock("met", subject=answered["feedback_id"], rule="handle_reply")
    own.set_clock(AFTER_DUE)
    for body in (late, other):
        await own.observer.wait("FeedbackOverdue", subject=body["feedback_id"], rule="handle_reply")
    await own.settled()

    calendar = corrected(own, "2026-09-z1", "2026-03-20")
    seen = await calendar_change.preview(own.settings, own.pack, calendar)
    assert seen.by_agency["gia-lai"]["overdue taken back"] == seen.by_agency["da-nang"]["overdue taken back"] == 1
    assert not own.observer.found("DeadlineMoved"), "a preview changes nothing"
    assert await calendar_change.apply(own.settings, calendar, own.pack.calendar)
    assert not await calendar_change.apply(own.settings, calendar, own.pack.calendar), "applying twice changes nothing"

    for body, agency in ((late, "gia-lai"), (other, "da-nang")):
        for topic in ("feedback", f"assignments.{agency}"):
            (moved,) = await own.observer.wait("DeadlineMoved", topic=topic, subject=body["feedback_id"], rule="handle_reply")
            assert (moved.data["previous_due_date"], moved.data["due_date"]) == ("2026-03-23", "2026-03-24")
            await own.observer.wait("OverdueWithdrawn", topic=topic, subject=body["feedback_id"], rule="handle_reply")
    assert not own.observer.found("DeadlineMoved", subject=answered["feedback_id"], rule="handle_reply"), "it was met before"

    async def shows_the_new_day() -> bool:
        return bool((await own.view(late))["due"]["date"] == "2026-03-24")

    await until(shows_the_new_day, "the sender is shown the new day")
    assert (await calendar_change.preview(own.settings, own.pack, calendar)).clocks == 0, "nothing is left to be moved"
    own.set_clock(AFTER_DUE + timedelta(days=1))
    await until(
        lambda: len({row.id for row in own.observer.found("FeedbackOverdue", topic="feedback", subject=late["feedback_id"])}) == 2,
        "the new day passes too, and is an overdue of its own",
    )
    await own.settled()
    replay = await from_topic.replay(own.settings, make_legal_time(own.clock_file).now())
    assert await from_topic.differences(own.settings, replay) == []
    assert replay.counts()["handle_reply"] == {"past": 2, "met": 1}
    before = await from_topic.replay(own.settings, START + timedelta(days=7))
    assert before.counts()["handle_reply"] == {"open": 2, "met": 1}


async def test_a_calendar_applied_while_nothing_runs_is_taken_up_at_the_next_start(own: System) -> None:
    body = await own.timed()
    await own.stop("deadlines")
    await calendar_change.apply(own.settings, corrected(own, "2026-09-z1", "2026-03-10"), own.pack.calendar)
    await own.start("deadlines")
    (moved,) = await own.observer.wait("DeadlineMoved", topic="feedback", subject=body["feedback_id"], rule="handle_reply")
    assert moved.data["due_date"] == "2026-03-24"
    new = await own.assigned()
    (set_now,) = await own.observer.wait_clock("set", topic="feedback", subject=new["feedback_id"], rule="handle_reply")
    assert (set_now.data["due_date"], set_now.data["calendar_version"]) == ("2026-03-24", "2026-09-z1")


async def test_a_reply_that_waits_in_kafka_is_judged_by_the_day_that_was_known_when_it_was_sent(own: System) -> None:
    """The day moves nearer while nobody is there to make a fact of an action that came in time."""
    body = await own.timed()
    await own.stop("routing")
    own.set_clock(datetime(2026, 3, 19, 3, 0, tzinfo=UTC))
    await own.post.act("gia-lai", body["feedback_id"], "reply", reply="Đã sửa")
    own.set_clock(AFTER_DUE - timedelta(days=1))
    worked = with_days(own.pack.calendar, "2026-09-z1", [], {date(2026, 3, 7): date(2026, 4, 1)})
    # By the corrected calendar the reply is due at the end of the 20th, which is past.
    await calendar_change.apply(own.settings, worked, own.pack.calendar)
    other = await own.submit()

    counted_by = 'pakn_calendar_info{version="2026-09-z1"} 1.0'
    await until(lambda: own.measures("deadlines", counted_by), "deadlines counts by the corrected calendar")
    await own.start("routing")
    (met,) = await own.observer.wait_clock("met", topic="feedback", subject=body["feedback_id"], rule="handle_reply")
    assert (met.data["late"], met.data["due_at"]) == (False, "2026-03-23T17:00:00Z")
    (set_now,) = await own.observer.wait_clock("set", topic="feedback", subject=other["feedback_id"], rule="handle_reply")
    assert set_now.data["calendar_version"] == "2026-09-z1"
    await own.settled()
    for name in ("DeadlineMoved", "FeedbackOverdue"):
        assert not own.observer.found(name, subject=body["feedback_id"], rule="handle_reply")


async def test_an_instance_that_cannot_read_the_law_tells_nothing_until_it_can(
    own: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would tell by a law that no longer holds could not be taken back if it was killed then."""
    silent, answered = await own.timed(), await own.timed()
    readings = []
    read = DeadlinesStore.calendar_versions

    async def cannot_read(_: DeadlinesStore) -> dict[str, datetime]:
        readings.append(machine_now())
        raise AutoReconnect("the primary has stepped down")

    monkeypatch.setattr(DeadlinesStore, "calendar_versions", cannot_read)
    await until(lambda: readings and readings[-1] - readings[0] > lead(own.settings.deadlines.law_seconds), "its law is old")
    await DeadlinesStore(own.documents("deadlines")).keep_calendar(corrected(own, "2026-09-z1", "2026-03-20"), machine_now())
    own.set_clock(AFTER_DUE)

    async def several_times() -> None:
        seen = len(readings)
        await until(lambda: len(readings) > seen + 2, "it has tried several times")

    await several_times()
    await own.post.act("gia-lai", answered["feedback_id"], "reply", reply="Đã sửa")
    await own.observer.wait("FeedbackReplied", subject=answered["feedback_id"])
    await several_times()
    monkeypatch.setattr(DeadlinesStore, "calendar_versions", read)
    (met,) = await own.observer.wait_clock("met", topic="feedback", subject=answered["feedback_id"], rule="handle_reply")
    assert (met.data["late"], met.data["due_at"]) == (False, "2026-03-24T17:00:00Z")
    await own.observer.wait("DeadlineMoved", topic="feedback", subject=silent["feedback_id"], rule="handle_reply")
    await own.settled()
    assert not own.observer.found("FeedbackOverdue", rule="handle_reply"), "by the corrected day nothing is overdue"


async def test_a_preview_says_which_calendar_was_applied_last_and_only_a_later_one_is_taken_after_it(own: System) -> None:
    slow = own.settings.model_copy(update={"deadlines": own.settings.deadlines.model_copy(update={"law_seconds": 100})})
    first, second = corrected(own, "2026-09-z1"), corrected(own, "2026-09-z2")
    assert (await calendar_change.preview(slow, own.pack, first)).announced == []
    await calendar_change.apply(slow, first, own.pack.calendar)
    assert (await calendar_change.preview(slow, own.pack, second)).announced == ["2026-09-z1"]
    for refused in (corrected(own, "2026-09-a"), corrected(own, "2026-09-z1", "2026-03-10")):
        with pytest.raises(calendar_change.CannotApply, match="later"):
            await calendar_change.apply(own.settings, refused, own.pack.calendar)


async def test_an_operator_applies_a_calendar_and_replays_the_clocks(own: System, tmp_path: Path) -> None:
    body = await own.timed()
    settings, before, file = own.settings, Path(own.settings.pack) / "calendar.yaml", tmp_path / "calendar.yaml"
    days = "  - year: 2026\n    days_off:\n"
    more = days + '      - {date: 2026-03-20, kind: holiday, name: "Nghỉ thêm", source: "test"}\n'
    file.write_text(before.read_text().replace('version: "2026-09"', 'version: "2026-09-z1"').replace(days, more))

    environment = os.environ | {
        "PAKN_NAMESPACE": settings.namespace,
        "PAKN_PACK": settings.pack,
        # As in the container of deadlines.
        **server_environment(as_service(settings, "deadlines")),
        "PAKN_LEGAL_TIME__FILE": str(own.clock_file),
        "PAKN_DEADLINES__LAW_SECONDS": str(settings.deadlines.law_seconds),
    }

    async def says(wanted: str, code: int, *arguments: str) -> str:
        # The services go on while the command runs.
        command = [sys.executable, "-m", "pakn", *arguments]
        result = await asyncio.to_thread(subprocess.run, command, env=environment, stdout=PIPE, stderr=STDOUT, text=True)
        assert (result.returncode, wanted in result.stdout) == (code, True), result.stdout
        return result.stdout

    assert "gia-lai" in await says("Nothing was changed", 0, "calendar", "apply", str(file), "--dry-run")
    await says("Applied.", 0, "calendar", "apply", str(file))
    (moved,) = await own.observer.wait("DeadlineMoved", topic="feedback", subject=body["feedback_id"], rule="handle_reply")
    assert moved.data["due_date"] == "2026-03-24"
    await own.settled()
    # None of these changes anything, so they run beside each other.
    replayed, *_ = await asyncio.gather(
        says("{", 0, "replay-clocks", "--at", "2026-03-02", "--compare", "--json"),
        says("applied already", 0, "calendar", "apply", str(file)),
        says("give a later one", 2, "calendar", "apply", str(before)),
        says("the database of now", 2, "replay-clocks", "--at", "2026-03-01", "--compare"),
        says("is not a time", 2, "replay-clocks", "--at", "soon"),
    )
    told = json.loads(replayed)
    assert (told["rules"]["handle_reply"], told["differences"]) == ({"open": 1}, [])
