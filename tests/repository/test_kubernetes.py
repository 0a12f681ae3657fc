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


def test_each_service_has_a_secret_of_its_own_and_no_others() -> None:
    """What a service does not need it cannot lose: one Secret gave all four the login of the mail server and the root user's."""
    for name, workload in (named("Deployment") | named("Job")).items():
        own = "pakn-provision" if name == "pakn-provision" else f"pakn-{PROCESSES[name][1]}"
        assert container(workload)["envFrom"] == [{"configMapRef": {"name": "pakn"}}, {"secretRef": {"name": own}}]
        assert "env" not in container(workload)
        assert own in TEXT.partition("apiVersion")[0], "the head of the file says which Secrets to make"
    assert not re.search(r"://[^/\n]*@", TEXT)
    assert not [name for name in named("ConfigMap")["pakn"]["data"] if re.search("PASSWORD|USERNAME|SECRET|ACCESS", name)]


def test_no_pod_has_a_token_of_the_cluster() -> None:
    """Whoever breaks into a service must not find a key to the cluster's own interface."""
    pods = [workload["spec"]["template"]["spec"] for workload in (named("Deployment") | named("Job")).values()]
    assert {pod["automountServiceAccountToken"] for pod in pods} == {False}
    assert not {"serviceAccountName", "serviceAccount"} & {key for pod in pods for key in pod}


def policies_of(app: str) -> list[dict[str, Any]]:
    """What the NetworkPolicies say of the pods of `app`."""
    found = []
    for policy in named("NetworkPolicy").values():
        selector = policy["spec"]["podSelector"]
        listed = [row["values"] for row in selector.get("matchExpressions", []) if (row["key"], row["operator"]) == ("app", "In")]
        if app in [*(name for names in listed for name in names), selector.get("matchLabels", {}).get("app")]:
            found.append(policy["spec"])
    return found


def test_pods_reach_and_are_reached_by_what_they_need_alone() -> None:
    """A process that somebody has broken into must neither look around in the cluster nor send away what it finds."""
    needed = {53, 9092, 27017}
    more = {"notify": {587, 993, 443}, "intake": {3310}, "intake-worker": {3310}}
    web = {"intake": {"monitoring", "ingress-nginx"}}
    for app in [*named("Deployment"), *named("Job")]:
        policies = policies_of(app)
        assert {kind for policy in policies for kind in policy["policyTypes"]} == {"Ingress", "Egress"}
        ports = {port["port"] for policy in policies for rule in policy.get("egress", []) for port in rule["ports"]}
        assert ports == needed | more.get(app, set())
        sources = [(source, rule["ports"]) for policy in policies for rule in policy.get("ingress", []) for source in rule["from"]]
        names = {source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for source, _ in sources}
        assert names == web.get(app, {"monitoring"})
        assert all(ports == [{"protocol": "TCP", "port": "http"}] for _, ports in sources)


def test_every_setting_named_here_exists() -> None:
    """A misspelt setting is ignored, and its default rules."""
    assert set(re.findall(r"PAKN_\w+", TEXT)) <= set(documented())
