"""`.env.example` and `pakn/settings.py` name the same settings with the same defaults, and docker-compose passes them on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from pakn.settings import variables

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text().splitlines()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)

# The image sets the address of the pages, the real stack runs on the real clock, and compose has its own servers.
NOT_PASSED_ON = {"PAKN_HTTP__HOST", "PAKN_HTTP__PORT", "PAKN_LEGAL_TIME__FILE", "PAKN_LOCAL__KAFKA_PORT", "PAKN_LOCAL__MONGO_PORT"}
# Kinds of login at a Kafka of one's own.
NOT_PASSED_ON |= {f"PAKN_KAFKA__{name}_FILE" for name in ("TOKEN", "CA", "CERTIFICATE", "KEY")}
SECRETS = {
    "PAKN_INTAKE__SECRET_KEY",
    *(f"PAKN_ACCESS__{name}" for name in ("INTAKE", "ROUTING", "DEADLINES", "NOTIFY", "OPERATOR")),
    *("KAFKA_ADMIN_PASSWORD", "MONGO_PASSWORD", "MONGO_REPLICA_KEY", "GRAFANA_ADMIN_PASSWORD"),
}


def settings() -> Iterator[tuple[str, str]]:
    """Each variable that a process reads, and its default as one would write it; nothing where there is no default."""
    for variable, field in variables():
        default = field.default
        if isinstance(default, SecretStr):
            yield variable, default.get_secret_value()
        elif isinstance(default, bool):
            yield variable, str(default).lower()
        else:
            yield variable, str(default) if default not in (None, ()) else ""


def documented() -> dict[str, str]:
    """Each variable of `.env.example`, set or commented out, with its value."""
    lines = (re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line) for line in EXAMPLE)
    return {line[1]: line[2].strip('"') for line in lines if line}


def test_every_setting_is_documented_with_its_default_and_none_is_invented() -> None:
    """A setting that is only in the code cannot be found by those who run it; a wrong default misleads them."""
    assert {name: value for name, value in documented().items() if name.startswith("PAKN_")} == dict(settings())
    names = [line.partition("=")[0] for line in EXAMPLE if re.match(r"#?[A-Z][A-Z0-9_]*=", line)]
    assert not [name for name in set(names) if names.count(name) > 1], "each once, or nobody knows which one holds"


def test_only_secrets_must_be_filled_in() -> None:
    """Whatever stands uncommented has no value, and everything else has one that works."""
    required = {line.partition("=")[0] for line in EXAMPLE if re.match(r"[A-Z]", line)}
    assert required == SECRETS
    assert all(documented()[name] == "" for name in required)


def test_what_compose_reads_is_documented_and_what_is_documented_is_read() -> None:
    """A variable in only one of the two files is a setting that does nothing, or one that nobody knows of."""
    interpolated = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", COMPOSE_TEXT))
    passed_on = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    ours = {name for name in passed_on if name.startswith("PAKN_")}
    assert interpolated | ours == set(documented()) - NOT_PASSED_ON
