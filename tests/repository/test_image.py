"""The image holds the versions that the tests run on, and nothing that only tests or the demo need."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def pinned(lock: str) -> set[tuple[str, str]]:
    """Each package of a lock file with its version; a package may have one version for each Python."""
    return {
        (canonical(name), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    }


def required(requirements: list[str]) -> set[str]:
    """The packages that a list of requirements names."""
    return {canonical(Requirement(line).name) for line in requirements}


IMAGE = pinned("requirements.image.lock")
TESTED = pinned("requirements.lock")


def test_the_image_has_the_versions_that_were_tested() -> None:
    """Two lock files made on different days need not agree, and only one of them is tested."""
    names = {name for name, _ in TESTED}
    assert {(name, version) for name, version in IMAGE if name in names} <= TESTED


def test_the_image_has_what_a_service_needs_and_no_extras() -> None:
    """An embedded database or a Java machine in the image would be 300 MB that no service starts."""
    names = {name for name, _ in IMAGE}
    project = PROJECT["project"]
    needed = required(project["dependencies"])
    extras = {name for extra in project["optional-dependencies"].values() for name in required(extra)}
    assert needed <= names
    assert extras & names <= needed


def test_every_package_of_the_image_is_checked_against_its_hash_and_no_registry_is_named() -> None:
    """The lock decides what is installed, not the registry that answers; `--require-hashes` insists on it."""
    text = (ROOT / "requirements.image.lock").read_text()
    assert text.count(" \\\n    --hash=") >= len(IMAGE)
    assert "://" not in text
    assert "--require-hashes" in DOCKERFILE


def test_the_image_is_pinned_and_runs_without_privileges() -> None:
    """A service that is broken into must not be root in its container."""
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.13-slim-bookworm"}
    user = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert user
    assert all(int(number) > 0 for number in user)


def test_only_what_the_image_is_made_of_is_sent_to_the_builder() -> None:
    """What the builder never gets cannot end in a layer: `.env` least of all."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert allowed == copied
