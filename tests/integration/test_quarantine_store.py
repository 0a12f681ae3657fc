"""What operators decide on a partition in quarantine, in the database, by both drivers."""

from aiokafka import TopicPartition

from pakn.engine import mongo
from pakn.engine.quarantine import Standing, released
from pakn.engine.quarantine_store import QuarantineStore
from pakn.settings import QuarantineSettings
from tests.support.system import START

PLACE = TopicPartition("t.inbox.a", 0)
HELD = Standing(at=7, blamed_at=7, ends=3, quarantined=7)


async def test_what_was_said_last_holds(database: mongo.Database) -> None:
    store = QuarantineStore(database)
    await store.take("a process", {}, {PLACE: HELD}, START)
    assert await store.skip(PLACE, 7, "broken")
    assert await store.release(PLACE, 7, released(HELD, QuarantineSettings()))
    noted = (await store.read([PLACE]))[PLACE]
    assert (noted.skip, noted.why, noted.standing.quarantined) == (None, "", None), "the record is tried again, not passed over"
    assert not await store.skip(PLACE, 7, "too late")
