"""`make bench-uploads`: whether people can still look up their feedback while many others send photos.

Many senders submit at once, each a form with five photos as a phone takes them, again after `Retry-After` until it is taken.
Meanwhile look-ups come at a fixed rate, whether or not the former ones are answered. The bare floor beside them: the same
look-ups at the same rate while nobody sends. Prints, asserts nothing.
"""

import asyncio
import io
import multiprocessing
import time
from collections import Counter
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
_LOOK_SECONDS = 0.1


def photo(seed: int) -> bytes:
    """A JPEG of twelve megapixels with as much detail as a phone's, about two megabytes."""
    small = Image.effect_noise((1000, 750), 40 + seed)
    picture = Image.merge("RGB", [small, small.transpose(Image.Transpose.FLIP_LEFT_RIGHT), small.rotate(180)])
    written = io.BytesIO()
    picture.resize((4000, 3000)).save(written, "JPEG", quality=85)
    return written.getvalue()


def send_all(url: str, senders: int, photos: list[bytes], answers: "multiprocessing.Queue[int]") -> None:
    """In a process of its own, so that sending does not slow the look-ups' clock. Puts each status into `answers`."""

    async def one(http: httpx.AsyncClient) -> None:
        files = [("attachments", (f"anh-{number}.jpg", content, "image/jpeg")) for number, content in enumerate(photos)]
        feedback = ("feedback", (None, httpx.Request("POST", url, json=GOOD).content, "application/json"))
        while True:
            answer = await http.post("/v1/feedback", files=[feedback, *files])
            answers.put(answer.status_code)
            if answer.status_code != 503:
                return
            await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def everybody() -> None:
        limits = httpx.Limits(max_connections=senders)
        async with httpx.AsyncClient(base_url=url, timeout=_BOUND_SECONDS, limits=limits) as http:
            await asyncio.gather(*(one(http) for _ in range(senders)))

    asyncio.run(everybody())


async def look_up(http: httpx.AsyncClient, code: str, rate: float, over: asyncio.Event) -> tuple[list[float], Counter[str]]:
    """Ask `rate` times a second until it is `over`: seconds from the moment each was due, and what the others got."""
    seconds: list[float] = []
    failed: Counter[str] = Counter()

    async def one(due: float) -> None:
        try:
            answer = await http.get(f"/v1/feedback/{code}")
        except httpx.TransportError as error:
            failed[type(error).__name__] += 1
            return
        if answer.status_code == 200:
            seconds.append(time.perf_counter() - due)
        else:
            failed[str(answer.status_code)] += 1

    began, asked = time.perf_counter(), 0
    async with asyncio.TaskGroup() as group:
        while not over.is_set():
            due = began + asked / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
            asked += 1
    return sorted(seconds), failed


async def _peak_until(over: asyncio.Event, pid: int) -> float:
    peak = 0.0
    while not over.is_set():
        peak = max(peak, usage.tree_mib(pid))
        await asyncio.sleep(_LOOK_SECONDS)
    return peak


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
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        code = (await http.post("/v1/feedback", json=GOOD)).raise_for_status().json()["code"]
        quiet, over = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().call_later(10, quiet.set)
        print(_line("  floor, nobody sends", *await look_up(http, code, rate, quiet)), flush=True)
        answers: multiprocessing.Queue[int] = multiprocessing.get_context("spawn").Queue()
        sending = multiprocessing.get_context("spawn").Process(target=send_all, args=(url, senders, photos, answers))
        sending.start()
        began = time.perf_counter()
        looking, memory = asyncio.create_task(look_up(http, code, rate, over)), asyncio.create_task(_peak_until(over, pid))
        try:
            await asyncio.wait_for(asyncio.to_thread(sending.join), _BOUND_SECONDS)
        finally:
            over.set()
            sending.kill()
        took = time.perf_counter() - began
        print(_line(f"  {senders} senders       ", *await looking))
        statuses: Counter[int] = Counter()
        while not answers.empty():
            statuses[answers.get()] += 1
        said = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        ended = running.supervisor.pid("intake") != pid
        print(
            f"  forms answered in {took:.0f} s: {said}; most memory of intake and its decoders {await memory:.0f} MiB"
            f"{'; INTAKE ENDED' if ended else ''}",
            flush=True,
        )


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
