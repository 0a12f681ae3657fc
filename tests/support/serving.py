"""An application behind a real port, for clients that are programs of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from pakn.engine.http_protocol import server_config
from pakn.settings import HttpSettings
from tests.support.outside_world import until


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application that has started already, as services serve it; gives its address."""
    config = server_config(app, HttpSettings(host="127.0.0.1"), 0)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    # Signals are the test run's own.
    task = asyncio.create_task(server._serve())
    try:
        await until(lambda: server.started, "the server listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
