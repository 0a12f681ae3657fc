"""Plays a file of `tests/unit/deadlines/scenarios/`: plain words go to the law's clocks as facts, and what they say is compared.

A word that means nothing is refused with its file and line, since nobody would check a misspelt expectation.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from typing import Any, get_args

import schemas
from pakn.packs.files import PackFile, Position
from pakn.packs.models import Calendar
from schemas import Fact
from schemas.deadlines_changed import ClockMet, ClockNotCounted, ClockSet
from schemas.values import RuleName
from services.deadlines.clocks import explain
from services.deadlines.clocks.clock import due, rule_of
from services.deadlines.law.known import Law
from tests.support.clock_story import CHANGES, COMMON, Story, by_clock, ending, replay, stored, told, with_calendar, with_days
from tests.support.packs import VN

PACKS = {"vn": VN}
RULES = get_args(RuleName)
FIRED = ("warning", "overdue", "progress")
FACTS = (*CHANGES, "DeadlineMoved", "OverdueWithdrawn")
REQUIRED = ("title", "law", "pack", "steps")
TOP = (*REQUIRED, "not yet announced", "calendar until")
STATES = ("open", "late", "met", "cancelled", "uncounted")
# The steps that are one call of the story, and the words that others may have beside `on` and `at`.
SIMPLE: dict[str, Callable[[Story, datetime], object]] = {
    "accepted": Story.accept, "refused": Story.refuse, "more asked": Story.ask, "supplemented": Story.supplement,
    "replied": Story.reply, "reply sent back": Story.send_back, "published": Story.publish, "time passes until": Story.wait,
}  # fmt: skip
WORDS_OF = {"sent": ("to",), "returned": ("to",), "transferred": ("to",), "calendar corrected": ("off", "worked")}
STEPS = ("sent", *SIMPLE, *[word for word in WORDS_OF if word != "sent"], "moved inside the agency")
OF_A_CLOCK = (
    "clock", "agency", "due", "state", "started", "limit", "rule set", "provisional", "days off", "weekend days worked",
    "measured limit", "due by the measure",
)  # fmt: skip
EXPECTED = (*OF_A_CLOCK, "open clocks", "fires", "facts")


class CannotPlay(ValueError):
    """A scenario has a word or a value that means nothing here; the text says where, and what is known."""


class Play:
    """One scenario: its steps go in one after the other, each expectation is compared where it stands."""

    def __init__(self, document: PackFile) -> None:
        if document.faults:
            raise CannotPlay("\n".join(map(str, document.faults)))
        self.document = document
        self.known((), document.data, TOP)
        for word in REQUIRED:
            if not document.data.get(word):
                raise self.fault((), f"`{word}` is missing; add it")
        self.known(("pack",), [document.data["pack"]], PACKS)
        self.pack = PACKS[document.data["pack"]]
        self.calendar = without(self.pack.calendar, self.days(("not yet announced",)))
        self.law = with_calendar(Law.of(self.pack), self.calendar)
        if until := document.data.get("calendar until"):
            self.law = ending(self.law, until)
        self.story: Story | None = None
        self.now: datetime | None = None
        self.said: list[Fact] = []
        self.corrections = 0

    def fault(self, place: Position, what: str) -> CannotPlay:
        return CannotPlay(str(self.document.fault(place, what)))

    def known(self, place: Position, words: Iterable[str], known: Iterable[str]) -> None:
        """Raises CannotPlay for the first of `words` that is none of `known`."""
        for word in words:
            if word not in known:
                raise self.fault((*place, word), f"`{word}` is not known here; known are: {', '.join(known)}")

    def at(self, place: Position) -> Any:
        """The value at a place of the file; None where there is none."""
        value = self.document.data
        for step in place:
            value = value.get(step) if isinstance(value, dict) else value[step] if isinstance(value, list) else None
        return value

    def day(self, place: Position) -> date:
        value = self.at(place)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.fault(place, f"`{value}` is not a day; write it as 2026-03-02")
        return value

    def days(self, place: Position) -> list[date]:
        listed = self.at(place) or []
        if not isinstance(listed, list):
            raise self.fault(place, f"`{listed}` is not a list of days; write [2026-03-02]")
        return [self.day((*place, number)) for number in range(len(listed))]

    def agency(self, place: Position) -> str:
        self.known(place, [str(self.at(place))], [agency.id for agency in self.pack.agencies])
        return str(self.at(place))

    def moment(self, place: Position) -> datetime:
        """The instant of a step, which is never before the one above it."""
        if not isinstance(self.at(place), dict):
            day, hour = self.day(place), "09:00"
        else:
            if "on" not in self.at(place):
                raise self.fault(place, "`on` is missing; add the day")
            day, hour = self.day((*place, "on")), self.at(place).get("at", "09:00")
        try:
            moment = datetime.combine(day, time.fromisoformat(hour), self.law.days.zone)
        except (TypeError, ValueError):
            raise self.fault((*place, "at"), f'`{hour}` is not an hour; write it in quotes, as "23:59"') from None
        if self.now and moment < self.now:
            raise self.fault(place, f"{day} comes before the step above; put the steps in the order of time")
        self.now = moment
        return moment

    def run(self) -> None:
        """Play every step. Raises CannotPlay, or AssertionError where the clocks say something else."""
        for number, step in enumerate(self.document.data["steps"]):
            place: Position = ("steps", number)
            if not isinstance(step, dict) or len(step) != 1:
                raise self.fault(place, "a step has one word before its colon; begin each with a dash of its own")
            (word,) = step
            self.known(place, step, (*STEPS, "expect"))
            if word == "expect":
                self.expect((*place, word))
            else:
                self.take((*place, word))
        if not any("expect" in step for step in self.document.data["steps"]):
            raise self.fault(("steps",), "nothing is expected; add an `expect` step")
        assert self.story is not None
        assert len({fact.id for fact in self.story.facts}) == len(self.story.facts), "no fact has the id of another"
        assert told(replay(self.story.facts)) == stored(self.story), "who reads the topic knows what the store has"

    def take(self, place: Position) -> None:
        """Let one step happen, and keep what the clocks said at it and since the step above."""
        word = str(place[-1])
        more = WORDS_OF.get(word, ())
        if isinstance(self.at(place), dict):
            self.known(place, self.at(place), ("on", "at", *more))
        if "to" in more and (not isinstance(self.at(place), dict) or "to" not in self.at(place)):
            raise self.fault(place, "`to` is missing; add the agency, as {on: 2026-03-02, to: gia-lai}")
        moment = self.moment(place)
        if (word == "sent") == (self.story is not None):
            raise self.fault(place, "`sent` is the first step, and there is one of it")
        heard = len(self.story.facts) if self.story else 0
        if self.story is None:
            self.story = Story(moment, self.agency((*place, "to")), self.law)
        else:
            self.happen(self.story, place, moment)
        self.said = self.story.facts[heard:]

    def happen(self, story: Story, place: Position, moment: datetime) -> None:
        match place[-1]:
            case "transferred":
                story.transfer(moment, story.agency, self.agency((*place, "to")))
            case "moved inside the agency":
                # It is nothing to the clocks, so what is due by then fires by the passing of time alone.
                story.wait(moment)
                story.transfer(moment, story.agency, story.agency)
            case "returned":
                returned, to = story.agency, self.agency((*place, "to"))
                story.take(schemas.FeedbackReturned(**COMMON, agency=returned, actor="a", reason="r", returned_at=moment))
                story.assigned(moment, to, returned)
            case "calendar corrected":
                story.correct(self.corrected(place), moment)
            case word:
                SIMPLE[str(word)](story, moment)

    def corrected(self, place: Position) -> Law:
        """The law with the days of a correction in its calendar, as a later version of it that has all years of the pack."""
        self.corrections += 1
        off, worked = self.days((*place, "off")), {}
        for text in self.at((*place, "worked")) or {}:
            instead = self.day((*place, "worked", text))
            try:
                worked[date.fromisoformat(text)] = instead
            except ValueError:
                raise self.fault((*place, "worked", text), f"`{text}` is not a day; write {{2026-01-10: 2026-01-02}}") from None
        for day in off:
            if not self.law.days.is_working_day(day):
                raise self.fault((*place, "off"), f"{day} is off already; name days that were worked until now")
        version = f"{self.pack.calendar.version}.{self.corrections}"
        self.calendar = with_days(self.calendar, version, off, worked)
        self.law = with_calendar(self.law, self.calendar)
        return self.law

    def expect(self, place: Position) -> None:
        """Compare the state of a clock now, and what was said and what fired at the step above."""
        wanted = self.at(place)
        if not isinstance(wanted, dict) or self.story is None or self.story.case is None:
            raise self.fault(place, "write what is expected as {clock: handle_reply, due: 2026-03-23}, after a step")
        self.known(place, wanted, EXPECTED)
        found = self.clock(self.story, place, wanted) if set(wanted) & set(OF_A_CLOCK) else {}
        if "open clocks" in wanted:
            self.known((*place, "open clocks"), wanted["open clocks"], RULES)
            found["open clocks"] = [clock.rule for clock in self.story.case.clocks if clock.state == "open"]
        lines = [line for fact in self.said for line in self.lines(fact)]
        # A line of `fires` begins with its day.
        for word, names, first in (("fires", FIRED, 1), ("facts", FACTS, 0)):
            found[word] = [line for line in lines if line.split()[first] in names]
            for number, line in enumerate(wanted.get(word, ())):
                self.known((*place, word, number), str(line).split()[first : first + 1], names)
                self.known((*place, word, number), str(line).split()[first + 1 : first + 2], RULES)
        for word, value in wanted.items():
            in_order = sorted if word in ("open clocks", "fires", "facts") else lambda given: given
            here = f"{self.document.file}:{self.document.line((*place, word))}: {word}"
            assert in_order(found[word]) == in_order(value), here

    def clock(self, story: Story, place: Position, wanted: dict[str, Any]) -> dict[str, Any]:
        """Everything that can be expected of the latest clock of a rule (and of an agency, where one is named)."""
        assert story.case is not None
        if "clock" not in wanted:
            raise self.fault(place, "`clock` is missing; say which: " + ", ".join(RULES))
        self.known((*place, "clock"), [wanted["clock"]], RULES)
        self.known((*place, "state"), [wanted["state"]] if "state" in wanted else [], STATES)
        agency = self.agency((*place, "agency")) if "agency" in wanted else story.agency
        found = [clock for clock in story.case.clocks if (clock.rule, clock.agency) == (wanted["clock"], agency)]
        assert found, f"{self.document.file}:{self.document.line(place)}: {agency} has no clock {wanted['clock']}"
        clock = found[-1]
        explained = explain.explain_clock(story.law, clock)
        rule = rule_of(story.law, clock)
        measure = rule.measured_as
        return {
            "clock": clock.rule,
            "agency": clock.agency,
            "due": clock.due_date and date.fromisoformat(clock.due_date),
            "state": explained["state"],
            "started": self.law.days.local_day(clock.started_at),
            "limit": clock.count.limit,
            "rule set": clock.rule_set,
            "provisional": explained["provisional"],
            "days off": _of_kind(explained["days"], "holiday", "made_up", "swap_off"),
            "weekend days worked": _of_kind(explained["days"], "swap_work"),
            "measured limit": measure,
            "due by the measure": due(self.law.days, clock.started_at, measure, rule.limit.unit)[1] if measure else None,
        }

    def lines(self, fact: Fact) -> list[str]:
        """A fact as a scenario writes it, with a line for each clock."""
        because = getattr(schemas.CATALOGUE[fact.type].model_validate_json(fact.data), "because", None)
        return [self.line(fact, kind, told, because) for kind, told in by_clock(fact)]

    def line(self, fact: Fact, kind: str, told: Any, because: str | None) -> str:
        """What a fact tells of a clock as a scenario writes it."""
        match told:
            case schemas.DeadlineWarning():
                return f"{self.law.days.local_day(fact.time)} warning {told.rule} {told.days_before}"
            case schemas.FeedbackOverdue():
                fired, number = ("progress", f" {told.times}") if told.times else ("overdue", "")
                return f"{self.law.days.local_day(fact.time)} {fired} {told.rule}{number}"
            case ClockSet():
                return f"{kind} {told.rule} due {told.due_date}"
            case ClockNotCounted():
                return f"{kind} {told.rule}"
            case ClockMet():
                how = "uncounted" if told.due_at is None else "late" if told.late else "in time"
                return f"{kind} {told.rule} {how}"
            case schemas.DeadlineMoved():
                nearer = "nearer" if told.nearer else "later"
                return f"{kind} {told.rule} from {told.previous_due_date} {nearer} to {told.due_date}"
            case _:
                return f"{kind} {told.rule} because {because}"


def _of_kind(days: list[explain.Explained], *kinds: str) -> list[date]:
    return [date.fromisoformat(day["date"]) for day in days if day["kind"] in kinds]


def without(calendar: Calendar, days: list[date]) -> Calendar:
    """The calendar as it was before these days off and worked days were announced."""
    years = []
    for year in calendar.years:
        off = tuple(day for day in year.days_off if day.date not in days)
        worked = tuple(day for day in year.working_days if day.date not in days)
        years.append(year.model_copy(update={"days_off": off, "working_days": worked}))
    return calendar.model_copy(update={"years": tuple(years)})
