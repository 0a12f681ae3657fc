"""What a process exports to Prometheus: its own metrics and those of every process, in the format that the reader asks for."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from litestar.testing import TestClient
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from pakn import metrics
from schemas import topics
from tests.contract.test_wiring import build

ROOT = Path(__file__).resolve().parents[2]
ASKS = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"


def families(accept: str) -> dict[topics.ServiceName, set[str]]:
    """The names of the metrics that each service exports."""
    read = read_openmetrics if "openmetrics" in accept else read_text
    pages = {name: metrics.exposition(name, accept)[0].decode() for name in topics.SERVICES}
    return {name: {family.name for family in read(text)} for name, text in pages.items()}


@pytest.mark.parametrize(
    ("accept", "media_type"), [("", "text/plain; version=0.0.4"), (ASKS, "application/openmetrics-text; version=1.0.0")]
)
def test_prometheus_gets_the_format_that_it_asks_for_with_one_charset(accept: str, media_type: str) -> None:
    """The page once named its charset twice, and was text whatever was asked for."""
    with TestClient(build("routing").app) as client:
        answer = client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(f"{media_type}; charset=utf-8")
    assert answer.headers["content-type"].count("charset") == 1
    assert ("# EOF" in answer.text) == ("openmetrics" in media_type)


@pytest.mark.parametrize("accept", ["", ASKS])
def test_no_series_says_when_a_counter_began(accept: str) -> None:
    """They were a quarter of all series, and nothing reads them."""
    for name in topics.SERVICES:
        assert "_created" not in metrics.exposition(name, accept)[0].decode()


def test_a_service_exports_what_it_measures_and_nothing_of_another() -> None:
    """A gauge of another service is 0 here for ever: a sum over the jobs or an alert on 0 would believe it."""
    code: dict[str, str] = defaultdict(str)
    for path in [path for top in ("pakn", "services") for path in ROOT.glob(f"{top}/**/*.py")]:
        code[path.relative_to(ROOT).parts[1]] += path.read_text()
    exported = families(ASKS)
    for variable, metric in vars(metrics).items():
        if not isinstance(metric, MetricWrapperBase):
            continue
        users = {name for name, text in code.items() if re.search(rf"\bmetrics\.{variable}\b", text)}
        by_all = bool(users - {*topics.SERVICES})
        family = next(iter(metric.describe())).name
        assert {name for name in exported if family in exported[name]} == ({*topics.SERVICES} if by_all else users), variable
    assert all("process_start_time_seconds" in found for found in exported.values())
