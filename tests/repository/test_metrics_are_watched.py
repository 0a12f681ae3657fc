"""Every metric of `pakn/metrics.py` is on the dashboard or in an alert rule, and neither names one that does not exist.

The rules themselves are tested by `promtool test rules deploy/prometheus/alerts_test.yml`.
"""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from pakn import metrics, settings
from tests.repository.test_compose import PROCESSES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = [rule for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/pakn.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ON_PANELS = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = ON_PANELS + [rule["expr"] for rule in RULES]
ALERTS = [rule for rule in RULES if "alert" in rule]

# What Prometheus itself adds to every series, and to the series of a histogram; and the series that are not ours.
LABELS_OF_PROMETHEUS = {"job", "role", "instance", "le"}
SERIES_OF_PROMETHEUS = {"up": set[str](), "process_start_time_seconds": set[str](), "ALERTS": {"alertname", "alertstate"}}


def exposed() -> dict[str, dict[str, set[str]]]:
    """Of each metric the series under which it is exposed, each with its labels."""
    endings = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
    found = {}
    for variable, metric in vars(metrics).items():
        if isinstance(metric, MetricWrapperBase):
            description = next(iter(metric.describe()))
            names = (description.name + ending for ending in endings.get(description.type, ("",)))
            # The labels of an Info are its keys, which are given with its value.
            found[variable] = {
                name: set(metric._labelnames) | ({"version"} if description.type == "info" else set()) for name in names
            }
    return found


def read(expression: str) -> tuple[list[tuple[str, set[str]]], set[str]]:
    """The series that a PromQL expression reads, each with the labels that it is matched on, and the labels of its groups."""
    text = re.sub(r"#.*", "", re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression))
    grouping = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"
    groups = {label for labels in re.findall(grouping, text) for label in re.findall(r"\w+", labels)}
    text = re.sub(r"\[[^]]*\]|\boffset\s+\w+|" + grouping, " ", text)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?", text)
    read = [(name, set(re.findall(r"(\w+)\s*[=!]", rest))) for name, rest in names if rest != "(" and name not in OPERATORS]
    return read, groups


OPERATORS = {"and", "or", "unless", "bool"}
RECORDED = {rule["record"]: read(rule["expr"])[1] for rule in RULES if "record" in rule}
KNOWN = SERIES_OF_PROMETHEUS | RECORDED | {name: labels for series in exposed().values() for name, labels in series.items()}


def test_an_expression_is_read_without_what_stands_in_comments_texts_and_functions() -> None:
    """A metric in a comment once counted as watched."""
    expression = 'sum by (job, le) (rate(a_total{x="b{c}", y!~"d"}[5m] offset 1h)) > 0 # e\nor f:g unless on (x) h'
    assert read(expression) == ([("a_total", {"x", "y"}), ("f:g", set()), ("h", set())], {"job", "le", "x"})


def test_every_metric_is_watched_and_every_watched_series_exists() -> None:
    """A metric that is renamed leaves a panel empty, and an empty panel looks like a quiet system."""
    watched = {name for expression in EXPRESSIONS for name, _ in read(expression)[0]}
    assert watched <= set(KNOWN)
    assert [metric for metric, series in exposed().items() if not watched & set(series)] == []
    assert {name for expression in ON_PANELS for name, _ in read(expression)[0]} >= set(RECORDED)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_matches_and_groups_by_labels_that_its_series_have(expression: str) -> None:
    """An alert on a label that does not exist never fires."""
    series, groups = read(expression)
    for name, matched in series:
        assert matched <= KNOWN[name] | LABELS_OF_PROMETHEUS, name
    assert groups <= LABELS_OF_PROMETHEUS.union(*(KNOWN[name] for name, _ in series))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    """Whoever is woken at night has nothing but the alert's own words."""
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert all(len(text) > 20 for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alert_is_seen_to_fire() -> None:
    """A new alert comes with a case in alerts_test.yml in which it fires."""
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text())["tests"]
    firing = [case for test in tests for case in test["promql_expr_test"] if 'alertstate="firing"' in case["expr"]]
    seen = str([(case["expr"], case["exp_samples"]) for case in firing if case["exp_samples"]])
    assert set(re.findall(r'\balertname="(\w+)"', seen)) == {rule["alert"] for rule in ALERTS}


def test_prometheus_reads_each_service() -> None:
    """The job is what tells the services apart in every expression, so it carries the service's name."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert {job["job_name"] for job in config["scrape_configs"]} == set(settings.DEFAULT_PORTS)
    for job in config["scrape_configs"]:
        names = job["dns_sd_configs"][0]["names"]
        assert names == [name for name, command in PROCESSES.items() if command[1] == job["job_name"]]
        (default, other) = job["relabel_configs"]
        for name in names:
            role = other["replacement"] if re.fullmatch(other["regex"], name) else default["replacement"]
            assert (default["target_label"], other["target_label"], role) == ("role", "role", PROCESSES[name][-1])


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Grafana shifts panels that overlap, and shows one of two with the same id twice."""
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    sides = [(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])) for at in places]
    cells = [cell for side in sides for cell in itertools.product(*side)]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_the_dashboard_finds_its_data_source() -> None:
    """The panels name the data source by the uid under which it is provisioned."""
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"] for source in sources}
