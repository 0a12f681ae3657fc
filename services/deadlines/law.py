"""The law as an instance knows it: the pack's rule sets, the working calendars, and since when each correction holds. Pure.

A correction (a later calendar, a rule set with a higher revision, a rule set that takes running clocks over) is one more
instant in the life of a clock: what was due before it is judged by what was known before, what comes after it by what is
known since. `lawbook.py` reads the corrections, `domain.py` lets clocks go through them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.values import RuleName
from services.deadlines.workdays import WorkDays
from services.errors import GiveUp
from services.packs import Pack, Rule, RuleSet


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

    `takes_over`: also for running clocks of the rule sets before it (its transitional rule, `open_clocks: move`).
    """

    at: datetime
    days: WorkDays | None = None
    rule_set: RuleSet | None = None
    takes_over: bool = False


@dataclass(frozen=True, slots=True)
class Law:
    """A pack with the calendar `days`, by which a clock that opens is counted, and all corrections in the order of time."""

    pack: Pack
    days: WorkDays
    corrections: tuple[Correction, ...] = ()

    @classmethod
    def known(
        cls, pack: Pack, calendars: Sequence[tuple[datetime, WorkDays]], revisions: Mapping[tuple[str, int], datetime]
    ) -> "Law":
        """The law of a pack, of the calendars that hold, and of the instants since which a (rule set, revision) is known.

        Without a calendar that holds it is counted by the pack's own.
        """
        corrections = [Correction(at, days=days) for at, days in calendars]
        latest = max((days for _, days in calendars), key=lambda days: days.calendar.version, default=WorkDays(pack.calendar))
        for rule_set in pack.rule_sets:
            if at := revisions.get((rule_set.id, rule_set.revision)):
                corrections.append(Correction(at, rule_set=rule_set))
                if rule_set.open_clocks == "move":
                    begins = latest.start_of(rule_set.effective.from_)
                    corrections.append(Correction(max(at, begins), rule_set=rule_set, takes_over=True))
        # Of several at one instant, the one that reaches furthest comes first: a clock moves once and not in steps.
        corrections.sort(key=lambda row: row.days.calendar.version if row.days else "", reverse=True)
        corrections.sort(key=lambda row: row.at)
        return cls(pack, latest, tuple(corrections))

    def missing(self, rule_sets: Iterable[str]) -> list[str]:
        """Those of these rule sets that the pack does not have."""
        return sorted(set(rule_sets) - {rule_set.id for rule_set in self.pack.rule_sets})

    def rule_set(self, id: str) -> RuleSet:
        """The rule set that a clock is pinned to. Raises GiveUp when the pack has it no longer."""
        for rule_set in self.pack.rule_sets:
            if rule_set.id == id:
                return rule_set
        raise GiveUp("missing_rule_set", f"rule set {id!r} of an open clock is not in pack {self.pack.id}; add it again")

    def rule(self, rule_set: str, name: RuleName) -> Rule:
        """The rule that a clock goes by. Raises GiveUp when the pack has it no longer."""
        if found := self.rule_set(rule_set).rules.get(name):
            return found
        raise GiveUp("missing_rule_set", f"rule {name} of an open clock is no longer in rule set {rule_set}; add it again")

    def calendar(self, version: str) -> WorkDays | None:
        """The calendar that a clock was counted by; none when it is not known here."""
        known = (self.days, *(row.days for row in self.corrections if row.days))
        return next((days for days in known if days.calendar.version == version), None)

    def corrections_of(self, count: Count, until: datetime, rule: RuleName | None = None) -> Iterator[Correction]:
        """The corrections that hold by `until` and that a clock of this count (and rule) has not gone through, in order.

        What is not known here, a later calendar, revision or rule set, is left to the newer instance that counted by it.
        """
        for correction in self.corrections:
            if correction.at > until:
                return
            if self._concerns(correction, count) and (rule is None or not correction.rule_set or rule in correction.rule_set.rules):
                yield correction

    def _concerns(self, correction: Correction, count: Count) -> bool:
        if correction.days is not None:
            return correction.days.calendar.version > count.calendar_version
        corrected = correction.rule_set
        assert corrected is not None
        if corrected.id == count.rule_set:
            return corrected.revision > count.revision
        former = next((rule_set for rule_set in self.pack.rule_sets if rule_set.id == count.rule_set), None)
        return correction.takes_over and former is not None and former.effective.from_ < corrected.effective.from_
