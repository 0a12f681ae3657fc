"""One pack being played on a running stack: its people, its days, and when a day is really over."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pakn.demo.actors import Actors
from pakn.demo.audit import Report, audit
from pakn.demo.gateway import SmsGateway
from pakn.demo.mailbox import Mailbox
from pakn.demo.observer import Observer
from pakn.demo.requests import DemoRequest
from pakn.demo.timekeeper import Timekeeper
from pakn.engine import mongo
from pakn.local.stack import Stack
from pakn.operations.evidence import letters_waiting, read_evidence
from pakn.packs.load import Pack
from schemas.topics import ServiceName
from services.notify import commands as letters

_BOUND_SECONDS = 180.0
# How many requests a day of the scaled clock may bring per second of the machine, and the shortest day.
_REQUESTS_PER_SECOND, _SHORTEST_DAY = 250.0, 0.25
Show = Callable[[date | None], None]
"""Brings the progress bars up to date; a day is named where one is being played."""


@dataclass
class Scene:
    """One pack being played."""

    pack: Pack
    requests: list[DemoRequest]
    stack: Stack
    timekeeper: Timekeeper
    mailbox: Mailbox
    gateway: SmsGateway
    home: Path
    console: Console

    def __post_init__(self) -> None:
        settings = self.stack.settings
        self._observer = Observer(settings)
        self._actors = Actors(
            settings,
            self.stack.urls["intake"],
            self.pack.header.default_language,
            self._observer,
            self.timekeeper,
            self.mailbox,
        )
        self._http = httpx.AsyncClient(timeout=5)
        self._mongo = mongo.make_client(settings.mongo)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Wait for the services and follow their topics."""
        await self._until("the services to be ready", self._ready)
        await self._observer.start()
        await self._actors.start()
        self._tasks.append(asyncio.create_task(self._observer.follow()))

    async def stop(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        await mongo.close(self._mongo)
        await self._actors.stop()
        await self._observer.stop()

    async def play(self, days: int) -> Report:
        """Play all days and return the report."""
        people = [asyncio.create_task(self._actors.play(request)) for request in self.requests]
        self._tasks += people
        zone = ZoneInfo(self.pack.header.timezone)
        last = self.requests[-1].submitted_at.astimezone(zone).date() + timedelta(days=days)
        columns = TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.console) as progress:
            rows = [progress.add_task(f"{self.pack.id}: {row}", total=len(self.requests)) for row in ("assigned", "published")]

            def show(day: date | None) -> None:
                progress.update(rows[0], completed=len(self._observer.assigned_to))
                text = f"{self.pack.id}: published" + (f", {day}" if day else "") + f", {len(self.mailbox.counts)} letters"
                progress.update(rows[1], completed=self._observer.published, description=text)

            while True:
                today = self.timekeeper.now().astimezone(zone).date()
                coming = sum(request.submitted_at.astimezone(zone).date() == today for request in self.requests)
                end = await self.timekeeper.play_day(max(_SHORTEST_DAY, coming / _REQUESTS_PER_SECOND))
                await self._until(f"all that happens on {today}", lambda end=end: self._settled(end, people, show))
                show(today)
                if today >= last:
                    break
                self.timekeeper.next_midnight(end)
            await self._until("the last timers and letters", lambda: self._all_done(end, show))
        evidence = await read_evidence(self.stack.settings)
        return audit(self.requests, self._actors.outcomes, evidence, self.mailbox, self.gateway.counts)

    async def _settled(self, end: datetime, people: Sequence[asyncio.Task[None]], show: Show) -> bool:
        for person in people:
            if person.done() and (error := person.exception()):
                raise error
        self.timekeeper.wake(self.timekeeper.now())
        show(end.date())
        if not self.timekeeper.idle(end) or not await self._observer.all_handled():
            return False
        return await self._metric("intake", "pakn_outbox_pending") == 0 and self.timekeeper.idle(end)

    async def _all_done(self, end: datetime, show: Show) -> bool:
        """Every timer has fired up to `end`, and no letter waits to be sent or announced.

        One of which nobody knows whether it arrived is settled as an operator would: by a look into the mailbox or at the gateway.
        """
        show(None)
        fired_until = await self._metric("deadlines", "pakn_timers_fired_until_timestamp_seconds")
        if fired_until is None or fired_until < end.timestamp() or not await self._observer.all_handled():
            return False
        waiting = await letters_waiting(self._mongo, self.stack.settings.namespace)
        if waiting["uncertain"]:
            settings = self.stack.settings
            for letter in await letters.list_letters(settings):
                arrived = letter["message_id"] in (self.gateway if letter["channel"] == "sms" else self.mailbox).counts
                await letters.settle_letters(settings, [letter["id"]], "sent" if arrived else "resend")
        return not waiting.total() and await self._observer.all_handled()

    async def _ready(self) -> bool:
        try:
            return all([(await self._http.get(f"{url}/ready")).is_success for url in self.stack.urls.values()])
        except httpx.TransportError:
            return False

    async def _metric(self, service: ServiceName, name: str) -> float | None:
        """A metric of a service, as Prometheus sees it; none while the service does not answer."""
        try:
            text = (await self._http.get(f"{self.stack.urls[service]}/metrics")).text
        except httpx.TransportError:
            return None
        return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} ")), None)

    async def _until(self, what: str, condition: Any) -> None:
        """Wait for `condition`. The bound is on standing still: as long as records or letters come, the wait goes on."""
        seen, ends = -1, 0.0
        while not await condition():
            news = self._observer.records + sum(self.mailbox.counts.values()) + sum(self.gateway.counts.values())
            if news != seen:
                seen, ends = news, time.monotonic() + _BOUND_SECONDS
            if time.monotonic() > ends:
                raise TimeoutError(f"waited {_BOUND_SECONDS:.0f} s in vain for {what}; see the logs in {self.home / 'logs'}")
            await asyncio.sleep(0.05)
