"""What a process says of settings that it cannot use."""

import sys

import pytest

from pakn.settings import SettingsError, read_settings


def test_a_driver_that_is_not_installed_stops_the_start_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has no Motor; an ImportError out of the middle of a start names no setting."""
    monkeypatch.setenv("PAKN_MONGO__DRIVER", "motor")
    assert read_settings().mongo.driver == "motor"
    monkeypatch.setitem(sys.modules, "motor", None)
    with pytest.raises(SettingsError, match=r"PAKN_MONGO__DRIVER: .*install pakn\[motor\]"):
        read_settings()
