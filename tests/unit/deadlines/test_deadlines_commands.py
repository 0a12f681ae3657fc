"""The commands about the law that need no server: what they print, and with which exit code."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pakn.__main__ import cli
from services.deadlines.law import calendar_check
from tests.support.packs import FOLDER, VN

CALENDAR = (FOLDER / "calendar.yaml").read_text()


def pakn(*arguments: str) -> Result:
    """Run a command on the tests' own pack."""
    return CliRunner().invoke(cli, [*arguments, "--pack", str(FOLDER)])


def test_the_due_date_comes_with_its_law_and_every_day() -> None:
    result = pakn("due", "--rule", "handle_reply", "--start", "2026-08-21T10:00:00+07:00", "--json")
    (row,) = [json.loads(line) for line in result.output.splitlines()]
    assert (row["due_date"], row["rule_set"], row["verified"], row["provisional"]) == ("2026-09-15", "qd29-2026", False, False)
    assert row["due_at"] == "2026-09-16T00:00:00+07:00"
    assert row["days"][0] == {
        "date": "2026-08-22", "counted": 1, "kind": "swap_work", "reason": "Saturday, worked for 2026-08-31",
        "source": "Lịch nghỉ Quốc khánh 2026 (theo báo chí, chưa có số văn bản)",
    }  # fmt: skip
    assert [day["counted"] for day in row["days"] if day["counted"]] == list(range(1, 16))


def test_every_start_that_cannot_be_counted_is_named_at_once(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    starts.write_text("2026-08-21T10:00:00+07:00\n\nyesterday\n2026-08-21T10:00:00\n")
    result = pakn("due", "--rule", "refuse", "--starts", str(starts), "--start", "2031-01-01T00:00:00Z")
    assert result.exit_code == 2
    assert [part in result.output for part in ("'yesterday' is not a time", "has no offset from UTC", "2031-01-01")] == [True] * 3


def test_a_count_through_a_year_of_estimates_says_so() -> None:
    result = pakn("due", "--rule", "handle_reply", "--start", "2026-12-28T10:00:00+07:00")
    assert "provisional" in result.output


def test_a_difference_from_the_library_that_the_calendar_explains_is_no_new_one() -> None:
    found = [(str(row.date), row.reason is None) for row in calendar_check.differences(VN.calendar)]
    assert found == [("2026-01-02", False), ("2026-01-10", False)]


def test_a_new_difference_is_named_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "calendar.yaml"
    line = next(line for line in CALENDAR.splitlines() if "2026-04-30" in line)
    file.write_text(CALENDAR.replace(line + "\n", ""))
    result = pakn("calendar", "check", "--file", str(file))
    assert result.exit_code == 1
    assert "2026-04-30 Thursday: worked here" in result.output
    assert "NEW" in result.output
    assert "1 new" in result.output


def test_a_faulty_calendar_is_refused_with_every_fault_by_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(CALENDAR.replace("date: 2026-04-27", "date: 2026-04-26").replace("for: 2026-01-02", "for: 2026-01-05"))
    for command in (("check", "--file", str(file)), ("apply", str(file), "--dry-run")):
        result = pakn("calendar", *command)
        assert result.exit_code == 2
        assert "mine.yaml:" in result.output
        assert "2026-04-26 is a sunday" in result.output
        assert "2026-01-05 is not a day off" in result.output


@pytest.mark.parametrize(
    ("today", "said"),
    [("2025-06-01", []), ("2026-06-01", ["2027 is provisional"]), ("2027-06-01", ["2027 is provisional", "2028 is missing"])],
)
def test_the_years_in_which_limits_end_are_asked_for_in_time(today: str, said: list[str]) -> None:
    found = calendar_check.coming_years(VN.calendar, date.fromisoformat(today))
    assert [line.partition(":")[0] for line in found] == said
