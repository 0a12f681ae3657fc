"""An operation of the database goes on to its own end, whatever becomes of the caller who waits for it."""

import asyncio
import gc

import pytest

from pakn.engine import mongo


async def test_an_operation_goes_on_when_its_caller_is_cancelled_again_and_again() -> None:
    """The driver closes the connection of what is cancelled, and a second cancellation could lose a place of its pool."""
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def operation() -> None:
        await go_on.wait()
        ended.set()

    caller = asyncio.create_task(mongo.whole(operation()))
    await asyncio.sleep(0)
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert caller.cancelled()
    go_on.set()
    await asyncio.wait_for(ended.wait(), 10)


async def test_patience_ends_and_an_error_that_comes_later_is_nobodys() -> None:
    go_on, said = asyncio.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))

    async def operation() -> None:
        await go_on.wait()
        raise ValueError

    with pytest.raises(TimeoutError):
        await mongo.whole(operation(), 0.01)
    go_on.set()
    for _ in range(10):
        await asyncio.sleep(0)
    gc.collect()
    assert not said


async def test_an_answer_that_came_while_the_process_was_busy_is_taken() -> None:
    """A busy machine let requests go by uncounted whose counts were there."""
    loop = asyncio.get_running_loop()

    async def operation() -> int:
        await asyncio.sleep(0.01)
        for _ in range(5):
            await asyncio.sleep(0)
        return 7

    def be_busy() -> None:
        end = loop.time() + 0.15
        while loop.time() < end:
            pass

    loop.call_later(0.005, be_busy)
    assert await mongo.whole(operation(), 0.1) == 7


async def test_what_nobody_waits_for_any_more_is_bounded_and_the_oldest_ends_first() -> None:
    """A database that is away would otherwise fill the memory with the questions of callers who have gone."""
    began, never = list[asyncio.Task[None] | None](), asyncio.Event()

    async def operation() -> None:
        began.append(asyncio.current_task())
        await never.wait()

    for _ in range(mongo.MOST_LEFT + 3):
        with pytest.raises(TimeoutError):
            await mongo.whole(operation(), 0.0001)
    await asyncio.sleep(0)
    assert [task for task in began if task and task.cancelled()] == began[:3]
    never.set()
    await asyncio.gather(*(task for task in began[3:] if task))
