"""Which network an address counts for, which limit is passed, and whose word on the address is believed."""

import asyncio
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import get
from litestar.connection import ASGIConnection
from pydantic import ValidationError

from pakn import metrics
from pakn.engine import mongo
from pakn.legal_time import machine_now
from pakn.logins import MongoSettings
from pakn.settings import HttpSettings, IntakeSettings, networks
from services.intake.rate_limits import RateLimits, What, is_over, is_stopped, is_within, network_of

LIMITS: dict[What, int] = {"submissions": 3, "look_ups": 5, "wrong": 2}


@given(st.ip_addresses())
def test_every_address_lies_in_its_network(address: IPv4Address | IPv6Address) -> None:
    network = network_of(str(address))
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped
    assert (mapped or address) in network
    assert network.prefixlen == (32 if address.version == 4 or mapped else 64)


@given(st.text())
def test_whatever_a_proxy_forwards_has_a_network(host: str) -> None:
    network = network_of(host)
    assert network is None or is_within(network, networks("0.0.0.0/0,::/0"))


def test_a_scope_or_a_mapped_address_is_no_other_network() -> None:
    assert network_of("fe80::1%eth0") == network_of("fe80::2")
    assert network_of("::ffff:203.0.113.7") == network_of("203.0.113.7")


@pytest.mark.parametrize(
    ("counts", "passed", "stopped"),
    [
        ({}, False, False),
        ({"submissions": 3}, False, False),
        ({"submissions": 4}, True, False),
        ({"look_ups": 9, "submissions": 1}, False, False),
        ({"wrong": 1}, False, False),
        ({"wrong": 2}, False, True),
    ],
)
def test_a_limit_is_passed_by_what_it_counts(counts: dict[str, int], passed: bool, stopped: bool) -> None:
    none: Any = dict.fromkeys(LIMITS, 0)
    assert (is_over(counts, "submissions", LIMITS), is_stopped(counts, LIMITS)) == (passed, stopped)
    assert (is_over(counts, "submissions", none), is_stopped(counts, none)) == (False, False)


def test_networks_are_checked_where_they_are_set() -> None:
    assert [str(network) for network in networks("10.0.0.0/8, ::1/128,")] == ["10.0.0.0/8", "::1/128"]
    for model, name in ((HttpSettings, "trusted_proxies"), (IntakeSettings, "unlimited_networks")):
        with pytest.raises(ValidationError, match="ever"):
            model.model_validate({name: "ever"})


async def test_without_database_no_limit_refuses_anybody_and_the_metric_says_so() -> None:
    """The request itself then gets 503; a guard that waited for the database would hold every request."""
    settings = IntakeSettings.model_validate({"secret_key": "k" * 32, "limit_look_ups": 1})
    client = mongo.make_client(MongoSettings.model_validate({"uri": "mongodb://127.0.0.1:1"}))
    suspected: list[Exception] = []
    limits = RateLimits(mongo.database(client, "t", "intake"), settings, machine_now, suspected.append)

    @get("/", operation_id="lookUpFeedback", sync_to_thread=False)
    def look_up() -> None: ...

    connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection({"type": "http", "client": ("203.0.113.7", 1)})  # type: ignore[typeddict-item]
    before = metrics.rate_limits_blind._value.get()
    await asyncio.gather(*(limits.guard(connection, look_up) for _ in range(3)))
    assert metrics.rate_limits_blind._value.get() == before + 3
    assert len(suspected) == 3
    await mongo.close(client)
