"""Settings are read once, and every fault is named at once."""

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


def test_every_wrong_and_every_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable left its setting at the default in silence."""
    monkeypatch.setenv("PAKN_KAFKA__BOOTSTRP", "kafka:9092")
    monkeypatch.setenv("PAKN_COLOUR", "blue")
    monkeypatch.setenv("PAKN_KAFKA__PARTITIONS", "none")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    first, second, third = str(caught.value).splitlines()
    assert first == "PAKN_COLOUR: there is no such setting"
    assert second == "PAKN_KAFKA__BOOTSTRP: there is no such setting; is PAKN_KAFKA__BOOTSTRAP meant?"
    assert third.startswith("PAKN_KAFKA__PARTITIONS: ")


def test_an_environment_without_settings_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAKN_NAMESPACE", "other")
    assert read_settings().namespace == "other"
