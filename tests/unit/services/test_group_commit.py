"""Submissions that share a write, when the database is away: nobody waits behind somebody who waits in vain."""

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest
from pymongo.errors import ServerSelectionTimeoutError, WriteError

from services.intake.registration import GroupCommit


class AwayDatabase:
    """Stands for a registrar whose database does not answer; `give_up` ends the one try that is under way."""

    def __init__(self) -> None:
        self.tries = 0
        self.began, self.give_up = asyncio.Event(), asyncio.Event()

    async def register(self, _drafts: Sequence[Any], _place: Any) -> list[Any]:
        self.tries += 1
        self.began.set()
        await self.give_up.wait()
        raise ServerSelectionTimeoutError("no server")


async def test_those_behind_a_group_that_waited_in_vain_hear_of_it_with_it() -> None:
    """Each group waited for the database anew, so that the third one had its answer after three times the bound."""
    database: Any = AwayDatabase()
    commit = GroupCommit(database, Mock(instance="a", take_places=Mock(return_value=1)), 0, 1)
    running = asyncio.create_task(commit.run())
    requests = [asyncio.create_task(commit.register([Mock()])) for _ in range(4)]
    await database.began.wait()
    database.give_up.set()
    for request in requests:
        with pytest.raises(ServerSelectionTimeoutError):
            await request
    assert database.tries == 1
    running.cancel()


class RefusingDatabase:
    """Stands for a registrar whose database does not take the first group; `go_on` ends that try."""

    def __init__(self) -> None:
        self.tries = 0
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    async def register(self, drafts: Sequence[Any], _place: Any) -> list[Any]:
        self.tries += 1
        self.began.set()
        await self.go_on.wait()
        if self.tries == 1:
            raise WriteError("document too large")
        return [Mock(repeated=False, feedback=Mock(id=str(self.tries), facts=[])) for _ in drafts]


async def test_those_behind_a_group_that_the_database_refuses_are_stored() -> None:
    """Whatever the database refused of one group, everybody who waited at that moment had a 500 too."""
    database: Any = RefusingDatabase()
    commit = GroupCommit(database, Mock(instance="a", take_places=Mock(return_value=1)), 0, 1)
    running = asyncio.create_task(commit.run())
    refused, *others = [asyncio.create_task(commit.register([Mock()])) for _ in range(4)]
    await database.began.wait()
    database.go_on.set()
    with pytest.raises(WriteError):
        await refused
    assert [registration.feedback.id for (registration,) in await asyncio.gather(*others)] == ["2", "3", "4"]
    running.cancel()
