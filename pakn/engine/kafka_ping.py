"""The question whether Kafka answers at all, asked beside the clients that read and write."""

from collections.abc import Callable
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from pakn.engine.kafka_login import client_options
from pakn.logins import KafkaSettings


class Ping:
    """Asks Kafka whether it answers, on a connection that is kept."""

    def __init__(self, settings: KafkaSettings, seconds: float, lost: Callable[[], None]) -> None:
        """Connects to nothing. `seconds` are what one broker may take; `lost` is called when the connection ends."""
        options = {"request_timeout_ms": int(seconds * 1000), "on_close": lambda *_: lost()}
        self._options = client_options(settings) | options
        self._hosts = collect_hosts(self._options.pop("bootstrap_servers"))
        self._connection: Any = None

    async def ask(self) -> None:
        """Return when any broker has answered. Raises KafkaError or OSError when none does."""
        if self._connection is not None and self._connection.connected():
            try:
                await self._connection.send(ApiVersionRequest())
            except (KafkaError, OSError):
                self.close()
            else:
                return
        failure: KafkaError | OSError | None = None
        for host, port, _ in self._hosts:
            try:
                # A new connection asks a first question by itself.
                self._connection = await create_conn(host, port, **self._options)
            except (KafkaError, OSError) as error:
                failure = error
            else:
                return
        raise failure or OSError("no broker is named")

    def close(self) -> None:
        """Close what is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
