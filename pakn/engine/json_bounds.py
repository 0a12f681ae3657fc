"""What a document in JSON may cost to parse, counted before anything of it is parsed: the same by HTTP and by Kafka."""

from pakn.engine.kafka import MAX_RECORD_BYTES

# A lawful text has 20,000 if it consists of commas. 8 MB of `[],[],` take a gigabyte and five seconds to read.
MAX_MARKS = 25_000


def why_too_large(document: bytes | None) -> str:
    """Why a document would take more memory and time to parse than any lawful one; empty for others."""
    if document is None:
        return ""
    if len(document) > MAX_RECORD_BYTES:
        return f"it has {len(document)} bytes; at most {MAX_RECORD_BYTES} are read"
    if (marks := sum(map(document.count, (b"[", b"{", b",")))) > MAX_MARKS:
        return f"it has {marks} brackets, braces and commas; at most {MAX_MARKS} are read"
    return ""
