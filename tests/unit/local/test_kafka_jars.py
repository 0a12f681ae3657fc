"""What the launcher fetches for Kafka is what the lock file says, and the lock file is sound."""

import re
import tomllib
from pathlib import Path

import pytest

from pakn.local import kafka_process
from pakn.local.child_process import CannotStart

JAVA_PROGRAMS = Path(__file__).resolve().parents[2] / "support/java"


def test_the_broker_and_its_client_library_are_of_one_version() -> None:
    """The resolver once took kafka-clients 3.8.0 from another coordinate's dependency list, and the broker died at start."""
    jars = kafka_process.locked_jars()
    assert jars["kafka-clients"][0] == jars["kafka_2.13"][0] == jars["kafka-server"][0]


@pytest.mark.parametrize("folder", [kafka_process.PROJECT, JAVA_PROGRAMS], ids=["kafka", "java-programs"])
def test_the_lock_file_names_a_checksum_for_each_jar_and_no_address(folder: Path) -> None:
    assert all(len(sha256) == 64 for _, sha256 in kafka_process.locked_jars(folder / "jgo.lock.toml").values())
    assert "://" not in (folder / "jgo.lock.toml").read_text()


def test_the_java_programs_run_in_tests_with_what_their_page_names() -> None:
    pom = (kafka_process.PROJECT / "docs/examples/pom.xml").read_text()
    part = r"<groupId>(.+)</groupId>\s+<artifactId>(.+)</artifactId>\s+<version>(.+)</version>\s+</dependency>"
    wanted = tomllib.loads((JAVA_PROGRAMS / "jgo.toml").read_text())["dependencies"]["coordinates"]
    assert [":".join(found) for found in re.findall(part, pom)] == wanted
    versions = [kafka_process.locked_jars(folder / "jgo.lock.toml") for folder in (kafka_process.PROJECT, JAVA_PROGRAMS)]
    assert len({jars["kafka-clients"] for jars in versions}) == 1


def test_jars_that_cannot_be_fetched_are_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy, a firewall, a certificate of the organization's own: without the reason nobody can tell which it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(CannotStart, match="could not be fetched") as caught:
        kafka_process.fetch_jars(tmp_path / "tools", print)
    assert "proxy" in str(caught.value).lower()
    assert not list((tmp_path / "tools").iterdir()), "nothing half done is left"
