"""What the launcher fetches for Kafka is what the lock file says, and the lock file is sound."""

import hashlib
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


def test_a_fetch_says_what_it_fetches_how_far_it_is_and_that_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was said for as long as a minute, so that whoever ran the demo first took it for hung."""
    jar = b"print('a jar').jar"
    lock = tmp_path / "jgo.lock.toml"
    row = f'[[dependencies]]\nartifactId = "one"\nversion = "1"\nsha256 = "{hashlib.sha256(jar).hexdigest()}"\n'
    lock.write_text(f'[environment]\nname = "some"\n{row}')
    # What stands in for the resolver waits until a line has said how far it is.
    resolver = tmp_path / "resolver" / "jgo"
    resolver.mkdir(parents=True)
    (resolver / "__init__.py").touch()
    (resolver / "__main__.py").write_text(
        "import pathlib, sys, time\n"
        "folder, store = (pathlib.Path(sys.argv[sys.argv.index(name) + 1]) for name in ('--cache-dir', '--repo-cache'))\n"
        "for place in (store, folder / 'jars'):\n"
        "    place.mkdir(parents=True)\n"
        f"    (place / 'one-1.jar').write_bytes({jar!r})\n"
        f"    while not pathlib.Path({str(tmp_path / 'said')!r}).exists():\n"
        "        time.sleep(0.01)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(resolver.parent))
    monkeypatch.setattr(kafka_process, "_SAY_SECONDS", 0.05)
    monkeypatch.setattr(kafka_process, "_FETCH_SECONDS", 10)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line == "  1 (0 MB) of 1 jars":
            (tmp_path / "said").touch()

    folder = kafka_process.fetch_jars(tmp_path / "tools", say, lock)
    assert (folder / "jars/one-1.jar").read_bytes() == jar
    assert said[0].startswith("Fetching the 1 jars of some from Maven Central, once: about 1 MB")
    assert "  1 (0 MB) of 1 jars" in said[1:-1]
    assert said[-1].startswith("  1 (0 MB) jars are here, and are those that jgo.lock.toml names")
    assert kafka_process.fetch_jars(tmp_path / "tools", pytest.fail, lock) == folder, "what is here is not fetched again"
