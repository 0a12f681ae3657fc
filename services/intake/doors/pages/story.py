"""What has happened to a feedback, until when who has it and why that day, and what comes next: in words. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.day_count import DayCount
from schemas.values import Attachment
from services.intake.doors.pages.words import Words
from services.intake.feedback import Due
from services.intake.looks import ShownLook
from services.intake.shown import ShownFeedback, ShownSupplement, TimelineEntry

_ANSWERED: Final = "FeedbackSupplemented"
# The time of an answer is kept to the thousandth in one place and may be finer in the other; the next answer needs a new question.
_SAME_TIME: Final = timedelta(seconds=1)


class Step(NamedTuple):
    """One step of the way; `answer` is what the sender wrote and sent in it, for whoever may see that."""

    at: datetime
    text: str
    answer: ShownSupplement | None = None


def steps(said: Words, case: ShownFeedback, names: dict[str, str]) -> list[Step]:
    """What has happened, in order; `names` are those of the agencies by their ids."""

    def agency(id: str | None) -> str:
        return names.get(id or "", said("steps.somebody"))

    def text(step: TimelineEntry) -> str:
        return _sentence(said.known(f"steps.{step.type}", "steps.other", agency=agency(step.agency)))

    # An answer that was just sent has no step yet; one that was erased has a step alone.
    waiting = list(case.supplements or ())
    found: list[Step] = []
    for step in case.timeline:
        same = (row for row in waiting if step.type == _ANSWERED and abs(row.supplemented_at - step.at) < _SAME_TIME)
        if answer := next(same, None):
            waiting.remove(answer)
        found.append(Step(step.at, text(step), answer))
    found += [Step(row.supplemented_at, _sentence(said(f"steps.{_ANSWERED}")), row) for row in waiting]
    return sorted(found, key=lambda step: step.at)


def first_files(case: ShownFeedback) -> list[Attachment]:
    """The sender's files but for those that a step of the way shows."""
    later = {file.id for row in case.supplements or () for file in row.attachments}
    return [file for file in case.attachments or () if file.id not in later]


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
