"""The law as an instance knows it: rule sets and working calendars, and since when each of them is known. Pure.

A correction is a later calendar, a rule set with a higher revision, or a rule set that takes over running clocks. It is one
more instant in the life of a clock: the law known before it judges what was due before it, and the law known since then
judges what comes after it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from pakn.errors import TryAgain
from pakn.packs.load import Pack
from pakn.packs.models import RuleSet
from schemas.values import RuleName
from services.deadlines.law.workdays import WorkDays

EVER = datetime.min.replace(tzinfo=UTC)
"""Since when the law of a pack is known where no running system has to learn it."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)


class NoRuleSet(LookupError):
    """No known rule set is in force on the day: no clock can open until the pack has one."""


class LawVersion(NamedTuple):
    """The calendar, the rule set and its revision by which a clock was counted."""

    calendar_version: str
    rule_set: str
    revision: int

    def __str__(self) -> str:
        return f"{self.calendar_version}|{self.rule_set}|{self.revision}"

    @classmethod
    def parse(cls, text: str) -> "LawVersion":
        """Read back what `str` wrote."""
        calendar_version, rule_set, revision = text.rsplit("|", 2)
        return cls(calendar_version, rule_set, int(revision))


class Correction(NamedTuple):
    """Another calendar, or another rule set, that holds from the legal instant `at` on.

    `takes_over`: the rule set also applies to running clocks of the rule sets before it. It takes over all of them if its
    transitional rule says so (`open_clocks: move`), or only those that started on `started_from` or later if it became known
    after its first day.
    """

    at: datetime
    days: WorkDays | None = None
    rule_set: RuleSet | None = None
    takes_over: bool = False
    started_from: date = date.min


@dataclass(frozen=True, slots=True)
class Law:
    """Every calendar and every revision of a rule set, each with the legal instant since which it is known.

    `corrections` are the same in the order of time. `pack` gives limits and the language in which articles are cited.
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
        """The law of these calendars and rule sets. Without any, the pack's own ones are known since `EVER`."""
        known_calendars = tuple(calendars) or ((EVER, WorkDays(pack.calendar)),)
        known_rule_sets = tuple(rule_sets) or tuple((EVER, rule_set) for rule_set in pack.rule_sets)
        law = cls(pack, known_calendars, known_rule_sets, ())
        found = [Correction(at, days=days) for at, days in known_calendars]
        for at, rule_set in known_rule_sets:
            found.append(Correction(at, rule_set=rule_set))
            begins = max(at, law.days.start_of(rule_set.effective.from_))
            # A later revision that is known by then decides itself what it takes over, and when.
            if rule_set not in law._rule_sets_known(begins):
                continue
            if rule_set.open_clocks == "move":
                found.append(Correction(begins, rule_set=rule_set, takes_over=True))
            elif at == begins:
                # A clock belongs to the set in force on its start day, even if nobody knew of that set then.
                found.append(Correction(begins, rule_set=rule_set, takes_over=True, started_from=rule_set.effective.from_))
        return cls(pack, known_calendars, known_rule_sets, tuple(sorted(found, key=lambda row: row.at)))

    @property
    def days(self) -> WorkDays:
        """The latest known calendar, even if it does not hold yet."""
        return max((days for _, days in self.calendars), key=lambda days: days.calendar.version)

    def calendar_at(self, at: datetime) -> WorkDays:
        """The latest calendar that was known at an instant; before any was known, the first."""
        first = min(since for since, _ in self.calendars)
        return max((days for since, days in self.calendars if since <= max(at, first)), key=lambda days: days.calendar.version)

    def calendar(self, version: str) -> WorkDays:
        """The calendar with this version. Raises TryAgain if it has still to be read from the database."""
        for _, days in self.calendars:
            if days.calendar.version == version:
                return days
        raise TryAgain(f"calendar {version!r}, by which a clock was counted, is not known here yet")

    def rule_set(self, id: str, revision: int) -> RuleSet:
        """This revision of a rule set. Raises TryAgain if it has still to be read from the database."""
        for _, rule_set in self.rule_sets:
            if (rule_set.id, rule_set.revision) == (id, revision):
                return rule_set
        raise TryAgain(f"revision {revision} of rule set {id!r}, to which a clock is pinned, is not known here yet")

    def rule_set_on(self, day: date, at: datetime) -> RuleSet:
        """The rule set in force on `day`, by the law known at `at`. Raises NoRuleSet.

        A rule set ends when its successor begins; `effective.to` matters only for the last. If the law known at `at` does not
        cover the day, the law that became known later does.
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

    def _versions(self) -> list[LawVersion]:
        """Every combination of a known calendar and a known revision of a rule set."""
        calendars = {days.calendar.version for _, days in self.calendars}
        revisions = {(rule_set.id, rule_set.revision) for _, rule_set in self.rule_sets}
        return [LawVersion(calendar, id, revision) for calendar in sorted(calendars) for id, revision in sorted(revisions)]

    def unknown(self, versions: Iterable[LawVersion]) -> list[str]:
        """Those of these versions whose calendar or rule set is not known."""
        return sorted(map(str, set(versions) - set(self._versions())))

    def outdated(self, until: datetime) -> list[LawVersion]:
        """Every version of the law that a correction known by `until` replaces for some clock."""
        return [version for version in self._versions() if next(self.corrections_of(version, until), None)]

    def corrections_of(
        self, version: LawVersion, until: datetime, rule: RuleName | None = None, started: date = date.max
    ) -> Iterator[Correction]:
        """The corrections known by `until` that a clock of this version, rule and start day has still to go through, in order."""
        for correction in self.corrections:
            if correction.at > until:
                return
            if self.concerns(correction, version, started) and (
                rule is None or not correction.rule_set or rule in correction.rule_set.rules
            ):
                yield correction

    def concerns(self, correction: Correction, version: LawVersion, started: date) -> bool:
        """Whether the correction replaces the law of a clock of this version and start day."""
        if correction.days is not None:
            return correction.days.calendar.version > version.calendar_version
        corrected = correction.rule_set
        assert corrected is not None
        if corrected.id == version.rule_set:
            return corrected.revision > version.revision
        former = next((row for _, row in self.rule_sets if (row.id, row.revision) == version[1:]), None)
        earlier = former is not None and former.effective.from_ < corrected.effective.from_
        return correction.takes_over and earlier and started >= correction.started_from
