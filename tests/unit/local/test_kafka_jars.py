"""What the launcher fetches for Kafka is what the lock file says, and the lock file is sound."""

from pathlib import Path

import pytest

from pakn.local import kafka_process
from pakn.local.child_process import CannotStart


def test_the_broker_and_its_client_library_are_of_one_version() -> None:
    """The resolver once took kafka-clients 3.8.0 from another coordinate's dependency list, and the broker died at start."""
    jars = kafka_process.locked_jars()
    assert jars["kafka-clients"][0] == jars["kafka_2.13"][0] == jars["kafka-server"][0]


def test_the_lock_file_names_a_checksum_for_each_jar_and_no_address() -> None:
    assert all(len(sha256) == 64 for _, sha256 in kafka_process.locked_jars().values())
    assert "://" not in (kafka_process.PROJECT / "jgo.lock.toml").read_text()


def test_jars_that_cannot_be_fetched_are_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy, a firewall, a certificate of the organization's own: without the reason nobody can tell which it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(CannotStart, match="could not be fetched") as caught:
        kafka_process.fetch_jars(tmp_path / "tools", print)
    assert "proxy" in str(caught.value).lower()
    assert not list((tmp_path / "tools").iterdir()), "nothing half done is left"
