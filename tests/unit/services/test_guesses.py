"""Who guesses codes and secrets is stopped, and nobody else who has the same address."""

from collections import Counter
from typing import Any

import httpx
import pytest
from litestar import Litestar, Response, get, post

from pakn.engine import problems
from pakn.engine.problems import Problem
from pakn.legal_time import machine_now
from pakn.settings import IntakeSettings
from services.intake.doors.openapi import Code, Secret, SecretInLink
from services.intake.rate_limits import RateLimits

SETTINGS = IntakeSettings.model_validate({"secret_key": "k" * 32, "limit_wrong": 3})


class Counts:
    """The collection of counts, of one network."""

    def __init__(self) -> None:
        self.row: Counter[str] = Counter()
        self.looked_up: list[str] = []

    def __getitem__(self, _name: str) -> "Counts":
        return self

    async def find_one_and_update(self, _wanted: Any, update: dict[str, Any], **_more: Any) -> dict[str, int]:
        self.row.update(update["$inc"])
        return dict(self.row)


def client(counts: Counts) -> httpx.AsyncClient:
    """Intake's operations, as far as a guess has to do with them; the code `right` has the secret `right`."""
    there: Any = counts
    limits = RateLimits(there, SETTINGS, machine_now, lambda _error: None)

    @get("/v1/feedback/{code:str}", operation_id="lookUpFeedback")
    async def look_up(code: Code, secret: Secret = None, secret_in_link: SecretInLink = None) -> Response[str]:
        counts.looked_up.append(code)
        if code != "right":
            raise Problem(404, "unknown-code", "No feedback has this code.")
        if (secret or secret_in_link or "right") != "right":
            raise Problem(403, "wrong-secret", "The secret is in the answer.")
        return Response("seen")

    @get("/v1/feedback/{code:str}/sender", operation_id="readSender")
    async def sender(code: Code) -> None:
        if code != "right":
            raise Problem(404, "unknown-code", "No feedback has this code.")
        raise Problem(401, "token-missing", "Send a token.")

    @post("/v1/feedback", operation_id="submitFeedback")
    async def submit() -> None:
        raise Problem(422, "invalid-submission", "Correct it.")

    @get("/v1/limits", operation_id="readLimits")
    async def lists() -> None: ...

    app = Litestar(
        [look_up, sender, submit, lists],
        guards=[limits.guard],
        after_exception=[limits.note_failure],
        exception_handlers={Problem: limits.answer},
        plugins=[problems.plugin(lambda _error: None)],
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("203.0.113.7", 1)), base_url="http://t")  # type: ignore[arg-type]


async def test_who_shares_an_address_with_one_who_guesses_goes_on() -> None:
    """A hundred wrong codes locked an office, or all customers of a carrier's NAT, out of everything for the hour."""
    async with client(Counts()) as http:
        assert [(await http.get(f"/v1/feedback/{number}")).status_code for number in range(4)] == [404] * 3 + [429]
        for url in ("/v1/feedback/right?secret=right", "/v1/limits"):
            assert (await http.get(url)).status_code == 200
        assert (await http.get("/v1/feedback/right", headers={"X-Lookup-Secret": "right"})).status_code == 200
        assert (await http.post("/v1/feedback")).status_code == 422, "what is wrong with a submission is told"


@pytest.mark.parametrize("what", ["", "?secret=x", "/sender"])
async def test_who_may_guess_no_more_learns_of_no_code_whether_it_exists(what: str) -> None:
    async with client(Counts()) as http:
        for number in range(3):
            await http.get(f"/v1/feedback/{number}")
        known, unknown = [await http.get(f"/v1/feedback/{code}{what}") for code in ("right", "none")]
        assert known.status_code == unknown.status_code == 429
        assert (known.json(), known.headers["content-type"]) == (unknown.json(), unknown.headers["content-type"])
        assert 1 <= int(known.headers["retry-after"]) <= 3601
        assert "www-authenticate" not in known.headers


async def test_a_look_up_without_a_secret_is_stopped_before_anything_is_looked_up() -> None:
    counts = Counts()
    counts.row["wrong"] = 3
    async with client(counts) as http:
        assert (await http.get("/v1/feedback/right")).status_code == 429
        assert counts.looked_up == []
