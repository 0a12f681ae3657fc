"""`make bench-uploads`: whether people can still look up their feedback while many others send photos.

Many senders submit at once, each a form with five photos as a phone takes them, again after `Retry-After` until it is taken.
Meanwhile look-ups come at a fixed rate, whether or not the former ones are answered. The bare floor beside them: the same
look-ups at the same rate while nobody sends. Prints, asserts nothing.
"""

import asyncio
import contextlib
import http.client
import io
import itertools
import multiprocessing
import multiprocessing.queues
import multiprocessing.synchronize
import os
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import httpx
import typer
from PIL import Image

from pakn.local import stack
from pakn.local.child_process import CannotStart
from pakn.local.launcher import Servers
from tests.bench import figures, usage
from tests.bench.engine import ready
from tests.support.outside_world import GOOD, until

_BOUND_SECONDS = 600.0
_FLOOR_SECONDS, _ANSWER_SECONDS, _LOOK_SECONDS = 10.0, 30.0, 0.5
_CONNECTIONS = 32
_SPAWN = multiprocessing.get_context("spawn")
QueueOf = multiprocessing.queues.Queue
EventOf = multiprocessing.synchronize.Event
# Seconds of the answers in order, and how often what else came.
Lookups = tuple[list[float], Counter[str]]


def photo(seed: int) -> bytes:
    """A JPEG of twelve megapixels with as much detail as a phone's, about two megabytes."""
    small = Image.effect_noise((1000, 750), 40 + seed)
    picture = Image.merge("RGB", [small, small.transpose(Image.Transpose.FLIP_LEFT_RIGHT), small.rotate(180)])
    written = io.BytesIO()
    picture.resize((4000, 3000)).save(written, "JPEG", quality=85)
    return written.getvalue()


def send_all(url: str, senders: int, photos: list[bytes], answers: "QueueOf[int]") -> None:
    """In a process of its own, so that sending does not slow the look-ups' clock. Puts each status into `answers`."""

    os.nice(10)  # They stand for other machines, and take no time from the look-ups here.

    async def one(client: httpx.AsyncClient) -> None:
        files = [("attachments", (f"anh-{number}.jpg", content, "image/jpeg")) for number, content in enumerate(photos)]
        feedback = ("feedback", (None, httpx.Request("POST", url, json=GOOD).content, "application/json"))
        while True:
            answer = await client.post("/v1/feedback", files=[feedback, *files])
            answers.put(answer.status_code)
            if answer.status_code != 503:
                return
            await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def everybody() -> None:
        limits = httpx.Limits(max_connections=senders)
        async with httpx.AsyncClient(base_url=url, timeout=_BOUND_SECONDS, limits=limits) as client:
            await asyncio.gather(*(one(client) for _ in range(senders)))

    asyncio.run(everybody())


def look_up(url: str, code: str, rate: float, over: EventOf, found: "QueueOf[Lookups]") -> None:
    """In a process of its own: ask `rate` times a second until it is `over`, over as many connections as a proxy would keep.

    Puts the seconds of each answer, counted from the moment when it was due, and what the others got into `found`.
    """
    seconds: list[float] = []
    failed: Counter[str] = Counter()
    numbers, began = itertools.count(), time.perf_counter()

    def ask() -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_ANSWER_SECONDS)
        while not over.is_set():
            due = began + next(numbers) / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                connection.request("GET", f"/v1/feedback/{code}")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                failed[type(error).__name__] += 1
                connection.close()
                continue
            if answer.status == 200:
                seconds.append(time.perf_counter() - due)
            else:
                failed[str(answer.status)] += 1

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        for _ in range(_CONNECTIONS):
            threads.submit(ask)
    found.put((sorted(seconds), failed))


def _line(label: str, seconds: list[float], failed: Counter[str]) -> str:
    p50, p99 = (seconds[int(len(seconds) * part)] * 1000 for part in (0.5, 0.99))
    return (
        f"{label}: {len(seconds)} look-ups, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {seconds[-1] * 1000:.0f} ms{_not(failed)}"
    )


