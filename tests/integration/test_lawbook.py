"""What an instance knows of the law, on a real database by both drivers: read whole or not at all, and never contradicted."""

from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest
from pymongo.errors import AutoReconnect
from structlog.testing import capture_logs

from pakn.engine import mongo
from pakn.errors import CannotRun, TryAgain
from pakn.packs.load import Pack
from pakn.packs.models import Calendar
from services.deadlines.lawbook import Lawbook
from services.deadlines.store import DeadlinesStore
from tests.support.clock_story import LAW, ending, with_days_off
from tests.support.mail_world import HandTime
from tests.support.packs import VN

LEAD = timedelta(seconds=30)


@pytest.fixture
def store(database: mongo.Database) -> DeadlinesStore:
    return DeadlinesStore(database)


async def prepared(pack: Pack, store: DeadlinesStore) -> Lawbook:
    """The lawbook of an instance that has started."""
    lawbook = Lawbook(pack, store, HandTime(), LEAD)
    await lawbook.prepare()
    return lawbook


def with_version(pack: Pack, version: str, *days_off: str) -> Pack:
    """The pack with another calendar."""
    return pack.model_copy(update={"calendar": with_days_off(LAW, version, *days_off).days.calendar})


def with_limit(pack: Pack, n: int, revision: int = 1) -> Pack:
    """The pack with another limit for the reply in its latest rule set."""
    *others, last = pack.rule_sets
    rule = last.rules["handle_reply"]
    rules = {**last.rules, "handle_reply": rule.model_copy(update={"limit": rule.limit.model_copy(update={"n": n})})}
    return pack.model_copy(update={"rule_sets": (*others, last.model_copy(update={"rules": rules, "revision": revision}))})


async def test_what_a_later_image_brings_holds_for_all_instances_from_one_instant_on(store: DeadlinesStore) -> None:
    clock = HandTime()
    older, newer = Lawbook(VN, store, clock, LEAD), Lawbook(with_limit(with_version(VN, "2026-09-z1"), 9, 2), store, clock, LEAD)
    await older.prepare()
    assert older.current().calendar_at(clock.now()).calendar == VN.calendar, "the first law holds from the first moment"
    clock.advance(seconds=30)
    await newer.prepare()
    await older.read()
    holds_at = clock.machine() + LEAD
    for lawbook in (older, newer):
        law = lawbook.current()
        assert law.calendar_at(holds_at - timedelta(milliseconds=1)).calendar.version == VN.calendar.version
        assert law.calendar_at(holds_at).calendar.version == "2026-09-z1"
        known = [law.rule_set_on(date(2026, 8, 3), at) for at in (holds_at - timedelta(milliseconds=1), holds_at)]
        assert [(row.revision, row.rules["handle_reply"].limit.n) for row in known] == [(1, 15), (2, 9)]
    assert older.current().corrections == newer.current().corrections


async def test_a_reading_that_is_cut_short_is_done_again(store: DeadlinesStore) -> None:
    """Taken for known before the rest was read, a calendar would have been passed over until the next restart."""
    lawbook = await prepared(VN, store)
    await store.keep_calendar(with_version(VN, "2026-09-z1").calendar, datetime(2026, 11, 2, tzinfo=UTC))
    cut_short = patch.object(store, "revisions", side_effect=AutoReconnect("the primary has stepped down"))
    with cut_short, pytest.raises(AutoReconnect):
        await lawbook.read()
    assert lawbook.current().days.calendar.version == VN.calendar.version
    await lawbook.read()
    assert lawbook.current().days.calendar.version == "2026-09-z1"


async def test_what_happens_now_waits_where_another_law_may_hold_that_could_not_be_read(store: DeadlinesStore) -> None:
    clock = HandTime()
    lawbook, newer = Lawbook(VN, store, clock, LEAD), Lawbook(with_version(VN, "2026-09-z1"), store, clock, LEAD)
    await lawbook.prepare()
    clock.advance(seconds=1)
    await newer.prepare()
    (_, (holds_at, _)) = newer.current().calendars
    assert lawbook.complete_until < holds_at, "it says nothing of a time in which the calendar that it has not read holds"
    clock.advance(seconds=19)
    assert lawbook.up_to_date() == lawbook.current()
    clock.advance(seconds=1)
    with pytest.raises(TryAgain, match="could not be read since 2026-03-02T03:00:00"):
        lawbook.up_to_date()
    await lawbook.read()
    assert lawbook.up_to_date().days.calendar.version == "2026-09-z1"
    assert lawbook.complete_until == clock.machine() + LEAD * 2 / 3


