"""Who may have the places for forms with files: no network more than half of them, however slowly its forms come."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from litestar import Request, post

from pakn.engine.problems import Problem
from pakn.settings import networks
from services.intake.doors.uploads import MAX_HELD_BYTES, UploadLimits, Uploads
from tests.support.packs import VN

FORM = b'--y\r\nContent-Disposition: form-data; name="feedback"\r\n\r\n{}\r\n--y--\r\n'
TAKEN, REFUSED = (201, False), (503, True)


@post("/", request_max_body_size=None)
async def any_route() -> None: ...


class Store:
    """Holds no files."""

    async def discard(self, file_ids: Iterable[str]) -> None:
        assert not [*file_ids]


def form_from(client: tuple[str, int] | None) -> Request[Any, Any, Any]:
    async def receive() -> Any:
        return {"type": "http.request", "body": FORM, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=y")]
    scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, "client": client}
    scope["route_handler"] = any_route
    return Request(scope, receive)


def uploads(at_once: int) -> Uploads:
    store: Any = Store()
    limits = UploadLimits(at_once, 5, 5, networks("127.0.0.0/8"))
    return Uploads(store, VN.header.attachments, limits, lambda: "id")


async def answers(made: Uploads, places: AsyncExitStack, hosts: Iterable[str]) -> list[tuple[int, bool]]:
    """The status that a form from each of these addresses gets, and whether it is to come back soon; one that is taken keeps its
    place."""
    result: list[tuple[int, bool]] = []
    for host in hosts:
        try:
            await places.enter_async_context(made.receiving(form_from((host, 1) if host else None), "f"))
        except Problem as problem:
            result.append((problem.status_code, 5 <= int({**(problem.headers or {})}["Retry-After"]) < 15))
        else:
            result.append(TAKEN)
    return result


@pytest.mark.parametrize(
    "hosts",
    [["203.0.113.7"], ["2001:db8::1", "2001:db8::2"], ["", "no address"]],
    ids=["an address", "a line of IPv6", "nobody knows"],
)
async def test_one_network_leaves_half_of_the_places_to_others(hosts: list[str]) -> None:
    """Eight slow connections from one network took the places of everybody."""
    made = uploads(8)
    async with AsyncExitStack() as others:
        async with AsyncExitStack() as slow:
            assert await answers(made, slow, (hosts * 5)[:5]) == [TAKEN] * 4 + [REFUSED]
            assert await answers(made, others, ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) == [TAKEN] * 3
        assert await answers(made, others, (hosts * 5)[:5]) == [TAKEN] * 4 + [REFUSED], "places that became free are there again"
        assert await answers(made, others, ["198.51.100.3", "198.51.100.4"]) == [TAKEN, REFUSED], "eight are under way"


async def test_where_there_is_one_place_anybody_may_have_it() -> None:
    async with AsyncExitStack() as places:
        assert await answers(uploads(1), places, ["203.0.113.7", "198.51.100.1"]) == [TAKEN, REFUSED]


async def test_a_network_that_is_not_limited_may_have_all_places() -> None:
    """A proxy whose word on the sender's address is not believed stands for all senders."""
    async with AsyncExitStack() as places:
        assert await answers(uploads(4), places, ["127.0.0.1"] * 5) == [TAKEN] * 4 + [REFUSED]


async def test_who_are_refused_together_do_not_come_back_together() -> None:
    """Forty senders came back in the same second, were refused together, and held up everybody's look-ups each time."""
    made, waits = uploads(1), []
    async with AsyncExitStack() as places:
        await answers(made, places, ["203.0.113.7"])
        for _ in range(40):
            with pytest.raises(Problem) as refused:
                await places.enter_async_context(made.receiving(form_from(("203.0.113.8", 1)), "f"))
            waits.append({**(refused.value.headers or {})}["Retry-After"])
    assert max(Counter(waits).values()) == 4


def json_from(host: str, body: bytes, ends: bool = True) -> Request[Any, Any, Any]:
    packets = iter([{"type": "http.request", "body": body, "more_body": not ends}])

    async def receive() -> Any:
        return next(packets, None) or await asyncio.Event().wait()

    scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "client": (host, 1)}
    scope["headers"] = [(b"content-type", b"application/json")]
    return Request(scope | {"route_handler": any_route}, receive)


@pytest.mark.parametrize("as_submission", [True, False])
async def test_bodies_that_do_not_end_take_a_bounded_part_of_memory_and_leave_room_for_others(as_submission: bool) -> None:
    """Nine hundred connections of one network, each with nearly a megabyte of JSON that did not end, held a gigabyte."""
    made, piece = uploads(8), b" " * 1_000_000

    async def send(request: Request[Any, Any, Any]) -> bytes | None:
        if not as_submission:
            return await made.read_json(request)
        async with made.receiving(request, "f") as upload:
            return upload.body.raw

    slow = [asyncio.ensure_future(send(json_from("203.0.113.7", piece, ends=False))) for _ in range(40)]
    await asyncio.sleep(0)
    refused, under_way = await asyncio.wait(slow, timeout=0.5)
    assert len(under_way) == MAX_HELD_BYTES // 2 // len(piece)
    assert {getattr(task.exception(), "status_code", None) for task in refused} == {503}
    assert await send(json_from("198.51.100.1", piece)) == piece
    for task in under_way:
        task.cancel()
    await asyncio.wait(under_way)
    assert await send(json_from("203.0.113.7", piece)) == piece
