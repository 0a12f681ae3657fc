"""`python -m tests.support.deadly_service SERVICE`: as `pakn run`, but a record that says so ends the process as a kill does."""

import os
import signal
import sys
from typing import Any

from pakn.__main__ import cli
from pakn.engine.tolerant_records import TolerantRecords
from pakn.engine.turn import Turn

HANDLED, UNPACKED = "kills while it is handled", "kills while it is unpacked"


def _die_of(text: str, data: bytes | None) -> None:
    if data is not None and text.encode() in data:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parse, next_batch = Turn.parse, TolerantRecords.next_batch

    def deadly_parse(turn: Turn, record: Any) -> Any:
        _die_of(HANDLED, record.value)
        return parse(turn, record)

    def deadly_unpacking(records: Any) -> Any:
        _die_of(UNPACKED, bytes(records._next_slice or b""))
        return next_batch(records)

    Turn.parse = deadly_parse  # type: ignore[method-assign]
    TolerantRecords.next_batch = deadly_unpacking  # type: ignore[method-assign]
    cli(["run", sys.argv[1]])


if __name__ == "__main__":
    main()
