"""Ends a process in which nothing goes on: one record or request that takes all its time would otherwise hold up all others.

Such a process answers no signal and notices nothing by itself. It is watched from a thread that needs no interpreter, which
writes where the process stands to standard error and ends it; the supervisor starts a new one. A record that does so again and
again is found as one that ends its process.
"""

import asyncio
import faulthandler

SECONDS = 60.0


async def watch(seconds: float = SECONDS) -> None:
    """Put the end of this process off again and again, for as long as the event loop comes round within `seconds`."""
    try:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            await asyncio.sleep(seconds / 10)
    finally:
        faulthandler.cancel_dump_traceback_later()
