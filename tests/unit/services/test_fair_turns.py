"""However much work one party brings, each other one has its turn, and no turn is lost."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.fair_turns import FairTurns


async def order_of(parties: Sequence[str], at_once: int = 1) -> list[str]:
    """In which order parties have turns that ask in the given order, while all turns are taken."""
    turns, order, go = FairTurns(at_once), list[str](), asyncio.Event()

    async def work(party: str) -> None:
        async with turns.turn(party):
            order.append(party)

    async def first() -> None:
        async with turns.turn("first"):
            await go.wait()

    holders = [asyncio.ensure_future(first()) for _ in range(at_once)]
    await asyncio.sleep(0)
    works = [asyncio.ensure_future(work(party)) for party in parties]
    await asyncio.sleep(0)
    assert not order
    go.set()
    await asyncio.gather(*holders, *works)
    return order


async def test_who_brings_one_piece_of_work_waits_for_one_of_each_other_party() -> None:
    """Twenty photos of one network kept everybody else's waiting for three minutes."""
    assert await order_of("aaaabbc") == list("abcabaa")
    assert sorted(await order_of("aaaabbc", at_once=2)) == list("aaaabbc")


async def test_who_gives_up_takes_no_turn_from_its_party() -> None:
    turns, order, go = FairTurns(1), list[str](), asyncio.Event()

    async def work(party: str) -> None:
        async with turns.turn(party):
            order.append(party)
            await go.wait()

    works = [asyncio.ensure_future(work(party)) for party in "xaabb"]
    await asyncio.sleep(0)
    works[1].cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*works, return_exceptions=True)
    assert order == list("xabb")


async def test_who_has_waited_as_long_as_he_may_has_no_turn_and_takes_none() -> None:
    turns, order = FairTurns(1), list[str]()
    async with turns.turn("a"):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with turns.turn("b", 0.01):
                    order.append("b")
        waiting = asyncio.ensure_future(turns.turn("c", 60).__aenter__())
        await asyncio.sleep(0)
    await asyncio.wait_for(waiting, 5)
    assert order == []


async def test_a_turn_that_is_free_is_given_to_whoever_has_no_time_left() -> None:
    async with FairTurns(1).turn("a", -1):
        await asyncio.sleep(0)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.sets(st.integers(0, 11)), st.integers(1, 3))
async def test_a_turn_goes_on_to_the_next_whoever_gives_up(parties: list[str], gone: set[int], at_once: int) -> None:
    turns, done, running = FairTurns(at_once), 0, 0

    async def work(party: str) -> None:
        nonlocal done, running
        async with turns.turn(party):
            running += 1
            assert running <= at_once
            try:
                await asyncio.sleep(0)
            finally:
                running -= 1
        done += 1

    works = [asyncio.ensure_future(work(party)) for party in parties]
    await asyncio.sleep(0)
    for number in gone:
        if number < len(works):
            works[number].cancel()
            await asyncio.sleep(0)
    ended = await asyncio.wait_for(asyncio.gather(*works, return_exceptions=True), 5)
    assert done == sum(row is None for row in ended) >= len(parties) - len(gone)
    assert await asyncio.wait_for(asyncio.gather(*(work("d") for _ in range(at_once))), 5)
