"""A release whose decisions fail on every event: nothing is committed past, and the mended release misses nothing."""

from typing import Any

import pytest

from services.routing import domain
from tests.integration.conftest import MakeSystem
from tests.support.outside_world import until


async def test_a_release_that_fails_on_every_event_empties_nothing_into_the_dead_letters(
    make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise AttributeError("of the new release")

    # A consumer that did not end with its process holds its partitions for twice that long.
    async with make_system(retry_seconds=5) as system:
        await system.start("intake")
        bodies = [await system.submit(title=f"Số {number}") for number in range(30)]
        with monkeypatch.context() as broken:
            broken.setattr(domain, "assign_feedback", fails)
            await system.start("routing")
            routing = system.services["routing"]
            await until(lambda: routing.exit_code == 1, "routing ends")
            with pytest.raises(AssertionError, match="routing gave up"):
                await system.stop("routing")
        assert not system.observer.found(topic="dead.routing")
        system.services.pop("routing", None)
        await system.start("routing")
        for body in bodies:
            await system.observer.wait("FeedbackAssigned", topic="feedback", subject=body["feedback_id"])
        assert not system.observer.found(topic="dead.routing")
