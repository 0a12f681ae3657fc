"""A batch whose handler raises: the client library would go on, and the next commit would pass over it."""

import asyncio
from typing import Any
from unittest.mock import Mock

from pakn.engine.kafka import never_passed_over


async def test_a_handler_that_raises_ends_the_process_and_never_returns() -> None:
    error, ends = ValueError("nothing to commit"), []
    ended = asyncio.Event()

    async def raises(_message: Any) -> None:
        raise error

    def fatal(reason: str, of_records: Exception) -> None:
        ends.append((reason, of_records))
        ended.set()

    handling = asyncio.create_task(never_passed_over(raises, fatal)(Mock(raw_message=(1, 2))))
    await ended.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not handling.done()
    handling.cancel()
    assert ends == [("a batch of 2 could not be finished: ValueError", error)]
