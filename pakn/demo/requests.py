"""Reads what enters the demo: rows of a service-request CSV, or scripted requests with a plan of what follows.

The way in follows the data: a request whose source is a portal of the pack comes by that portal's topic, every other one by
HTTP, as a script says: by the pages or as JSON. No column of a CSV says who filled in a form, so every fifth row is taken for one.
"""

import csv
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pakn.packs.load import Pack
from services.deadlines.law.workdays import CalendarEnds, WorkDays

CSV_COLUMNS = (
    "SRNumber",
    "CreatedDate",
    "Owner",
    "RequestType",
    "Status",
    "RequestSource",
    "Anonymous",
    "ServiceDate",
    "ClosedDate",
    "Address",
)
_CSV_TIME = "%m/%d/%Y %I:%M:%S %p"
Door = Literal["pages", "json", "kafka"]
_BY_PAGES = 5  # One of so many rows of a CSV.
SENDER_STEPS = {"supplement": "supplements", "rate": "rating"}  # and where each is posted


@dataclass(frozen=True, slots=True)
class Act:
    """One act after the submission: when (legal time), which, and with what; files are names and kinds of content."""

    at: datetime
    action: str
    values: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """A request of the sample: its number in the file, the submission, the way in, and what follows."""

    source: str
    owner: str | None
    submitted_at: datetime
    portal: str | None
    body: dict[str, Any]
    files: tuple[tuple[str, str], ...] = ()
    steps: tuple[Act, ...] = ()
    by_pages: bool = False

    @property
    def door(self) -> Door:
        """By which door it comes in."""
        return "kafka" if self.portal else "pages" if self.by_pages else "json"


def read_requests(file: Path, pack: Pack, limit: int) -> list[DemoRequest]:
    """The first `limit` requests of a file, in order of time. Raises ValueError that names every line that cannot be used."""
    faults: list[str] = []
    found: list[DemoRequest] = []
    rows = _csv_rows(file) if file.suffix == ".csv" else _json_rows(file)
    for number, row in islice(rows, limit):
        try:
            found.append(_of_csv(row, pack) if file.suffix == ".csv" else _of_script(row, pack))
        except (ValueError, KeyError) as error:
            faults.append(f"{file}:{number}: {type(error).__name__}: {error}")
    if faults:
        raise ValueError("\n".join(["These requests cannot be played:", *faults[:50]]))
    if not found:
        raise ValueError(f"{file} holds no requests")
    return sorted(found, key=lambda request: request.submitted_at)


def require_calendar(pack: Pack, requests: Sequence[DemoRequest], days: int) -> None:
    """Raises ValueError that names the years which the pack's calendar lacks for these requests, in order of time, and `days`
    after the last one: no limit could be counted in them, and no letter that names its day could be written."""
    calendar, known = WorkDays(pack.calendar), {row.year for row in pack.calendar.years}
    first, last = (calendar.local_day(request.submitted_at) for request in (requests[0], requests[-1]))
    needed = set(range(first.year, (last + timedelta(days=days)).year + 1))
    limits = [rule.limit for rule_set in pack.rule_sets for rule in rule_set.rules.values()]
    longest = max(
        (n for limit in limits if limit.unit == "working_days" for n in (limit.n, *limit.by_category.values())), default=0
    )
    try:
        calendar.add(last, longest)
    except CalendarEnds:
        needed |= {max(known) + 1} & {last.year + 1}
    if lacking := sorted(needed - known):
        raise ValueError(
            f"The calendar of pack {pack.id} has no {', '.join(map(str, lacking))}, and these requests were submitted from {first}"
            f" to {last}: add what is missing to its calendar.yaml, or name another file with --requests."
        )


def _csv_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in CSV_COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{file}: columns are missing: {', '.join(missing)}")
        yield from ((reader.line_num, row) for row in reader)


def _json_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig") as lines:
        yield from ((number, json.loads(line)) for number, line in enumerate(lines, 1) if line.strip())


