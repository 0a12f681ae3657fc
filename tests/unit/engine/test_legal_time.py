"""The legal clock that a file drives: its segments, old instants, and a line that is still being written."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn import legal_time
from pakn.legal_time import LegalTime, ScaledTime, append_segment, from_now_on, machine_now, make_legal_time

MACHINE = datetime(2026, 1, 1, tzinfo=UTC)
LEGAL = datetime(2018, 1, 1, 8, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clock"
    append_segment(path, machine=MACHINE, legal=LEGAL, rate=3600, until=FAR)
    return path


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(("until", "passed", "hours"), [(FAR, 10, 10), (LEGAL + timedelta(hours=5), 1000, 5)])
def test_legal_time_runs_at_the_rate_of_its_segment_and_waits_at_its_end(
    tmp_path: Path, until: datetime, passed: float, hours: int
) -> None:
    append_segment(tmp_path / "clock", machine=MACHINE, legal=LEGAL, rate=3600, until=until)
    scaled = ScaledTime(tmp_path / "clock", lambda: MACHINE + seconds(passed))
    assert (scaled.now(), scaled.machine()) == (LEGAL + timedelta(hours=hours), MACHINE + seconds(passed))


def test_a_new_segment_counts_at_once_and_old_instants_stay_where_they_were(file: Path) -> None:
    """A record that came in before a restart is placed by its broker timestamp, so its legal time must not move."""
    scaled = ScaledTime(file, lambda: MACHINE + seconds(100))
    before = scaled.at(MACHINE + seconds(5))
    append_segment(file, machine=MACHINE + seconds(60), legal=LEGAL + timedelta(days=30), rate=0, until=FAR)
    assert scaled.now() == LEGAL + timedelta(days=30)
    assert scaled.at(MACHINE + seconds(5)) == before == LEGAL + timedelta(hours=5)
    assert ScaledTime(file, lambda: MACHINE).at(MACHINE + seconds(5)) == before


def test_a_segment_from_now_on_moves_nothing_that_was_stamped_before_it(file: Path) -> None:
    scaled = ScaledTime(file)
    for _ in range(20):
        stamped = machine_now()
        before = scaled.at(stamped)
        from_now_on(file, legal=FAR, rate=0, until=FAR)
        assert scaled.at(stamped) == before
        assert scaled.now() == FAR
        append_segment(file, machine=machine_now(), legal=LEGAL, rate=0, until=FAR)


def test_an_instant_before_the_first_segment_is_where_that_begins(file: Path) -> None:
    assert ScaledTime(file).at(MACHINE - timedelta(days=365)) == LEGAL


def test_a_line_that_is_still_being_written_is_left_for_the_next_look(file: Path) -> None:
    scaled = ScaledTime(file, lambda: MACHINE + seconds(10))
    row = {"machine": MACHINE.isoformat(), "legal": FAR.isoformat(), "rate": 0, "until": FAR.isoformat()}
    line = json.dumps(row) + "\n"
    with file.open("a") as lines:
        lines.write(line[:40])
    assert scaled.now() == LEGAL + timedelta(hours=10)
    with file.open("a") as lines:
        lines.write(line[40:])
    assert scaled.now() == FAR


def test_a_missing_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_legal_time(tmp_path / "nowhere")


@given(st.lists(st.floats(0, 10_000), min_size=2, max_size=8))
def test_legal_time_never_runs_backwards_while_segments_go_on_from_each_other(
    tmp_path_factory: pytest.TempPathFactory, at: list[float]
) -> None:
    file = tmp_path_factory.mktemp("clock") / "file"
    append_segment(file, machine=MACHINE, legal=LEGAL, rate=60, until=LEGAL + timedelta(hours=1))
    append_segment(file, machine=MACHINE + seconds(100), legal=LEGAL + timedelta(hours=1), rate=3600, until=FAR)
    scaled = ScaledTime(file)
    instants = [scaled.at(MACHINE + seconds(number)) for number in sorted(at)]
    assert instants == sorted(instants)


def test_without_a_file_the_legal_clock_is_the_machines() -> None:
    system = make_legal_time(None)
    assert type(system) is LegalTime
    assert abs(system.now() - legal_time.machine_now()) < seconds(5)
    local = datetime(2026, 3, 1, 7, 0, tzinfo=UTC).astimezone()
    assert system.at(local) == local
    assert system.at(local).tzinfo is UTC
