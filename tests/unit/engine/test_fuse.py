"""The fuse: a bad record is given up, a bad release ends the process before anything is lost."""

import pytest

from pakn.engine.fuse import Blown, Fuse
from pakn.errors import describe
from pakn.settings import FuseSettings


@pytest.fixture
def seconds() -> list[float]:
    return [0.0]


@pytest.fixture
def fuse(seconds: list[float]) -> Fuse:
    return Fuse(FuseSettings(run=3, share=0.5), now=lambda: seconds[0])


def test_a_release_in_which_nothing_goes_well_loses_not_even_its_first_record(fuse: Fuse) -> None:
    fuse.check(0, [])
    with pytest.raises(Blown, match="no decision of this process") as blown:
        fuse.check(0, ["a"])
    assert "has gone well, and 1 failed" in describe(blown.value), "the log says why the process ended"


def test_bad_records_among_good_ones_are_given_up(fuse: Fuse, seconds: list[float]) -> None:
    for number in range(100):
        fuse.check(1, [f"bad {number}"] if number % 3 == 0 else [])
        seconds[0] += 1


def test_one_case_may_fail_as_often_as_it_likes(fuse: Fuse, seconds: list[float]) -> None:
    """An agency that repeats itself must not stop the others' service."""
    fuse.check(1, [])
    for _ in range(100):
        fuse.check(0, ["the same"])
        seconds[0] += 61


def test_many_cases_that_fail_one_after_the_other_are_a_bad_release(fuse: Fuse, seconds: list[float]) -> None:
    fuse.check(1, [])
    for case in "abc":
        seconds[0] += 61
        fuse.check(0, [case])
    with pytest.raises(Blown, match=r"4 cases failed one after the other \(PAKN_FUSE__RUN\)"):
        fuse.check(0, ["d"])


def test_more_than_a_share_of_a_minute_is_a_bad_release_and_an_hour_is_not(fuse: Fuse, seconds: list[float]) -> None:
    for number in range(50):
        fuse.check(1, [f"{number}", f"{number}'"])
        seconds[0] += 60.5
    fuse.check(1, ["x", "y"])
    with pytest.raises(Blown, match="of the last minute failed"):
        fuse.check(1, ["z", "w"])
