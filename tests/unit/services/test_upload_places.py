"""Who may have the places for forms with files: no sender all of them, however slowly his forms come."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from litestar import Request, post

from pakn.engine.problems import Problem
from pakn.packs.models import Attachments
from pakn.settings import networks
from services.intake.doors.uploads import FREE_BYTES, MAX_HELD_BYTES, UploadLimits, Uploads
from services.intake.inspection import OutOfTime
from tests.support.packs import VN

FORM = b'--y\r\nContent-Disposition: form-data; name="feedback"\r\n\r\n{}\r\n--y--\r\n'
FILE = b'\r\n--y\r\nContent-Disposition: form-data; name="attachments"; filename="a.pdf"\r\n\r\n0123456789'
TAKEN, REFUSED = "taken", (503, True)


@post("/", request_max_body_size=None)
async def any_route() -> None: ...


class Store:
    """Holds no files, and counts those that are removed."""

    removed = 0

    async def begin(self, _file_id: str, _name: str, _feedback_id: str) -> None: ...

    async def add_piece(self, _file_id: str, _number: int, _data: bytes) -> None: ...

    async def complete(self, _file: object) -> None: ...

    async def discard(self, file_ids: Iterable[str]) -> None:
        self.removed += len([*file_ids])


def form_from(client: tuple[str, int] | None, ends: bool = True, form: bytes = FORM) -> Request[Any, Any, Any]:
    packets = iter([{"type": "http.request", "body": form if ends else form[:-9], "more_body": not ends}])

    async def receive() -> Any:
        return next(packets, None) or await asyncio.Event().wait()

    headers = [(b"content-type", b"multipart/form-data; boundary=y")]
    scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, "client": client}
    scope["route_handler"] = any_route
    return Request(scope, receive)


def uploads(at_once: int, store: Any = None, rules: Attachments = VN.header.attachments) -> Uploads:
    limits = UploadLimits(at_once, 5, 5, networks("127.0.0.0/8"))
    return Uploads(store or Store(), rules, limits, lambda: "id")


def refusal(error: BaseException | None) -> tuple[int, bool]:
    """The status of an answer, and whether its sender is to come back soon."""
    assert isinstance(error, Problem)
    return error.status_code, 5 <= int({**(error.headers or {})}["Retry-After"]) < 15


class Slow:
    """Forms whose bodies do not end, until all their senders go away."""

    def __init__(self, made: Uploads) -> None:
        self._made = made
        self._under_way: list[asyncio.Task[None]] = []

    async def send(self, hosts: Iterable[str]) -> list[Any]:
        """What a form from each of these addresses gets; one that is taken keeps its place."""
        return [await self._answer(host) for host in hosts]

    async def go_away(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.wait(self._under_way)

    async def _answer(self, host: str) -> Any:
        task = asyncio.ensure_future(self._send(host))
        done, _ = await asyncio.wait([task], timeout=0.05)
        if done:
            return refusal(task.exception())
        self._under_way.append(task)
        return TAKEN

    async def _send(self, host: str) -> None:
        async with self._made.receiving(form_from((host, 1) if host else None, ends=False), "f"):
            raise AssertionError("it does not end")


async def whole(made: Uploads, places: AsyncExitStack, hosts: Iterable[str]) -> list[Any]:
    """What a form gets that has come from each of these addresses; one that is taken waits for its files to be looked into."""
    result: list[Any] = []
    for host in hosts:
        try:
            await places.enter_async_context(made.receiving(form_from((host, 1)), "f"))
        except Problem as problem:
            result.append(refusal(problem))
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
    slow, others = Slow(made), Slow(made)
    assert await slow.send((hosts * 5)[:5]) == [TAKEN] * 4 + [REFUSED]
    assert await others.send(["198.51.100.1", "198.51.100.2", "198.51.100.3"]) == [TAKEN] * 3
    await slow.go_away()
    assert await others.send((hosts * 4)[:4]) == [TAKEN] * 3 + [REFUSED], "places that became free are there again"
    await others.go_away()


@pytest.mark.parametrize(
    "hosts", [["2001:db8:1:100::1", "2001:db8:1:101::1"], ["203.0.113.7", "203.0.113.8"]], ids=["one /56", "two"]
)
async def test_two_networks_take_not_all_places(hosts: list[str]) -> None:
    """Slow forms from two networks of one line of IPv6 took all eight places, and every other citizen got 503."""
    made = uploads(8)
    slow, others = Slow(made), Slow(made)
    assert (await slow.send(hosts * 4)).count(TAKEN) <= 6
    assert await others.send(["198.51.100.1", "198.51.100.2"]) == [TAKEN] * 2
    await slow.go_away()
    await others.go_away()


async def test_a_form_gives_its_place_back_while_its_files_wait_to_be_looked_into() -> None:
    """Eight forms of five slow photos from two networks kept all places until the last photo was done: 503 for 100 seconds."""
    made = uploads(8)
    async with AsyncExitStack() as waiting:
        assert await whole(made, waiting, ["203.0.113.7", "203.0.113.8"] * 4) == [TAKEN] * 8
        assert await whole(made, waiting, ["198.51.100.1"]) == [TAKEN]
        slow = Slow(made)
        assert await slow.send(["198.51.100.1"] * 4) == [TAKEN] * 4
        await slow.go_away()


async def test_so_many_forms_may_wait_and_whoever_could_not_is_told_before_he_sends() -> None:
    made = uploads(2)
    async with AsyncExitStack() as waiting:
        assert await whole(made, waiting, ["203.0.113.7"] * 5 + ["203.0.113.8"] * 3) == [TAKEN] * 4 + [REFUSED] + [TAKEN] * 2 + [
            REFUSED
        ]
        assert await Slow(made).send(["203.0.113.7"]) == [REFUSED], "its body is not read"
        assert await whole(made, waiting, ["198.51.100.1", "198.51.100.2", "198.51.100.3"]) == [TAKEN] * 2 + [REFUSED]
    async with AsyncExitStack() as waiting:
        assert await whole(made, waiting, ["203.0.113.7"] * 4) == [TAKEN] * 4


async def test_the_files_that_wait_take_a_bounded_part_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.intake.doors.uploads.MAX_WAITING_BYTES", 80)
    store = Store()
    rules = VN.header.attachments.model_copy(update={"max_files": 1, "max_bytes": 10})
    made, form = uploads(8, store, rules), FORM.replace(b"\r\n--y--", FILE + b"\r\n--y--")
    async with AsyncExitStack() as waiting:
        for _ in range(4):
            await waiting.enter_async_context(made.receiving(form_from(("203.0.113.7", 1), form=form), "f"))
        before = store.removed
        with pytest.raises(Problem) as refused:
            await waiting.enter_async_context(made.receiving(form_from(("203.0.113.7", 1), form=form), "f"))
        assert refusal(refused.value) == REFUSED
        assert store.removed > before, "what was stored of it is removed"
        await waiting.enter_async_context(made.receiving(form_from(("203.0.113.8", 1), form=form), "f"))


async def test_a_form_that_waits_too_long_is_told_to_come_again() -> None:
    """Its sender waited as long as the photos of others took, however long."""
    made = uploads(1)

    async def send() -> None:
        async with made.receiving(form_from(("2001:db8:1:100::1", 1)), "f") as upload:
            assert upload.party == "2001:db8:1:100::/56"
            assert 4 < upload.left() <= 5
            raise OutOfTime("it was not looked into")

    with pytest.raises(Problem) as refused:
        await send()
    assert (refused.value.status_code, refused.value.type_) == (503, "urn:pakn:problem:too-busy")


async def test_where_there_is_one_place_anybody_may_have_it() -> None:
    slow = Slow(uploads(1))
    assert await slow.send(["203.0.113.7", "198.51.100.1"]) == [TAKEN, REFUSED]
    await slow.go_away()


async def test_a_network_that_is_not_limited_may_have_all_places() -> None:
    """A proxy whose word on the sender's address is not believed stands for all senders."""
    slow = Slow(uploads(4))
    assert await slow.send(["127.0.0.1"] * 5) == [TAKEN] * 4 + [REFUSED]
    await slow.go_away()


