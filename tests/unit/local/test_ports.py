"""Ports are looked at before anything is started, and the refusal says which setting changes each."""

import socket

import pytest

from pakn.local import child_process, stack
from pakn.settings import HttpSettings, Settings


def test_a_taken_port_is_refused_with_the_setting_that_names_another() -> None:
    """The refusal came after a minute of starting servers, and named a port that no setting could change."""
    free, *_ = child_process.free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(child_process.CannotStart) as refusal:
            child_process.require_free({"PAKN_A": {"free": free}, "PAKN_B": {"kafka": taken}})
    assert str(refusal.value).splitlines()[1:] == [f"  PAKN_B: {taken} (kafka)"]


@pytest.mark.parametrize("offset", [0, 65536])
def test_a_port_that_is_wanted_twice_or_is_none_is_refused(offset: int) -> None:
    first = child_process.free_ports(1)[0]
    with pytest.raises(child_process.CannotStart, match="PAKN_B: "):
        child_process.require_free({"PAKN_A": {"a": first}, "PAKN_B": {"b": first + offset}})


def test_the_services_take_the_port_of_the_settings_and_the_three_after_it() -> None:
    """The setting was read and had no effect."""
    services = ("intake", "routing", "deadlines", "notify")
    assert stack.service_ports(Settings(http=HttpSettings(port=9100))) == dict(zip(services, range(9100, 9104), strict=True))
    assert stack.service_ports(Settings(http=HttpSettings()))["notify"] == 8004
