"""The law as an instance knows it: rule sets and working calendars, and since when each of them is known. Pure.

A correction (a later calendar, a rule set with a higher revision, a rule set that takes running clocks over) is one more
instant in the life of a clock: what was due before it is judged by what was known before, what comes after it by what is
known since. `lawbook.py` reads what is known, `corrections.py` and `domain.py` let clocks go through it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from pakn.errors import TryAgain
from pakn.packs.load import NoRuleSet, Pack, RuleSet
from schemas.values import RuleName
from services.deadlines.law.workdays import WorkDays

EVER = datetime.min.replace(tzinfo=UTC)
"""Since when a law is known that nobody has to learn: of a pack alone, without a running system."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Count(NamedTuple):
    """By which calendar and which revision of which rule set a clock was counted."""

    calendar_version: str
    rule_set: str
    revision: int

    def __str__(self) -> str:
        return f"{self.calendar_version}|{self.rule_set}|{self.revision}"

    @classmethod
    def parse(cls, text: str) -> "Count":
        """The count that `str` has written."""
        calendar_version, rule_set, revision = text.rsplit("|", 2)
        return cls(calendar_version, rule_set, int(revision))


class Correction(NamedTuple):
    """What holds from the legal instant `at` on: another calendar, or another rule set.

    `takes_over`: also for running clocks of the rule sets before it: all of them (its transitional rule, `open_clocks: move`),
    or those that started on `started_from` or later, where it became known only after its first day.
    """

    at: datetime
    days: WorkDays | None = None
    rule_set: RuleSet | None = None
    takes_over: bool = False
    started_from: date = date.min


@dataclass(frozen=True, slots=True)
class Law:
    """Every calendar and every revision of a rule set, each with the legal instant since which it is known.

    `corrections` are the same in the order of time. `pack` says in which language articles are cited.
    """

    pack: Pack
    calendars: tuple[tuple[datetime, WorkDays], ...]
    rule_sets: tuple[tuple[datetime, RuleSet], ...]
    corrections: tuple[Correction, ...]

    @classmethod
    def of(
        cls,
        pack: Pack,
        calendars: Iterable[tuple[datetime, WorkDays]] = (),
        rule_sets: Iterable[tuple[datetime, RuleSet]] = (),
    ) -> "Law":
        """The law of what is known; where nothing is said, the pack's own calendar or rule sets are known since ever."""
        known_calendars = tuple(calendars) or ((EVER, WorkDays(pack.calendar)),)
        known_rule_sets = tuple(rule_sets) or tuple((EVER, rule_set) for rule_set in pack.rule_sets)
        law = cls(pack, known_calendars, known_rule_sets, ())
        found = [Correction(at, days=days) for at, days in known_calendars]
        for at, rule_set in known_rule_sets:
            found.append(Correction(at, rule_set=rule_set))
            begins = max(at, law.days.start_of(rule_set.effective.from_))
            # A later revision that is known by then has its own word on what it takes over, and when.
            if rule_set not in law._rule_sets_known(begins):
                continue
            if rule_set.open_clocks == "move":
                found.append(Correction(begins, rule_set=rule_set, takes_over=True))
            elif at == begins:
                # A clock belongs to the set in force on its start day, also where nobody knew of that set then.
                found.append(Correction(begins, rule_set=rule_set, takes_over=True, started_from=rule_set.effective.from_))
        return cls(pack, known_calendars, known_rule_sets, tuple(sorted(found, key=lambda row: row.at)))

    @property
    def days(self) -> WorkDays:
        """The latest calendar that is known, whether it holds already or not."""
        return max((days for _, days in self.calendars), key=lambda days: days.calendar.version)

    def calendar_at(self, at: datetime) -> WorkDays:
        """The calendar to count by at an instant: the latest that was known; before any was known, the first."""
        first = min(since for since, _ in self.calendars)
        return max((days for since, days in self.calendars if since <= max(at, first)), key=lambda days: days.calendar.version)

    def calendar(self, version: str) -> WorkDays:
        """The calendar that a clock was counted by. Raises TryAgain when it has still to be read from the database."""
        for _, days in self.calendars:
            if days.calendar.version == version:
                return days
        raise TryAgain(f"calendar {version!r}, by which a clock was counted, is not known here yet")

    def rule_set(self, id: str, revision: int) -> RuleSet:
        """The rule set that a clock is pinned to. Raises TryAgain when it has still to be read from the database."""
        for _, rule_set in self.rule_sets:
            if (rule_set.id, rule_set.revision) == (id, revision):
                return rule_set
        raise TryAgain(f"revision {revision} of rule set {id!r}, to which a clock is pinned, is not known here yet")

    def rule_set_on(self, day: date, at: datetime) -> RuleSet:
        """The rule set in force on `day`, as it was known at `at`. Raises NoRuleSet.

        One ends when the next begins; only of the last is its own end asked for. What was known later is taken only for a day
        that the law known then says nothing of.
        """
        for among in (self._rule_sets_known(at), self._rule_sets_known(FOR_EVER)):
            latest = max((row for row in among if row.effective.from_ <= day), key=lambda row: row.effective.from_, default=None)
            is_last = all(row.effective.from_ <= day for row in among)
            if latest and (not is_last or latest.effective.to is None or day <= latest.effective.to):
                return latest
        raise NoRuleSet(f"pack {self.pack.id} has no rule set in force on {day}")

    def _rule_sets_known(self, at: datetime) -> list[RuleSet]:
        """Each rule set in the highest revision that was known at an instant."""
        known: dict[str, RuleSet] = {}
        for since, rule_set in self.rule_sets:
            if since <= at and rule_set.revision >= known.get(rule_set.id, rule_set).revision:
                known[rule_set.id] = rule_set
        return list(known.values())

    def _counts(self) -> list[Count]:
        """Every count that a clock can have by what is known."""
        versions = {days.calendar.version for _, days in self.calendars}
        revisions = {(rule_set.id, rule_set.revision) for _, rule_set in self.rule_sets}
        return [Count(version, id, revision) for version in sorted(versions) for id, revision in sorted(revisions)]

    def unknown(self, counts: Iterable[Count]) -> list[str]:
        """Those of these counts whose calendar or rule set is not known."""
        return sorted(map(str, set(counts) - set(self._counts())))

    def outdated(self, until: datetime) -> list[Count]:
        """Every count that a correction known by `until` concerns."""
        return [count for count in self._counts() if next(self.corrections_of(count, until), None)]

    def corrections_of(
        self, count: Count, until: datetime, rule: RuleName | None = None, started: date = date.max
    ) -> Iterator[Correction]:
        """The corrections known by `until` that a clock of this count (rule, start day) has not gone through, in order."""
        for correction in self.corrections:
            if correction.at > until:
                return
            if self.concerns(correction, count, started) and (
                rule is None or not correction.rule_set or rule in correction.rule_set.rules
            ):
                yield correction

    def concerns(self, correction: Correction, count: Count, started: date) -> bool:
        """Whether a clock of this count and start day goes by something earlier than what the correction brings."""
        if correction.days is not None:
            return correction.days.calendar.version > count.calendar_version
        corrected = correction.rule_set
        assert corrected is not None
        if corrected.id == count.rule_set:
            return corrected.revision > count.revision
        former = next((row for _, row in self.rule_sets if (row.id, row.revision) == count[1:]), None)
        earlier = former is not None and former.effective.from_ < corrected.effective.from_
        return correction.takes_over and earlier and started >= correction.started_from
