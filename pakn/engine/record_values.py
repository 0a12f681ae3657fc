"""What the value of a record may cost to read."""

from pakn.engine.kafka import MAX_RECORD_BYTES
from pakn.errors import GiveUp

# Lawful texts have a third of it if they consist of commas. 8 MB of `[],[],` take a gigabyte and five seconds to read.
MAX_JSON_MARKS = 60_000


def check_size(value: bytes | None) -> None:
    """Raises GiveUp for a value that would take more memory and time to parse than any lawful one; nothing is parsed."""
    if value is None:
        return
    if len(value) > MAX_RECORD_BYTES:
        raise GiveUp("invalid", f"the value has {len(value)} bytes; no topic takes more than {MAX_RECORD_BYTES}")
    if (marks := sum(map(value.count, (b"[", b"{", b",")))) > MAX_JSON_MARKS:
        raise GiveUp("invalid", f"the value has {marks} brackets, braces and commas; at most {MAX_JSON_MARKS} are read")
