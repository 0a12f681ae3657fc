"""Intake while the clamd that is set is away: portals' records with files wait, and nobody else does."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pakn.engine import isolation
from pakn.settings import IntakeSettings
from services.intake.files import scanner
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF
from tests.support.outside_world import GOOD, until
from tests.support.system import SECRET_KEY, System
from tests.unit.services.test_scanner import clamd

WITH_FILE = GOOD | {"attachments": [{"name": "a.pdf", "content_base64": base64.b64encode(PDF).decode()}]}


class Clamd:
    """A clamd that can be away."""

    port = 0
    answers = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (clamd(reader, writer) if self.answers else asyncio.sleep(0))
        writer.close()


@pytest.fixture
async def guard() -> AsyncIterator[Clamd]:
    made = Clamd()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
async def guarded(guard: Clamd, make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    monkeypatch.setattr(isolation, "_PUT_OFF_SECONDS", 2.0)
    monkeypatch.setattr(scanner, "_REST_SECONDS", 0.5)
    settings = {"secret_key": SECRET_KEY, "clamd": f"127.0.0.1:{guard.port}"}
    async with make_system(intake=IntakeSettings.model_validate(settings)) as made:
        await made.start("intake", "routing")
        yield made


async def test_one_portals_file_waits_for_the_scanner_and_no_other_party_does(guarded: System, guard: Clamd) -> None:
    """The process ended after a minute, again and again: HTTP, other portals and all that is shown stood still with it."""
    mark = uuid.uuid4().hex[:6]
    for own_id, submission in (("before", GOOD), ("file", WITH_FILE), ("behind", GOOD)):
        await guarded.post.portal("cdvcqg", submission, f"{mark}-{own_id}")

    async def registered(portal: str, own_id: str) -> Any:
        return await guarded.observer.wait("SubmissionRegistered", topic=f"outbox.{portal}", submission_id=f"{mark}-{own_id}")

    await registered("cdvcqg", "before")
    topic = f"{guarded.settings.namespace}.inbox.cdvcqg"
    series = f'pakn_waiting_partitions{{partition="0",topic="{topic}"}} 1.0'
    await until(lambda: guarded.measures("intake", series), "the waiting partition is counted")
    # Others are served while it waits, also after it was tried again.
    for number in range(3):
        await guarded.post.portal("gialai-dvc", GOOD, f"{mark}-{number}")
        await registered("gialai-dvc", str(number))
        await guarded.shows(await guarded.submit(), "assigned")
    assert guarded.services["intake"].exit_code == 0
    assert guarded.observer.found(submission_id=f"{mark}-behind") == []
    guard.answers = True
    (answer,) = await registered("cdvcqg", "file")
    (submitted,) = await guarded.observer.wait("MatterRecorded", subject=answer.subject)
    assert [file["scanned"] for file in submitted.data["attachments"]] == [True]
    await registered("cdvcqg", "behind")
    await guarded.settled("intake")
    assert not await guarded.measures("intake", series)
    assert guarded.observer.found(topic="dead.intake") == []
    assert len(guarded.observer.found("FeedbackSubmitted")) == 3 + 3 + 3
