"""Whose word on the address of a sender is believed."""

import asyncio
from typing import Any

import pytest

from pakn.engine.http_protocol import server_config
from pakn.settings import HttpSettings


def client_seen(trusted: str, peer: str, forwarded: str) -> str:
    """The address that the application sees of a request that came from `peer` with this X-Forwarded-For."""
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    config = server_config(app, HttpSettings(trusted_proxies=trusted), 0)
    config.load()
    scope: Any = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    asyncio.run(config.loaded_app(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "127.0.0.1", "203.0.113.7", "127.0.0.1"),
        ("10.0.0.0/8", "198.51.100.1", "203.0.113.7", "198.51.100.1"),
        ("10.0.0.0/8", "10.0.0.2", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "10.0.0.2", "192.0.2.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8, 192.0.2.0/24", "10.0.0.2", "1.2.3.4, 203.0.113.7, 192.0.2.1", "203.0.113.7"),
    ],
)
def test_only_a_named_proxy_tells_an_address_and_the_sender_cannot_choose_it(
    trusted: str, peer: str, forwarded: str, client: str
) -> None:
    """The server's library believes every process of the same machine by itself."""
    assert client_seen(trusted, peer, forwarded) == client
