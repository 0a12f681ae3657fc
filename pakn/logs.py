"""Logs: one JSON object a line on standard output, with the service, the case's code and the event's id where there is one.

Never a name, address, phone number, email or text of a citizen: log calls take ids, codes, counts and types only.
"""

import logging
import sys
import time
from typing import Any

import orjson
import stamina.instrumentation
import structlog
from structlog.tracebacks import ExceptionDictTransformer

_LIBRARIES = ("aiokafka", "pymongo", "httpx", "httpcore", "uvicorn", "faststream")
_QUIET_SECONDS = 10.0
# Of one library in that time, whatever it says.
_MOST_LINES = 4
_hushed: set[str] = set()


def hush(library: str, quiet: bool) -> None:
    """Let nothing of this library through while `quiet`: its server is away, which is said already."""
    (_hushed.add if quiet else _hushed.discard)(library)


class _OnceInAWhile(logging.Filter):
    """Lets each message of a library through once in ten seconds, and a few of it in all: a client that finds no broker says so
    a hundred times a second in a dozen ways, and buries what the service itself says."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}
        self._lines: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_LIBRARIES):
            return True
        if record.name.startswith(tuple(_hushed)):
            return False
        # Without its arguments, so that there are as many as the library has log calls.
        key, now = (record.name, str(record.msg)), time.monotonic()
        if key in self._said and now - self._said[key] < _QUIET_SECONDS:
            return False
        library = record.name.partition(".")[0]
        began, lines = self._lines.get(library, (now, 0))
        if now - began >= _QUIET_SECONDS:
            began, lines = now, 0
        if lines >= _MOST_LINES:
            return False
        self._said[key], self._lines[library] = now, (began, lines + 1)
        return True


def _without_messages(_logger: Any, _method: str, row: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drop the texts of exceptions: a validation error or a bulk write quotes the document that it is about."""
    waiting = list(row.get("exception") or ())
    while waiting:
        if isinstance(exception := waiting.pop(), dict):
            exception.pop("exc_value", None)
            exception.pop("exc_notes", None)
            # Of a group each exception has causes of its own.
            waiting += [inner for group in exception.get("exceptions") or () for inner in group]
    return row


def configure(service: str, level: str) -> None:
    """Send our own and the libraries' logs through one renderer, from `level` on."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Local variables hold what citizens wrote: a traceback names files and lines only.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        _without_messages,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_OnceInAWhile())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda row, default: orjson.dumps(row, default=default).decode()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Drivers speak at INFO about every connection and rebalance step; their warnings are what an operator needs.
    for noisy in _LIBRARIES:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # The library would log each failure that it repeats with its text, and that of a bulk write quotes whole documents.
    stamina.instrumentation.set_on_retry_hooks(())
    structlog.contextvars.bind_contextvars(service=service)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return log
