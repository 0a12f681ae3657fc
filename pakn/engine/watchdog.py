"""Ends a process whose event loop is blocked: one record or request that takes all its time would hold up all others.

Such a process answers no signal and notices nothing by itself. It is watched from a thread that needs no interpreter, which
writes where the process stands to standard error and ends it; the supervisor starts a new one. A record that does so again and
again is found as one that ends its process. A process that was stopped from outside for longer (`docker pause`, a frozen machine)
may end when it goes on, which loses nothing.
"""

import asyncio
import faulthandler

SECONDS = 60.0


async def watch(seconds: float | None = None) -> None:
    """Put the end of this process off again and again, for as long as the event loop comes round within `seconds` (a minute)."""
    bound = SECONDS if seconds is None else seconds
    try:
        while True:
            faulthandler.dump_traceback_later(bound, exit=True)
            await asyncio.sleep(bound / 10)
    finally:
        faulthandler.cancel_dump_traceback_later()
