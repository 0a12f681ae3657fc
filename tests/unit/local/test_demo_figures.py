"""What the demo prints adds up, and a file that the pack's calendar does not reach is refused before anything is started."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pakn.demo import results
from pakn.demo.audit import Evidence, audit
from pakn.demo.requests import DemoRequest, require_calendar
from tests.support.examples import example
from tests.support.packs import VN

NOW = datetime(2026, 8, 17, 2, 0, tzinfo=UTC)
# What became of each request: its state at the end, and the agency that it was assigned to.
ENDS = {"a": ("published", "hue"), "b": ("not_accepted", "hue"), "c": ("accepted", "da-nang"), "d": ("not_accepted", None)}


def request(source: str, at: datetime = NOW, portal: str | None = None) -> DemoRequest:
    return DemoRequest(source, None, at, portal, {})


def test_every_figure_of_the_table_is_the_sum_of_the_indented_ones_below_it() -> None:
    """71 not accepted stood beside sums of 2,000, and what became of the rest was not said."""
    outcomes: dict[str, Any] = {
        id: {"code": id, "feedback_id": id, "accepted": agency is not None} for id, (_, agency) in ENDS.items()
    }
    # As the portal reads them: a refusal has the fields of its event.
    outcomes |= {id: example("SubmissionRefused").model_dump() for id in ("refused", "refused too")}
    evidence = Evidence()
    evidence.dead_letters = {"inbox/0/1", "inbox/0/2"}
    evidence.stored["notify"] = {"letter": {"feedback_id": "a", "moment": "received", "cause": "a", "state": "sent"}}
    for service in ("intake", "routing", "deadlines"):
        evidence.stored[service] = {id: {"state": state, "submitted_at": NOW, "history": []} for id, (state, _) in ENDS.items()}
    for id, (_, agency) in ENDS.items():
        if agency:
            envelope: Any = SimpleNamespace(name="FeedbackAssigned", subject=id, id=id, cause=id)
            evidence.facts[id] = (envelope, {"agency": agency, "assigned_at": NOW.isoformat()})
    requests = [*map(request, ENDS), *(request(id, portal="danang-1022") for id in ("refused", "refused too"))]
    mailbox: Any = SimpleNamespace(counts=Counter({"<letter>": 1}))
    report = audit(requests, outcomes, evidence, mailbox)
    assert [finding for finding in report["findings"] if finding.startswith("doubled")] == []
    table = results.table_of(report, "")
    rows = list(
        zip((str(cell) for cell in table.columns[0].cells), (int(str(cell)) for cell in table.columns[1].cells), strict=True)
    )
    depths = [len(name) - len(name.lstrip()) for name, _ in rows]
    for index, (name, number) in enumerate(rows):
        end = next((later for later in range(index + 1, len(rows)) if depths[later] <= depths[index]), len(rows))
        parts = [rows[part][1] for part in range(index + 1, end) if depths[part] == depths[index] + 2]
        assert not parts or sum(parts) == number, name
    assert dict(rows) | {"requests": 6, "dead letters": 2, "      to hue": 2, "  open": 1, "  declined": 1} == dict(rows)


def test_the_table_says_how_many_came_by_each_door_and_a_door_that_intake_recorded_otherwise_is_found() -> None:
    requests = [request("a"), replace(request("b"), by_pages=True), replace(request("c"), by_pages=True), request("d", portal="p")]
    assert [row.door for row in requests] == ["json", "pages", "pages", "kafka"]
    outcomes = {row.source: {"code": row.source, "feedback_id": row.source, "accepted": False} for row in requests}
    evidence = Evidence(stored={service: {} for service in ("intake", "routing", "deadlines", "notify")})
    channels = {"a": "api", "b": "web", "c": "api", "d": "portal"}
    for id, channel in channels.items():
        evidence.stored["intake"][id] = {"state": "not_accepted", "submitted_at": NOW, "history": [], "channel": channel}
        outcomes[id]["channel"] = "web" if id == "c" else channel
    report = audit(requests, outcomes, evidence, SimpleNamespace(counts=Counter()))  # type: ignore[arg-type]
    assert [row for row in report["findings"] if "came by" in row] == ["lost: that c came by pages; intake has recorded api"]
    table = results.table_of(report, "")
    rows = zip(table.columns[0].cells, table.columns[1].cells, strict=True)
    assert [*rows][1:4] == [("  by the pages", "2"), ("  by JSON", "1"), ("  by portals' topics", "1")]


def test_a_demo_that_goes_on_running_says_where_a_person_can_look() -> None:
    """Of all pages only a timeline as JSON was named, and no page that a citizen sees."""
    rows = [
        {"code": None, "state": "refused"},
        {"code": "X.1", "state": "published"},
        {"code": "X.2", "state": "accepted"},
        {"code": "X.3", "state": "published"},
    ]
    urls: Any = {"intake": "http://i", "routing": "http://r"}
    told = results.addresses({"requests": rows}, urls, {"X.2": "other", "X.3": "secret"})
    assert told == [
        ("Send", "http://i/send"),
        ("Published", "http://i/published"),
        ("A sender", "http://i/follow/X.3/open?secret=secret"),
        ("Anybody", "http://i/follow/X.3"),
        ("JSON", "http://i/v1/feedback/X.3"),
        ("API", "http://i/schema"),
        ("Events", "http://i/schema/events"),
        ("Metrics", "http://i/metrics   (intake)"),
        ("Metrics", "http://r/metrics   (routing)"),
    ]
    assert results.addresses({"requests": rows[:1]}, urls, {})[:3] == told[:2] + told[5:6]


def texts_of(*rows: tuple[str, str], moments: tuple[str, ...] = ("received", "published")) -> Evidence:
    """What notify has of texts: a letter by mail of the same fact beside each."""
    evidence = Evidence(stored={service: {} for service in ("intake", "routing", "deadlines", "notify")})
    for (id, state), moment in zip(rows, moments, strict=True):
        letter = {"feedback_id": "a", "code": "a", "moment": moment, "cause": "a", "state": state}
        evidence.stored["notify"][id] = letter | {"channel": "sms"}
        evidence.stored["notify"][f"mail of {id}"] = letter | {"state": "undeliverable"}
    return evidence


@pytest.mark.parametrize(
    ("rows", "at_the_gateway", "found"),
    [
        ([("t1", "sent"), ("t2", "sent")], {"t1": 1, "t2": 1}, []),
        ([("t1", "sent"), ("t2", "undeliverable")], {"t1": 1}, []),
        ([("t1", "sent"), ("t2", "sent")], {"t1": 1}, ["lost: text published of a was sent, and the gateway does not have it"]),
        ([("t1", "sent"), ("t2", "uncertain")], {"t1": 1}, ["lost: sms letter published of a is uncertain"]),
        ([("t1", "sent"), ("t2", "sent")], {"t1": 1, "t2": 2}, ["doubled: text t2 arrived 2 times"]),
        ([("t1", "sent"), ("t2", "undeliverable")], {"t1": 1, "t2": 1},
         ["doubled: the gateway has a text t2 that notify has not sent"]),
    ],
)  # fmt: skip
def test_a_text_that_is_lost_or_doubled_is_found(rows: Any, at_the_gateway: dict[str, int], found: list[str]) -> None:
    report = audit([], {}, texts_of(*rows), SimpleNamespace(counts=Counter()), at_the_gateway)  # type: ignore[arg-type]
    assert (report["findings"], report["texts_sent"]) == (found, len(at_the_gateway))


@pytest.mark.parametrize(
    ("submitted", "year"), [(datetime(2019, 5, 6, tzinfo=UTC), 2019), (datetime(2027, 12, 20, tzinfo=UTC), 2028)]
)
def test_a_file_of_a_year_that_the_calendar_lacks_is_refused_by_that_year(submitted: datetime, year: int) -> None:
    """The demo waited three minutes and ended with "in vain for the last timers and letters"."""
    with pytest.raises(ValueError, match=f"has no {year},"):
        require_calendar(VN, [request("a", submitted), request("b", submitted + timedelta(hours=1))], days=1)


def test_a_file_within_the_calendar_is_taken() -> None:
    require_calendar(VN, [request("a")], days=42)
