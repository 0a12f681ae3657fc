"""deploy/kubernetes/pakn.yaml runs the same services, image and settings as docker-compose.yml."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.repository.test_compose import PROCESSES, VERSION
from tests.repository.test_settings_are_documented import documented

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy/kubernetes/pakn.yaml").read_text()
OBJECTS: list[dict[str, Any]] = yaml.safe_load(TEXT)["items"]


def named(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind, by name."""
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def container(workload: dict[str, Any]) -> dict[str, Any]:
    """The one container of a Deployment or a Job."""
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return dict(only)


def test_each_process_is_deployed_and_one_instance_of_it_stays_while_nodes_are_drained() -> None:
    """A service that is missing here would be missed only in the cluster."""
    assert set(named("Deployment")) == set(named("PodDisruptionBudget")) == set(PROCESSES)
    for service, deployment in named("Deployment").items():
        assert container(deployment)["args"] == PROCESSES[service]
        assert {"livenessProbe", "readinessProbe"} <= set(container(deployment))
        assert container(deployment)["resources"]["limits"]["memory"]
        assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": service, "role": PROCESSES[service][-1]}
        assert deployment["spec"]["selector"] == named("PodDisruptionBudget")[service]["spec"]["selector"]


def test_every_workload_runs_the_image_of_this_version() -> None:
    """The tag is written in each file that runs the image."""
    workloads = [*named("Deployment").values(), *named("Job").values()]
    assert {container(workload)["image"] for workload in workloads} == {f"pakn:{VERSION}"}


def test_only_intake_gets_the_key_that_signs_secrets() -> None:
    """What a service does not need it cannot lose."""
    holders = {name for name, item in named("Deployment").items() if "pakn-intake" in str(container(item)["envFrom"])}
    assert holders == {"intake", "intake-worker"}


def test_every_setting_named_here_exists() -> None:
    """A misspelt setting is ignored, and its default rules."""
    assert set(re.findall(r"PAKN_\w+", TEXT)) <= set(documented())
