"""Limits of the citizens' side, by network and hour, shared by instances. A flood or a guesser once cost everybody else."""

import asyncio
from typing import Any

import httpx

from pakn.settings import IntakeSettings
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import GOOD
from tests.support.system import SECRET_KEY, System

LIMITS = {"limit_submissions": 3, "limit_look_ups": 14, "limit_wrong": 4, "unlimited_networks": "192.0.2.0/24"}
INTAKE = IntakeSettings.model_validate({"secret_key": SECRET_KEY, "sweep_seconds": 0.5} | LIMITS)


def by(system: System, host: str) -> httpx.AsyncClient:
    """A client of intake with this address."""
    transport = httpx.ASGITransport(system.services["intake"].app, client=(host, 1))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://service", timeout=30)


async def statuses(http: httpx.AsyncClient, method: str, url: str, times: int, **more: Any) -> list[int]:
    answers = await asyncio.gather(*(http.request(method, url, **more) for _ in range(times)))
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 3601
            assert answer.json()["type"] == "urn:pakn:problem:too-many-requests"
    return sorted(answer.status_code for answer in answers)


async def test_a_network_reaches_its_own_limits_and_nobody_elses(make_system: MakeSystem) -> None:
    async with make_system(intake=INTAKE) as system:
        await system.start("intake")
        async with by(system, "203.0.113.7") as flood, by(system, "203.0.113.8") as other, by(system, "192.0.2.9") as portal:
            assert await statuses(flood, "POST", "/v1/feedback", 6, json=GOOD) == [201] * 3 + [429] * 3
            assert await statuses(other, "POST", "/v1/feedback", 1, json=GOOD) == [201]
            assert await statuses(portal, "POST", "/v1/feedback", 6, json=GOOD) == [201] * 6
            forged = {"X-Forwarded-For": "198.51.100.1"}
            assert await statuses(flood, "POST", "/v1/feedback", 1, json=GOOD, headers=forged) == [429], "nobody's header counts"
        async with by(system, "2001:db8:1:2::1") as first, by(system, "2001:db8:1:2:ffff::2") as neighbour:
            assert await statuses(first, "POST", "/v1/feedback", 3, json=GOOD) == [201] * 3
            assert await statuses(neighbour, "POST", "/v1/feedback", 1, json=GOOD) == [429], "one line has a whole /64"
        assert await system.measures("intake", 'pakn_rate_limited_total{what="submissions"} 5.0')
        kept = repr(await system.documents("intake")["rate_counts"].find({}).to_list(None))
        assert "203.0.113" not in kept


async def test_who_guesses_is_stopped_long_before_who_looks_up(make_system: MakeSystem) -> None:
    async with make_system(intake=INTAKE) as system:
        await system.start("intake")
        async with by(system, "203.0.113.7") as guesser, by(system, "203.0.113.8") as citizen:
            body = (await citizen.post("/v1/feedback", json=GOOD)).json()
            url = f"/v1/feedback/{body['code']}"
            assert await statuses(citizen, "GET", url, 15) == [200] * 14 + [429]
            for wrong in (url + "9", f"{url}?secret=x", f"{url}/confirmation?token=x", url + "8"):
                assert (await guesser.get(wrong)).status_code in (403, 404)
            right = {"X-Lookup-Secret": body["lookup_secret"]}
            guesses = (url, url + "9", f"{url}?secret=x", f"{url}9?secret=x", f"{url}/confirmation?token=x", f"{url}/sender")
            refused = [await guesser.get(guess) for guess in guesses]
            assert {(answer.status_code, answer.text) for answer in refused} == {(429, refused[0].text)}
            assert (await guesser.get(url, headers=right)).status_code == 200, "thousands may share an address with one who guesses"
            assert (await guesser.get("/v1/limits")).status_code == 200
        async with by(system, "203.0.113.7") as neighbour:
            assert await statuses(neighbour, "POST", "/v1/feedback", 1, json=GOOD) == [201]