async def test_who_are_refused_together_do_not_come_back_together() -> None:
    """Forty senders came back in the same second, were refused together, and held up everybody's look-ups each time."""
    made, waits = uploads(1), []
    slow = Slow(made)
    await slow.send(["203.0.113.7"])
    for _ in range(40):
        with pytest.raises(Problem) as refused:
            async with made.receiving(form_from(("203.0.113.8", 1)), "f"):
                pass
        waits.append({**(refused.value.headers or {})}["Retry-After"])
    assert max(Counter(waits).values()) == 4
    await slow.go_away()


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
    made, piece = uploads(8), b" " * 1_040_000

    async def send(request: Request[Any, Any, Any]) -> bytes | None:
        if not as_submission:
            return await made.read_json(request)
        async with made.receiving(request, "f") as upload:
            return upload.body.raw

    slow = [asyncio.ensure_future(send(json_from("203.0.113.7", piece, ends=False))) for _ in range(40)]
    await asyncio.sleep(0)
    refused, under_way = await asyncio.wait(slow, timeout=0.5)
    assert len(under_way) == MAX_HELD_BYTES // 2 // (len(piece) - FREE_BYTES)
    assert {getattr(task.exception(), "status_code", None) for task in refused} == {503}
    assert await send(json_from("198.51.100.1", piece)) == piece
    second = [asyncio.ensure_future(send(json_from("198.51.100.3", piece, ends=False))) for _ in range(40)]
    await asyncio.wait(second, timeout=0.5)
    assert await send(json_from("198.51.100.1", piece)) == piece, "two networks do not hold all"
    hosts = ["198.51.100.2", *(f"198.51.101.{number}" for number in range(12))]
    others = [asyncio.ensure_future(send(json_from(host, piece, ends=False))) for host in hosts for _ in range(20)]
    await asyncio.wait(others, timeout=0.5)
    with pytest.raises(Problem):
        await send(json_from("198.51.100.1", piece))
    assert await send(json_from("198.51.100.1", piece[:FREE_BYTES])) == piece[:FREE_BYTES]
    under_way |= {task for task in [*second, *others] if not task.done()}
    for task in under_way:
        task.cancel()
    await asyncio.wait(under_way)
    assert await send(json_from("203.0.113.7", piece)) == piece