async def test_a_law_that_the_database_took_too_long_to_keep_is_told_of(database: mongo.Database) -> None:
    clock = HandTime()

    class Slow(DeadlinesStore):
        async def keep_calendar(self, calendar: Calendar, holds_at: datetime) -> None:
            await super().keep_calendar(calendar, holds_at)
            clock.advance(seconds=11)

    store = Slow(database)
    with capture_logs() as logs:
        await Lawbook(VN, store, clock, LEAD).prepare()
    assert len({*(await store.calendar_versions()).values(), *(await store.revisions()).values()}) == 1, "all hold from one instant"
    (said,) = [row for row in logs if row["event"] == "law_kept_late"]
    assert (said["seconds"], said["holds_at"]) == (11, "2026-03-02T03:00:30+00:00")


async def test_a_pack_that_counts_otherwise_under_the_same_name_stops_the_start_with_every_fault(store: DeadlinesStore) -> None:
    await prepared(VN, store)
    changed = with_limit(with_version(VN, VN.calendar.version, "2026-12-04"), 14)
    with pytest.raises(CannotRun, match=r"calendar\.yaml has other days than calendar '2026-09'") as caught:
        await prepared(changed, store)
    assert "rules.yaml: rule set 'qd29-2026' has another handle_reply.limit than its revision 1" in str(caught.value)
    assert len(await store.calendar_versions()) == 1, "nothing of it is written down"


async def test_other_words_and_names_of_days_need_no_new_revision_and_are_shown_at_once(store: DeadlinesStore) -> None:
    await prepared(VN, store)
    *others, last = VN.rule_sets
    years = tuple(year.model_copy(update={"provisional": False}) for year in VN.calendar.years)
    settled = VN.calendar.model_copy(update={"years": years})
    rule_sets = (*others, last.model_copy(update={"verified": True}))
    law = (await prepared(VN.model_copy(update={"calendar": settled, "rule_sets": rule_sets}), store)).current()
    assert law.rule_set(last.id, 1).verified
    assert not any(year.provisional for year in law.calendar(VN.calendar.version).calendar.years)


async def test_a_later_calendar_that_lacks_years_stops_the_start(store: DeadlinesStore) -> None:
    await prepared(VN, store)
    shorter = VN.model_copy(update={"calendar": ending(LAW, 2026, "2026-10").days.calendar})
    with pytest.raises(CannotRun, match="lacks years that '2026-09' has: 2027; add them"):
        await prepared(shorter, store)


async def test_a_rule_set_that_the_pack_has_no_longer_is_still_known(store: DeadlinesStore) -> None:
    await prepared(VN, store)
    without = VN.model_copy(update={"rule_sets": VN.rule_sets[1:]})
    assert (await prepared(without, store)).current().rule_set(VN.rule_sets[0].id, 1) == VN.rule_sets[0]


async def test_what_a_later_image_has_written_in_another_shape_is_unknown_and_stops_nothing(
    store: DeadlinesStore, database: mongo.Database
) -> None:
    lawbook = await prepared(VN, store)
    later = with_limit(VN, 9, 2).rule_sets[-1]
    await store.keep_rule_set(later, datetime(2026, 11, 2, tzinfo=UTC))
    await database["rule_sets"].update_one({"_id": f"{later.id}/2"}, {"$set": {"rule_set.what_nobody_knows_yet": 1}})
    await lawbook.read()
    for started in (lawbook, await prepared(VN, store)):
        with pytest.raises(TryAgain):
            started.current().rule_set(later.id, 2)
        assert started.current().rule_set(later.id, 1) == VN.rule_sets[-1]