def _of_csv(row: Mapping[str, str], pack: Pack) -> DemoRequest:
    zone = ZoneInfo(pack.header.timezone)
    number = row["SRNumber"]
    created = datetime.strptime(row["CreatedDate"], _CSV_TIME).replace(tzinfo=zone)
    done = row["ServiceDate"] or row["ClosedDate"]
    # The data give the day of the service, and no hour; work of the same day is answered within it.
    steps: tuple[Act, ...] = ()
    if done:
        day = max(datetime.strptime(done, _CSV_TIME).replace(tzinfo=zone).date(), created.date())
        at = _moments(day, created, zone)
        if row["Status"] == "Cancelled":
            steps = (Act(next(at), "refuse", {"reason": f"Request {number} was cancelled."}),)
        else:
            reply = f"Request {number}: status {row['Status']}, service on {day.isoformat()}."
            steps = (Act(next(at), "accept"), Act(next(at), "reply", {"reply": reply}), Act(next(at), "publish"))
    portal = re.sub(r"\W+", "-", row["RequestSource"].lower())
    sender = {} if row["Anonymous"] == "Y" else {"name": f"Reporter of {number}", "email": f"{number}@example.org"}
    body: dict[str, Any] = {
        "category": row["RequestType"],
        "title": f"{row['RequestType']} ({number})",
        "content": f"{row['RequestType']} reported by {row['RequestSource']} at {row['Address'] or 'an address not given'}.",
        "sender": sender,
    }
    known = portal in [own.id for own in pack.header.portals]
    by_pages = zlib.crc32(number.encode()) % _BY_PAGES == 0
    return DemoRequest(number, row["Owner"], created, portal if known and not by_pages else None, body, (), steps, by_pages)


def _of_script(row: Mapping[str, Any], pack: Pack) -> DemoRequest:
    zone = ZoneInfo(pack.header.timezone)
    submitted = datetime.fromisoformat(row["submitted_at"])
    fields = ("category", "title", "content", "sender", "submitter_type", "province", "addressed_to", "level")
    body = {name: row[name] for name in fields if row.get(name) is not None}
    by_pages = row.get("via") == "pages"
    if by_pages and row["portal"]:
        raise ValueError("what comes by the pages comes by no portal")
    steps: list[Act] = []
    before = submitted
    for step in row["plan"]:
        apart = ("after_working_days", "after_days", "action", "attachments")
        values = {key: value for key, value in step.items() if key not in apart}
        if step.get("attachments") and not by_pages:
            raise ValueError("files of a later step are sent by the pages alone")
        day = before.astimezone(zone).date() + timedelta(days=step.get("after_days", 0))
        day = _working_days_after(pack, day, step["after_working_days"]) if "after_working_days" in step else day
        before = next(_moments(day, before, zone))
        steps.append(Act(before, step["action"], values, _files(step)))
    return DemoRequest(row["ref"], None, submitted, row["portal"], body, _files(row), tuple(steps), by_pages)


def _files(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((file["name"], file["kind"]) for file in row.get("attachments", ()))


def _moments(day: date, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Moments of `day` from the morning on, a quarter of an hour apart, all later than `after`, none past its end."""
    last = datetime.combine(day, time(23, 58), zone)
    moment = max(datetime.combine(day, time(8, 30), zone), after + timedelta(minutes=15))
    while True:
        yield min(moment, max(last, after))
        moment += timedelta(minutes=15)


def _working_days_after(pack: Pack, day: date, count: int) -> date:
    """The slow count, a loop over days: agencies know their calendar without asking the deadlines service."""
    off = {row.date for year in pack.calendar.years for row in year.days_off}
    worked = {row.date for year in pack.calendar.years for row in year.working_days}
    while count > 0:
        day += timedelta(days=1)
        count -= day in worked or (day.weekday() < 5 and day not in off)
    return day
