"""Asks a portal's Open311 interface, within bounds: its own address alone, a size, a time, no redirects."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final, Literal

import httpx

from pakn.engine import outgoing
from pakn.packs.open311 import Remote

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one answer."""
SECONDS: Final = 30.0
"""For one exchange, however slowly the answer drips."""
# The answer as it is, without a compression that would have to be bounded too.
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "PAKN"}
# What is wrong with the key or the interface, not with one request, and what asks for patience.
_AWAY: Final = (401, 403, 405, 408, 425, 429)
Why = Literal["away", "refused", "strange"]


class Unanswered(Exception):
    """No answer that could be read: the server is `away` (or says so), it has `refused`, or what came is `strange`.

    `detail` is a status or the name of an error, for the log: an address may hold a key, and an answer anything.
    """

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail


class RemoteClient:
    """The interface of one portal. `key` goes with each request as `api_key`, where there is one."""

    def __init__(self, remote: Remote, key: str | None, most_bytes: int = MOST_BYTES, seconds: float = SECONDS) -> None:
        self._remote = remote
        own = {"jurisdiction_id": remote.jurisdiction_id, "api_key": key}
        self._own = {name: value for name, value in own.items() if value}
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._http = outgoing.client(verify=ssl.create_default_context(), timeout=seconds, headers=_HEADERS)

    async def requests(self, asked: Mapping[str, str]) -> bytes:
        """The answer to GET requests. Raises Unanswered."""
        return await self._exchange("GET", f"requests.{self._remote.format}", params={**asked, **self._own})

    async def update(self, told: Mapping[str, str]) -> None:
        """POST a service request update, and return once it is taken. Raises Unanswered."""
        await self._exchange("POST", "servicerequestupdates.json", data={**told, **self._own})

    async def _exchange(
        self, method: str, path: str, params: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
    ) -> bytes:
        url = f"{self._remote.url.rstrip('/')}/{path}"
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds), self._http.stream(method, url, params=params, data=data) as response:
                status = response.status_code
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > self._most_bytes:
                        raise Unanswered("strange", f"{status}, more than {self._most_bytes} bytes")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unanswered("away", type(error).__name__) from None
        if status >= 500 or status in _AWAY:
            raise Unanswered("away", str(status))
        if status >= 400:
            raise Unanswered("refused", str(status))
        if status >= 300:
            raise Unanswered("strange", f"{status}: redirects are not followed")
        return bytes(body)

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()
