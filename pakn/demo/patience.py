"""How people of the demo wait for a service that does not answer at the moment."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

TRIES = 240
TRY_AGAIN_SECONDS = 0.5


class Patience(httpx.AsyncBaseTransport):
    """Sends a request until it is answered: a service that was killed comes back.

    What is sent twice must have one effect: a key, or what the form of a page holds, keeps a repetition from counting.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The first answer that is no server's error. Raises TimeoutError."""
        for _ in range(TRIES):
            try:
                response = await self._transport.handle_async_request(request)
                await response.aread()
            except httpx.TransportError:
                pass
            else:
                if response.status_code < 500:
                    return response
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        path = request.url.path
        raise TimeoutError(f"{request.method} {path} was not answered in {TRIES * TRY_AGAIN_SECONDS:.0f} s; see the log of intake")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return when `condition` is true, which is asked for often at first. Raises TimeoutError that says what was waited for."""
    pause, waited = 0.05, 0.0
    while not await condition():
        if waited > TRIES * TRY_AGAIN_SECONDS:
            raise TimeoutError(f"waited {waited:.0f} s in vain for {what}; see the services' logs")
        await asyncio.sleep(pause)
        waited += pause
        pause = min(pause * 1.5, TRY_AGAIN_SECONDS)
