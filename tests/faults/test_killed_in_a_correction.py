"""Deadlines is killed while a corrected calendar moves the clocks: each moves once, by the same fact, and the stores agree."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pakn.legal_time import make_legal_time
from pakn.local.launcher import Servers
from pakn.packs.load import load_pack
from services.deadlines import calendar_change
from services.deadlines.replay import from_topic
from tests.support.clock_story import with_days
from tests.support.deployment import Deployment, deployed
from tests.support.outside_world import until, until_empty

COUNT = 120


@pytest.fixture(scope="module")
async def own(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    """A deployment that takes a few cases at a time, so that a kill meets it in the middle."""
    settings = {"PAKN_DEADLINES__BATCH": "5", "PAKN_DEADLINES__LAW_SECONDS": "1"}
    async with deployed(servers, tmp_path_factory.mktemp("deployment"), **settings) as made:
        yield made


async def test_two_instances_one_of_them_killed_move_every_clock_once(own: Deployment) -> None:
    feedback_ids = set(await own.submit_many(COUNT))

    def found(name: str) -> dict[str, dict[str, Any]]:
        """By feedback and id of the fact: what was told of the clock for the reply."""
        rows: dict[str, dict[str, Any]] = {}
        for row in own.observer.found(name, topic="feedback", rule="handle_reply"):
            rows.setdefault(row.subject, {})[row.id] = row.data
        return rows

    def set_for() -> set[str]:
        return {row.subject for row in own.observer.clocks("set", topic="feedback", rule="handle_reply")}

    await until(lambda: feedback_ids <= set_for(), "every clock is open")
    await own.start_another("deadlines")
    settings = own.stack.settings
    loaded = load_pack(settings.pack)
    corrected = with_days(loaded.calendar, "2026-09-z1", [date(2026, 3, 20)])
    await calendar_change.apply(settings, corrected, loaded.calendar)
    await until(lambda: len(found("DeadlineMoved")) > 20, "clocks move")
    own.kill("deadlines")
    assert len(found("DeadlineMoved")) < COUNT, "it was killed before the end"
    await until_empty(lambda: _left(own, corrected.version), "every clock is counted by the corrected calendar", status=own.status)
    await own.all_ready()
    await own.observer.all_read()
    assert found("DeadlineMoved").keys() == feedback_ids
    for rows in found("DeadlineMoved").values():
        (moved,) = rows.values()
        assert (moved["previous_due_date"], moved["due_date"]) == ("2026-03-23", "2026-03-24")
    assert len({row["moved_at"] for rows in found("DeadlineMoved").values() for row in rows.values()}) == 1, "at one instant"
    replay = await from_topic.replay(settings, make_legal_time(own.clock_file).now())
    assert await from_topic.differences(settings, replay) == []
    own.set_clock(datetime(2026, 3, 24, 17, 0, tzinfo=UTC))
    await until(lambda: found("FeedbackOverdue").keys() == feedback_ids, "the new day passes")
    assert {len(rows) for rows in found("FeedbackOverdue").values()} == {1}


async def _left(own: Deployment, version: str) -> dict[str, Any]:
    counts = await own.documents("deadlines")["cases"].distinct("counted_by")
    return {count: "in use" for count in counts if not count.startswith(f"{version}|")}
