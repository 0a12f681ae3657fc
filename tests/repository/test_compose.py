"""docker-compose.yml: the services that it runs, and the promises of a deployment that a schema cannot check."""

import json
import os
import re
import subprocess
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest
import yaml

from pakn.operations.doctor import refused
from pakn.settings import DEFAULT_PORTS, Settings
from tests.repository.test_settings_are_documented import SECRETS

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
    assert set(SERVICES) == set(PROCESSES) | INFRASTRUCTURE | {"provision", "operator"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["operator"], "the others are all started"
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


@pytest.mark.parametrize("secret", sorted(SECRETS))
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
    assert set(re.findall(r'(?:password|user_\w+)="([^"]*)', TEXT)) == {
        "${KAFKA_ADMIN_PASSWORD:?KAFKA_ADMIN_PASSWORD is not set in .env}"
    }


def test_no_password_is_on_a_command_line_or_in_an_address() -> None:
    """Everybody on the machine reads the command lines of all processes; addresses end up in logs."""
    assert not re.search(r"\w+://[^/\n]*@", TEXT)
    for service in SERVICES.values():
        said = " ".join(
            [*service.get("command", []), *service.get("entrypoint", []), *service.get("healthcheck", {}).get("test", [])]
        )
        # The entry point of MongoDB writes its key by a command of the shell itself, which is no process.
        assert not re.search(r"PASSWORD|SECRET", said.replace("process.env.MONGO_INITDB_ROOT_PASSWORD", ""))


def test_each_process_logs_in_as_itself_and_only_provision_as_a_super_user() -> None:
    """All had MongoDB's root user, and Kafka asked nobody who they were."""
    for name in ("intake", "intake-worker", "routing", "deadlines", "deadlines-worker", "notify", "operator"):
        who = name.partition("-")[0]
        variable = f"PAKN_ACCESS__{who.upper()}"
        login = {"USERNAME": f"${{PAKN_NAMESPACE:-pakn}}.{who}", "PASSWORD": f"${{{variable}:?{variable} is not set in .env}}"}
        environment = SERVICES[name]["environment"]
        for server in ("KAFKA", "MONGO"):
            assert {key: environment[f"PAKN_{server}__{key}"] for key in login} == login
        assert (environment["PAKN_KAFKA__SECURITY_PROTOCOL"], environment["PAKN_KAFKA__MECHANISM"]) == (
            "SASL_PLAINTEXT",
            "SCRAM-SHA-512",
        )
        assert {key for key in environment if key.startswith("PAKN_ACCESS__")} == set()
    holders = {name for name, service in SERVICES.items() if re.search(r"KAFKA_ADMIN_PASSWORD|MONGO_PASSWORD", str(service))}
    assert holders == {"kafka", "mongo", "provision"}


def test_nothing_is_weak_once_mail_server_and_address_are_set() -> None:
    """`pakn doctor` that complains of compose as it is shipped would be read by nobody."""
    given = {
        "PAKN_PROFILE": "production",
        "PAKN_INTAKE__PUBLIC_URL": "https://feedback.gialai.gov.vn",
        "PAKN_SMTP__HOST": "mail.gialai.gov.vn",
        "PAKN_SMTP__TLS": "starttls",
        "PAKN_SMTP__SENDER": "PAKN <phananh@gialai.gov.vn>",
    }
    secrets = {name: f"{number:032x}fedcba9876543210" for number, name in enumerate(SECRETS)}
    for name, command in PROCESSES.items():
        environment = {}
        for variable, value in SERVICES[name]["environment"].items():
            text = re.sub(r"\$\{(\w+):[-?]([^}]*)\}", lambda part: secrets.get(part[1]) or given.get(part[1], part[2]), value or "")
            if value is not None or variable in given:
                environment[variable] = given.get(variable, text)
        with mock.patch.dict(os.environ, environment, clear=True):
            assert refused(Settings(), command[1]) == [], name  # type: ignore[arg-type]


def test_a_filled_in_env_file_is_made_by_the_line_in_the_documentation(tmp_path: Path) -> None:
    """Ten secrets are not filled in by hand without one being forgotten or used twice."""
    (line,) = re.findall(r"^.*> \.env\)$", (ROOT / "docs/operating.md").read_text(), re.M)
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=60)
    made = dict(row.split("=", 1) for row in (tmp_path / ".env").read_text().splitlines() if re.match("[A-Z]", row))
    assert set(made) == SECRETS
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in made.values())
    assert len(set(made.values())) == len(SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    again = subprocess.run(["sh", "-c", line], cwd=tmp_path, check=False, capture_output=True, timeout=60)
    assert again.returncode != 0, "new passwords would lock everybody out of what is there"
    assert made["MONGO_PASSWORD"] in (tmp_path / ".env").read_text()


@each_service
def test_every_container_is_bounded_and_only_those_of_commands_end(name: str) -> None:
    """One service that leaks memory must not take the machine with it."""
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["restart"] == ("no" if name in ("provision", "operator") else "unless-stopped")


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
