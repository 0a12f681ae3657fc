"""Feeds a replay from the lifecycle topic, and compares it with the database."""

from contextlib import aclosing
from datetime import UTC, datetime

from pydantic import ValidationError

import schemas
from pakn.engine import mongo
from pakn.engine.topic_reader import read_to_end
from pakn.settings import Settings
from schemas import EnvelopeError, parse_envelope, topics
from services.deadlines.clocks.clock import Clock
from services.deadlines.replay.replay import READ, Replay, ReplayedClock
from services.deadlines.store import DeadlinesStore


async def replay(settings: Settings, at: datetime) -> Replay:
    """The clocks at `at`, from every record that the lifecycle topic holds now. Raises as `read_to_end` does."""
    result = Replay(at)
    async with aclosing(read_to_end(settings, lambda name: name.family == topics.FEEDBACK)) as records:
        async for record in records:
            try:
                envelope = parse_envelope(record.headers)
                if envelope.name in READ:
                    result.take(envelope, schemas.CATALOGUE[envelope.type].model_validate_json(record.value or b""))
            except (EnvelopeError, ValidationError, KeyError):
                # Whoever else may write there, what cannot be read is no fact of a clock's.
                result.unreadable += 1
    return result


async def differences(settings: Settings, result: Replay) -> list[str]:
    """A line for each clock of which topic and database tell different things. Raises PyMongoError."""
    found: list[str] = []
    stored: set[str] = set()
    async with mongo.opened(settings, "deadlines") as database:
        async for case in DeadlinesStore(database).every_case():
            for clock in case.clocks:
                stored.add(clock.id)
                told = result.clocks.get(clock.id)
                in_topic = _standing(told) if told else "nothing"
                in_store = _standing(clock)
                if in_topic != in_store:
                    found.append(f"{case.code} {clock.rule} of {clock.agency}: topic {in_topic}, database {in_store}")
    missing = [f"{id}: in the topic only" for id in result.clocks if id not in stored]
    return found + missing


def _standing(clock: ReplayedClock | Clock) -> str:
    due = f"due until {clock.due_at.astimezone(UTC)}" if clock.due_at else "uncounted"
    return f"{clock.state}, {due}{', overdue' if clock.overdue else ''}"
