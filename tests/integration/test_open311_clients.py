"""Open311 clients that others wrote, on a running intake: what they send is answered as they expect it."""

import asyncio
import importlib
import itertools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from georeport import GeoReport  # type: ignore[import-untyped]

from tests.integration.test_open311 import BASE, FORM, PDF, post
from tests.support.serving import serving
from tests.support.system import System


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The client `three`, which was written for a Python that had this function."""
    monkeypatch.setattr(itertools, "ifilter", filter, raising=False)
    return importlib.import_module("three")


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_georeport_reads_services_and_requests(system: System, form: str) -> None:
    """It takes the first of a list for one request, and the elements of XML by the standard's names."""
    posted = [(await post(system))[0]["service_request_id"] for _ in range(2)]
    await system.settled("intake")

    def ask(address: str) -> Any:
        client = GeoReport(address + BASE, jurisdiction="pakn.example", output_format=form)
        codes = {service["service_code"] for service in client.get_service_list()}
        definition = client.get_service_definition("khac")
        listed = client.get_service_requests(service_code="khac", start_date="2026-03-01T00:00:00Z", status="open")
        several = client.get_service_requests(service_request_id=",".join(posted))
        return codes, definition, listed, several, client.get_service_request(posted[0])

    async with serving(system.services["intake"].app) as address:
        codes, definition, listed, several, one = await asyncio.to_thread(ask, address)
    assert "khac" in codes
    assert definition["service_code"] == "khac"
    attributes = definition["attributes"]
    first, *_ = attributes if form == "json" else attributes["attribute"]
    assert first["code"] == "address"
    assert set(posted) <= {row["service_request_id"] for row in listed}
    assert [row["service_request_id"] for row in several] == posted
    assert (one["service_request_id"], one["status"], one["service_code"]) == (posted[0], "open", "khac")


async def test_three_finds_the_interface_and_posts_with_a_file(system: System, three: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "photo.pdf").write_bytes(PDF)
    fields = {name: value for name, value in FORM.items() if name not in ("address_string", "first_name", "last_name")}

    def ask(address: str) -> Any:
        client = three.Three(address + BASE, jurisdiction="pakn.example")
        with (tmp_path / "photo.pdf").open("rb") as media:
            with_file = client.post(**fields, address="1 Hùng Vương", name="Thử Nguyễn", media=media)
        without = client.post(**fields, address="1 Hùng Vương", name="Thử Nguyễn")
        refused = client.post("0", description="x", api_key="forged")
        return client.discovery(), client.services(), client.services("khac"), with_file, without, refused, client

    async with serving(system.services["intake"].app) as address:
        discovery, services, service, (with_file,), (without,), refused, client = await asyncio.to_thread(ask, address)
        await system.settled("intake")
        listed = await asyncio.to_thread(client.requests, "khac", start="03-01-2026", end="03-05-2026", count=50)
        one = await asyncio.to_thread(client.request, with_file["service_request_id"])
        kept = await system.documents("intake")["feedbacks"].find_one({"code": with_file["service_request_id"]})
        token = await asyncio.to_thread(client.token, kept["_id"])
    assert discovery["endpoints"][0]["url"].endswith(BASE)
    assert {row["service_code"] for row in services} >= {"khac"}
    assert service["attributes"]
    assert [error["code"] for error in refused] == [403]
    assert {with_file["service_request_id"], without["service_request_id"]} <= {row["service_request_id"] for row in listed}
    assert [row["status"] for row in one] == ["open"]
    assert token == [{"service_request_id": with_file["service_request_id"], "token": kept["_id"]}]
    assert [file["name"] for file in kept["attachments"]] == ["photo.pdf"]
    assert kept["sender"]["name"] == "Nguyễn Thử"
    assert "0900000000" not in json.dumps(listed)
