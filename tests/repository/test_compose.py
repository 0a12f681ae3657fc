"""docker-compose.yml: the services that it runs, and the promises of a deployment that a schema cannot check."""

import json
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pakn.settings import DEFAULT_PORTS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
INFRASTRUCTURE = {"kafka", "mongo", "prometheus", "grafana", "mailpit"}
# What answers HTTP is named after its service. Routing and notify answer nothing.
PROCESSES = {
    "intake": ["run", "intake", "--role", "web"],
    "intake-worker": ["run", "intake", "--role", "worker"],
    "routing": ["run", "routing", "--role", "worker"],
    "deadlines": ["run", "deadlines", "--role", "web"],
    "deadlines-worker": ["run", "deadlines", "--role", "worker"],
    "notify": ["run", "notify", "--role", "worker"],
}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
each_service = pytest.mark.parametrize("name", SERVICES)


def test_compose_runs_the_four_services_and_what_they_stand_on() -> None:
    """A fifth service must be added here, on the dashboard and in Prometheus' list alike."""
    assert set(SERVICES) == set(PROCESSES) | INFRASTRUCTURE | {"provision"}
    assert {command[1] for command in PROCESSES.values()} == set(DEFAULT_PORTS)


def test_the_file_follows_the_compose_specification() -> None:
    """Compose itself accepts some misspelt keys in silence."""
    schema = resources.files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))


@pytest.mark.parametrize("service", PROCESSES)
def test_each_of_our_processes_runs_the_one_image_in_its_role_once_its_topics_are_there(service: str) -> None:
    """A worker in trouble must take no page with it; without `provision` nobody makes the topics."""
    assert SERVICES[service]["command"] == PROCESSES[service]
    assert SERVICES[service].get("environment") == SERVICES[PROCESSES[service][1]].get("environment")
    assert SERVICES[service]["image"] == SERVICES["provision"]["image"] == f"pakn:{VERSION}"
    assert SERVICES[service]["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        "mongo": {"condition": "service_healthy"},
        "provision": {"condition": "service_completed_successfully"},
    }


@each_service
def test_every_image_has_an_exact_tag(name: str) -> None:
    """`latest`, or no tag, is another program tomorrow."""
    assert re.fullmatch(r"[a-z/]+:v?\d+(\.\d+)+", SERVICES[name]["image"])


@pytest.mark.parametrize("secret", ["PAKN_INTAKE__SECRET_KEY", "MONGO_PASSWORD", "MONGO_REPLICA_KEY", "GRAFANA_ADMIN_PASSWORD"])
def test_a_secret_has_no_default_and_its_absence_is_named(secret: str) -> None:
    """A default secret is a published one."""
    uses = re.findall(rf"\$\{{({secret}[^}}]*)\}}", TEXT)
    assert uses
    assert set(uses) == {f"{secret}:?{secret} is not set in .env"}


def test_no_password_or_key_is_written_in_the_file() -> None:
    """Every variable that sounds like a secret takes its value from the environment."""
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_KEY$|TOKEN", name):
                assert value is None or value.startswith("${"), name


@each_service
def test_every_container_is_bounded_and_only_provision_ends(name: str) -> None:
    """One service that leaks memory must not take the machine with it."""
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["restart"] == ("no" if name == "provision" else "unless-stopped")


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    """Docker's own rules go before the machine's firewall, so a port without an address is open to the world."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", sorted(INFRASTRUCTURE))
def test_infrastructure_has_a_health_check_and_keeps_its_data(name: str) -> None:
    """`depends_on` waits for health, and `down` must not delete what is stored. Our image has its check in the Dockerfile."""
    assert SERVICES[name]["healthcheck"]["test"]
    assert {volume.partition(":")[0] for volume in SERVICES[name]["volumes"]} & set(COMPOSE["volumes"])


def test_the_file_can_be_read_by_the_older_compose_too() -> None:
    """docker-compose 1.29, which Debian ships, refuses these."""
    assert "name" not in COMPOSE
    assert "include" not in COMPOSE
    assert not re.search(r"start_interval|!reset|!override|\$\{\w+:?\+", TEXT)
