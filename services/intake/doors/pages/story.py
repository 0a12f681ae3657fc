"""What has happened to a feedback, until when who has it and why that day, and what comes next: in words. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.day_count import DayCount
from services.intake.doors.pages.words import Words
from services.intake.feedback import Due
from services.intake.looks import ShownLook
from services.intake.shown import ShownFeedback, TimelineEntry


class Step(NamedTuple):
    """One step of the way."""

    at: datetime
    text: str


def steps(said: Words, case: ShownFeedback, names: dict[str, str]) -> list[Step]:
    """What has happened, in order; `names` are those of the agencies by their ids."""

    def agency(id: str | None) -> str:
        return names.get(id or "", said("steps.somebody"))

    def text(step: TimelineEntry) -> str:
        return _sentence(said.known(f"steps.{step.type}", "steps.other", agency=agency(step.agency)))

    return [Step(step.at, text(step)) for step in case.timeline]


def looks(said: Words, rows: Sequence[ShownLook], names: dict[str, str]) -> list[Step]:
    """Who has looked at what, in the order of the rows; `names` are those of the agencies by their ids."""

    def who(row: ShownLook) -> str:
        if row.agency is None:
            return said.known(f"looks.{row.by}", "looks.operator")
        agency = names.get(row.agency, row.agency)
        return said("looks.officer", agency=agency, officer=row.officer) if row.officer else agency

    return [Step(row.at, _sentence(said.known(f"looks.{row.what}", "looks.other", who=who(row)))) for row in rows]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def why(said: Words, due: Due, article: str) -> list[str]:
    """Why the last day is that day, by this article; empty where the count was not kept."""
    count = due.count
    if count is None:
        return []
    limit = said.known(f"units.{count.unit}", "units.other", count=count.limit)
    found = [said("case.why_count", start=said.day(count.started_on), limit=limit, article=article)]
    if off := _days(said, count, worked=False):
        found.append(said("case.why_off", days=off))
    if worked := _days(said, count, worked=True):
        found.append(said("case.why_worked", days=worked))
    if count.unit == "working_days":
        found.append(said("case.why_weekend"))
    return found


def _days(said: Words, count: DayCount, *, worked: bool) -> str:
    days = [day for day in count.unusual if (day.kind == "swap_work") == worked]
    return ", ".join(f"{said.day(day.date)} ({day.name})" if day.name else said.day(day.date) for day in days)