def _not(failed: Counter[str]) -> str:
    return "; not answered: " + ", ".join(f"{count} x {name}" for name, count in failed.items()) if failed else ""


async def run(running: stack.Stack, senders: int, rate: float, photos: list[bytes]) -> None:
    """One run: look-ups alone for ten seconds, then look-ups beside the senders until every form is taken."""
    url, pid = running.urls["intake"], running.supervisor.pid("intake")
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        code = (await client.post("/v1/feedback", json=GOOD)).raise_for_status().json()["code"]
    with _looking(url, code, rate) as floor:
        await asyncio.sleep(_FLOOR_SECONDS)
    print(_line("  floor, nobody sends", *floor[0]), flush=True)
    answers: QueueOf[int] = _SPAWN.Queue()
    sending = _SPAWN.Process(target=send_all, args=(url, senders, photos, answers))
    statuses: Counter[int] = Counter()
    peak, began = 0.0, time.perf_counter()
    with _looking(url, code, rate) as beside:
        sending.start()
        try:
            while sending.is_alive():
                if time.perf_counter() - began > _BOUND_SECONDS:
                    raise TimeoutError(f"the senders were not done within {_BOUND_SECONDS:.0f} s; they got {dict(statuses)}")
                peak = max(peak, usage.tree_mib(pid))
                await asyncio.sleep(_LOOK_SECONDS)
                # A queue that nobody empties keeps the process that fills it.
                statuses.update(answers.get() for _ in range(answers.qsize()))
        finally:
            sending.kill()
    statuses.update(answers.get() for _ in range(answers.qsize()))
    took = time.perf_counter() - began
    print(_line(f"  {senders} senders       ", *beside[0]))
    said = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    ended = "; INTAKE ENDED" if running.supervisor.pid("intake") != pid else ""
    print(f"  forms answered in {took:.0f} s: {said}; most memory of intake and its decoders {peak:.0f} MiB{ended}", flush=True)


@contextlib.contextmanager
def _looking(url: str, code: str, rate: float) -> Generator[list[Lookups], None, None]:
    """Look up in another process until the block ends; what it found is in the list then."""
    over, queue, found = _SPAWN.Event(), _SPAWN.Queue(), []
    process = _SPAWN.Process(target=look_up, args=(url, code, rate, over, queue))
    process.start()
    try:
        yield found
        over.set()
        found.append(queue.get(timeout=2 * _ANSWER_SECONDS))
    finally:
        process.kill()


async def measure(senders: int, rate: float, runs: int, folder: Path) -> None:
    """Start everything, then run after run."""
    photos = [photo(number) for number in range(5)]
    environment = {"PAKN_NAMESPACE": "uploads", "PAKN_PACK": "vn", "PAKN_LOG__LEVEL": "WARNING"}
    with Servers.start(folder / "servers", fresh=True, speed=True) as servers:
        figures.print_stack(usage.machine(), servers.description)
        async with stack.running(servers, folder, environment, folder / "logs") as running:
            await until(lambda: ready(running), "the services are ready")
            print(f"photos    5 a form, {sum(map(len, photos)) / 2**20:.1f} MiB together, 12 megapixels each; {rate:g} look-ups/s")
            for number in range(1, runs + 1):
                print(f"run {number} of {runs}", flush=True)
                await run(running, senders, rate, photos)


def bench_uploads(
    senders: Annotated[int, typer.Option(min=1, help="who send at the same time")] = 50,
    rate: Annotated[float, typer.Option(min=1, help="look-ups a second")] = 200,
    runs: Annotated[int, typer.Option(min=1, help="measured runs")] = 3,
    folder: Annotated[Path, typer.Option(help="where servers and logs are kept")] = Path(".pakn/bench-uploads"),
) -> None:
    """Measure look-ups while many people send photos."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(measure(senders, rate, runs, folder))
    except (CannotStart, AssertionError, TimeoutError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(bench_uploads)
