"""Checks the law in a pack: rule sets that neither overlap nor leave a gap, limits, and the working calendar.

A value of the wrong shape is passed over here: the models report it.
"""

import itertools
from collections.abc import Iterator
from datetime import date, timedelta

from pakn.packs.files import ANY, PackFault, PackFile, Position
from pakn.packs.models import WEEKDAYS

_DAY = timedelta(days=1)


def rule_set_faults(rules: PackFile) -> Iterator[PackFault]:
    """Rule sets that overlap, leave a gap, are verified by nobody, copied in a circle, or without the limit for a reply."""
    in_force: list[tuple[date, date | None, Position]] = []
    for place, rule_set in rules.each(dict, "rule_sets", ANY):
        if rule_set.get("verified") is True and "verification" not in rule_set:
            what = "`verified: true` needs `verification` (by, on, text); add it or set verified: false"
            yield rules.fault((*place, "verified"), what)
        if copied := rule_set.get("copied_from"):
            known = [id for _, id in rules.each(str, "rule_sets", ANY, "id")]
            if copied not in known[: known.index(rule_set["id"]) if rule_set.get("id") in known else None]:
                what = f"`{copied}` is no rule set above this one; name the one that it was copied from"
                yield rules.fault((*place, "copied_from"), what)
        names = rule_set.get("rules")
        if isinstance(names, dict) and "handle_reply" not in names:
            yield rules.fault((*place, "rules"), "there is no rule `handle_reply`; add it")
        if isinstance(names, dict) and "handle_objection" in names:
            moments = [moment for _, moment in rules.each(str, *place, "rules", "handle_reply", ANY, ANY)]
            if "objected" not in moments:
                what = "starts at an objection too, beside `handle_objection`; name `objected`, for example in its `cancel`"
                yield rules.fault((*place, "rules", "handle_reply"), what)
        effective = rule_set.get("effective")
        if isinstance(effective, dict) and isinstance(effective.get("from"), date):
            begins, ends = effective["from"], effective.get("to")
            if isinstance(ends, date) and ends < begins:
                yield rules.fault((*place, "effective"), f"ends on {ends}, before it begins on {begins}; correct one")
            elif ends is None or isinstance(ends, date):
                in_force.append((begins, ends, (*place, "effective")))
    in_force.sort(key=lambda item: item[0])
    for (_, ends, _), (begins, _, place) in itertools.pairwise(in_force):
        if ends is None or begins <= ends:
            what = f"overlaps the rule set before it, which ends {ends or 'never'}; end that one on {begins - _DAY}"
            yield rules.fault(place, what)
        elif begins > ends + _DAY:
            yield rules.fault(place, f"no rule set is in force from {ends + _DAY} to {begins - _DAY}; close the gap")


def limit_faults(rules: PackFile) -> Iterator[PackFault]:
    """Own limits that are longer than the general one, and moments that would move a clock in two ways."""
    for place, rule in rules.each(dict, "rule_sets", ANY, "rules", ANY):
        fields = ("by_agency",) if rule.get("limit_is_per_category") is True else ("by_agency", "by_category")
        for (_, n), field in itertools.product(rules.each(int, *place, "limit", "n"), fields):
            for at, own in rules.each(int, *place, "limit", field, ANY):
                if own > n:
                    what = f"`{at[-1]}` has {own}, longer than the general limit {n}; an own limit may only be shorter"
                    yield rules.fault(at, what)
        for one, other in (("stop", "cancel"), ("stop", "restart"), ("restart", "cancel"), ("start", "stop")):
            moved = [{moment for _, moment in rules.each(str, *place, field, ANY)} for field in (one, other)]
            for moment in sorted(moved[0] & moved[1]):
                yield rules.fault((*place, other), f"`{moment}` stands in `{one}` and in `{other}`; keep the one that is meant")


def calendar_faults(calendar: PackFile, pack: PackFile) -> Iterator[PackFault]:
    """Days listed where they make no difference or without their counterpart, and years that are missing."""
    for place, zone in calendar.each(str, "timezone"):
        if zone not in [own for _, own in pack.each(str, "timezone")]:
            yield calendar.fault(place, f"time zone `{zone}` is not that of pack.yaml; make them the same")
    years = [(place, year) for place, year in calendar.each(int, "years", ANY, "year")]
    for year in range(min((y for _, y in years), default=0), max((y for _, y in years), default=0)):
        if year not in [y for _, y in years]:
            yield calendar.fault(("years",), f"the year {year} is missing between the others; add it")
    weekend = [name for _, name in calendar.each(str, "weekend", ANY)]
    for place, day in calendar.each(date, "years", ANY, ANY, ANY, "date"):
        weekday = WEEKDAYS[day.weekday()]
        if place[2] == "days_off" and weekday in weekend:
            yield calendar.fault(place, f"{day} is a {weekday}, off anyway; list the weekday that makes up for it instead")
        if place[2] == "working_days" and weekday not in weekend:
            yield calendar.fault(place, f"{day} is a {weekday}, worked anyway; remove it or correct the date")
        for _, year in calendar.each(int, "years", place[1], "year"):
            if day.year != year:
                yield calendar.fault(place, f"{day} is listed under {year}; move it to its year")
    swapped_off = {
        day_off["date"]: place
        for place, day_off in calendar.each(dict, "years", ANY, "days_off", ANY)
        if day_off.get("kind") == "swap_off" and isinstance(day_off.get("date"), date)
    }
    made_good = dict((day, place) for place, day in calendar.each(date, "years", ANY, "working_days", ANY, "for"))
    for day in made_good.keys() - swapped_off.keys():
        yield calendar.fault(made_good[day], f"{day} is not a day off of kind swap_off; add that day or correct `for`")
    for day in swapped_off.keys() - made_good.keys():
        yield calendar.fault(swapped_off[day], f"{day} is swap_off, but no working day is `for` it; add it or use holiday")
