"""What there is so much of is never all one sender's, however many networks he has."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.settings import networks
from services.intake.rate_limits import network_of
from services.intake.rations import Rations, home_of

OTHER = network_of("203.0.113.9")


def taken(rations: Rations, hosts: Iterable[str], amount: int = 1) -> int:
    """How many of these hosts, each asking once, get so much."""
    return sum(rations.take(network_of(host), amount) for host in hosts)


@pytest.mark.parametrize(
    ("hosts", "most"),
    [
        (["198.51.100.1"] * 9, 4),
        (["198.51.100.1"] * 9 + ["198.51.100.2"] * 9, 6),
        (["2001:db8:1:100::1", "2001:db8:1:100::2"] * 9, 4),
        (["2001:db8:1:100::1", "2001:db8:1:101::1"] * 9, 5),
        ([f"2001:db8:1:{number:x}::1" for number in range(0, 0xFFFF, 64)], 6),
        (["", "no address"] * 9, 4),
    ],
    ids=["an address", "two addresses", "a /64", "two networks of a line", "a /48", "nobody knows"],
)
def test_whatever_one_sender_has_others_have_some_of_eight(hosts: list[str], most: int) -> None:
    """Two networks of one line of IPv6, or two addresses, took all eight places."""
    rations = Rations(8, 1)
    assert taken(rations, hosts) == most
    assert taken(rations, ["203.0.113.9", "203.0.113.10"]) == 2


def test_the_last_ones_are_for_those_who_hold_none() -> None:
    rations = Rations(8, 1)
    assert taken(rations, ["198.51.100.1"] * 4 + ["198.51.100.2"] * 2) == 6
    assert taken(rations, ["198.51.100.2", "198.51.100.3", "198.51.100.3", "198.51.100.4", "198.51.100.5"]) == 2


@pytest.mark.parametrize(("most", "alone"), [(1, 1), (2, 1), (3, 1), (4, 2), (1000, 500)])
def test_where_there_are_few_anybody_may_have_one(most: int, alone: int) -> None:
    assert taken(Rations(most, 1), ["198.51.100.1"] * 1000) == alone


def test_who_is_not_limited_may_have_all() -> None:
    rations = Rations(8, 1, networks("127.0.0.0/8"))
    assert taken(rations, ["127.0.0.1"] * 9) == 8
    assert not rations.take(OTHER, 1)


def test_more_than_little_at_once_is_no_little() -> None:
    rations = Rations(800, 10)
    assert taken(rations, ["198.51.100.1", "198.51.100.2"], 300) == 2
    assert (rations.has(OTHER, 11), rations.has(OTHER, 10)) == (False, True)


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(1, 5)), max_size=20))
def test_what_is_given_back_is_there_again(asked: list[tuple[object, int]]) -> None:
    rations = Rations(16, 2)
    held = [(network_of(str(host)), amount) for host, amount in asked if rations.take(network_of(str(host)), amount)]
    assert sum(amount for _, amount in held) <= 16
    for network, amount in held:
        rations.give(network, amount)
    assert taken(rations, ["198.51.100.1"] * 16) == 8
    assert rations._held.total() == 8, "nothing is left of those who are gone"


def test_a_line_of_ipv6_is_one_home() -> None:
    assert home_of(network_of("2001:db8:1:100::1")) == home_of(network_of("2001:db8:1:1ff::1")) != home_of(OTHER)
    assert home_of(OTHER) == OTHER
