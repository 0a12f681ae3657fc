"""Every metric of `pakn/metrics.py` is on the dashboard or in an alert rule, and neither names one that does not exist.

The rules themselves are tested by `promtool test rules deploy/prometheus/alerts_test.yml`.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from pakn import metrics, settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = [rule for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/pakn.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ON_PANELS = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = ON_PANELS + [rule["expr"] for rule in RULES]
ALERTS = [rule for rule in RULES if "alert" in rule]

# What Prometheus itself adds to every series, and to the series of a histogram.
LABELS_OF_PROMETHEUS = {"job", "instance", "le"}


def declared() -> dict[str, set[str]]:
    """The name under which each metric is exposed, without a histogram's endings, and its labels."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            description = next(iter(metric.describe()))
            ending = {"counter": "_total", "info": "_info"}.get(description.type, "")
            found[description.name + ending] = set(metric._labelnames)
    return found


def used() -> list[tuple[str, str]]:
    """Each metric that an expression names, with the label matchers behind it; names with a colon are recorded ones."""
    pairs = re.findall(r"(?<![\w:])(pakn_\w+)(\{[^}]*\})?", "\n".join(EXPRESSIONS))
    return [(re.sub(r"_(bucket|sum|count)$", "", name), matchers) for name, matchers in pairs]


def test_every_metric_is_watched_and_every_watched_metric_exists() -> None:
    """A metric that is renamed leaves a panel empty, and an empty panel looks like a quiet system."""
    assert set(declared()) == {name for name, _ in used()}


def test_expressions_match_on_labels_that_the_metric_has() -> None:
    """An alert on a label that does not exist never fires."""
    for name, matchers in used():
        labels = set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', matchers))
        assert labels <= declared()[name] | LABELS_OF_PROMETHEUS, name


def test_recorded_series_are_used_and_exist() -> None:
    """Names with a colon come from recording rules alone."""
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    assert recorded == set(re.findall(r"pakn:\w+:\w+", "\n".join(ON_PANELS)))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    """Whoever is woken at night has nothing but the alert's own words."""
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert all(len(text) > 20 for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alert_is_tested() -> None:
    """A new alert comes with a case in alerts_test.yml in which it fires."""
    tests = (DEPLOY / "prometheus/alerts_test.yml").read_text()
    assert [rule["alert"] for rule in ALERTS if rule["alert"] not in tests] == []


def test_prometheus_reads_each_service() -> None:
    """The job is what tells the services apart in every expression, so it carries the service's name."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert {job["job_name"] for job in config["scrape_configs"]} == set(settings.DEFAULT_PORTS)


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Grafana shifts panels that overlap, and shows one of two with the same id twice."""
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_the_dashboard_finds_its_data_source() -> None:
    """The panels name the data source by the uid under which it is provisioned."""
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"] for source in sources}
