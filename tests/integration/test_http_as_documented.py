"""Intake's HTTP interface against its own OpenAPI document: requests made from it, every answer compared with it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD

# The same requests in every run, so that what fails is the doing of the change that is tested. They take a few seconds.
BOUNDS = bounds(max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
# Whether a request is taken is not compared: a pack allows less than a schema can say.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with words that the pack knows: with any others every submission would be refused."""
    submission = document["components"]["schemas"]["Submission"]
    submission["properties"] |= {name: {"enum": [GOOD[name]]} for name in ("category", "province", "sender")}
    submission["required"] += ["sender"]
    for name in ("language", "submitter_type", "level", "addressed_to", "unit", "reference", "sent_at"):
        del submission["properties"][name]
    return document


def cases(document: dict[str, Any], registered: dict[str, str]) -> Iterator[SearchStrategy[schemathesis.Case]]:
    """For each operation: requests as documented and not, about feedback that there is and that there is not."""
    known = {
        "path_parameters": {"code": registered["code"]},
        "headers": {"X-Lookup-Secret": registered["lookup_secret"]},
    }
    # The forms that have an address of their own are those of the operations beside them, in the same code.
    for found in schemathesis.openapi.from_dict(document).exclude(path_regex="/with-files$").get_all_operations():
        operation = found.ok()
        # Without a body nothing that is sent is wrong by its shape: codes, secrets and tags are any text.
        for mode in GenerationMode if operation.body else [GenerationMode.POSITIVE]:
            yield operation.as_strategy(generation_mode=mode)
            if "{code}" in operation.path:
                yield operation.as_strategy(generation_mode=mode, **known)
            if "{service_request_id}" in operation.path:
                one = {"service_request_id": registered["code"], "format": "json"}
                yield operation.as_strategy(generation_mode=mode, path_parameters=one)


@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_every_answer_is_documented_whatever_is_sent(make_system: MakeSystem) -> None:
    """No 5xx, and no status, content type, header or shape that the document does not name."""
    loop = asyncio.get_running_loop()
    seen: set[int] = set()
    async with make_system() as system:
        await system.start("intake")
        registered = (await system.http.post("/v1/feedback", json=GOOD)).json()
        document = narrowed((await system.http.get("/schema/openapi.json")).json())

        def send(case: schemathesis.Case) -> None:
            request = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
            content = request.body.encode() if isinstance(request.body, str) else request.body
            sending = system.http.request(str(request.method), str(request.url), headers=dict(request.headers), content=content)
            answer = asyncio.run_coroutine_threadsafe(sending, loop).result(30)
            seen.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        for strategy in cases(document, registered):
            await asyncio.to_thread(BOUNDS(given(strategy)(send)))
    assert {200, 201, 400, 401, 404, 409, 422} <= seen, "the requests no longer reach what they are to reach"
