"""What a list of Open311 is asked for: the standard's arguments, and those that servers have added since. Pure."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pakn.packs.load import Pack
from schemas.values import Fault
from services.intake import domain
from services.intake.feedback import ListedAs
from services.intake.listing import Wanted

MOST_DAYS: Final = 90
"""Days that one question may span, by the standard."""
MOST_ROWS: Final = 200
"""Requests on a page; the standard allows 1000 at most."""
MOST_SKIPPED: Final = 10_000
"""Requests that pages before this one may have: who wants more asks for other days."""
MOST_CODES: Final = 50
_SPAN: Final = timedelta(days=MOST_DAYS)
_DATE: Final = re.compile(r"(19|2\d)\d\d-\d\d-\d\d", re.ASCII)
_MOMENT: Final = re.compile(r"(19|2\d)\d\d-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
# A plus sign that nobody has encoded comes as a space.
_SPACE: Final = re.compile(r" (?=\d\d:\d\d$)")


class Wrong(ValueError):
    """The question cannot be answered: every fault of it. `is_unknown`: it asks for a service that there is not."""

    def __init__(self, faults: list[Fault], *, is_unknown: bool = False) -> None:
        super().__init__(faults)
        self.faults = faults
        self.is_unknown = is_unknown


def many(text: str | None) -> list[str]:
    """The values of a list that commas separate, each once."""
    return list(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def wanted(pack: Pack, asked: Mapping[str, str], now: datetime) -> Wanted:
    """The page that is asked for; what is not asked for is as good as empty. Raises Wrong with every fault.

    By `start_date` and `end_date` the list goes by the time of submission, by `updated_after` and `updated_before` by that of
    the last change. Without a date it has the last 90 days, with one it ends 90 days from it.
    """
    given = {name: value.strip() for name, value in asked.items() if value.strip()}
    faults: list[Fault] = []
    by_change = "updated_after" in given or "updated_before" in given
    if by_change and ("start_date" in given or "end_date" in given):
        message = "go by the last change; leave out start_date and end_date, which go by the submission"
        faults.append(_fault("updated_after, updated_before", message))
    by: Literal["submitted_at", "updated_at"] = "updated_at" if by_change else "submitted_at"
    first, last = ("updated_after", "updated_before") if by_change else ("start_date", "end_date")
    zone = ZoneInfo(pack.header.timezone)
    since, until = (_moment(given, name, zone, faults) for name in (first, last))
    until = until or (since + _SPAN if since and since + _SPAN < now else now)
    since = since or until - _SPAN
    if until - since > _SPAN:
        faults.append(_fault(f"{first}, {last}", f"may span {MOST_DAYS} days at most"))
    statuses = many(given.get("status"))
    if set(statuses) - {"open", "closed"}:
        faults.append(_fault("status", "must be open, closed, or both with a comma between them"))
    page = _number(given, "page", 1, MOST_SKIPPED, faults)
    size = _number(given, "page_size", MOST_ROWS, MOST_ROWS, faults)
    if (page - 1) * size > MOST_SKIPPED:
        faults.append(_fault("page", f"lies behind the first {MOST_SKIPPED} requests; ask for fewer days"))
    codes = many(given.get("service_code"))
    if len(codes) > MOST_CODES:
        faults.append(_fault("service_code", f"has more than {MOST_CODES} codes"))
    if faults:
        raise Wrong(faults)
    found = {code: domain.find_category(pack, code) for code in codes}
    if unknown := [code for code, category in found.items() if category is None]:
        raise Wrong([_fault("service_code", f"there is no service {code[:80]!r}") for code in unknown], is_unknown=True)
    categories = list(dict.fromkeys(row.id for row in found.values() if row)) or [row.id for row in pack.categories]
    page_wanted = Wanted(since, until, categories, by=by, skip=(page - 1) * size, limit=size)
    kinds: tuple[ListedAs, ...] = ("open", "closed")
    return replace(page_wanted, statuses=tuple(kind for kind in kinds if kind in statuses)) if statuses else page_wanted


def _moment(given: Mapping[str, str], name: str, zone: ZoneInfo, faults: list[Fault]) -> datetime | None:
    """A time as in W3C's note on dates; a day alone begins at midnight of the pack's zone."""
    if name not in given:
        return None
    text = _SPACE.sub("+", given[name])
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(datetime.fromisoformat(text).date(), time(), zone)
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    faults.append(_fault(name, "must be a time with its offset from UTC, such as 2026-03-02T08:30:00+07:00"))
    return None


def _number(given: Mapping[str, str], name: str, otherwise: int, most: int, faults: list[Fault]) -> int:
    text = given.get(name)
    if text is None:
        return otherwise
    if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1:
        # A page may be smaller than was asked for, and the link to the next one says how large it is.
        return min(int(text), most) if name == "page_size" else int(text)
    faults.append(_fault(name, "must be a number from 1"))
    return otherwise


def _fault(field: str, message: str) -> Fault:
    return Fault(field=field, code="invalid", message=message)
