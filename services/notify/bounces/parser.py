"""A program of its own: finds the bounces among messages of the mailbox.

It imports nothing of ours, and is to be run as a bounded child: anybody can write to the mailbox, and a crafted message holds the
parser up or exhausts it. The domain of our Message-IDs is its argument. Each message comes as its length in four bytes (big
endian) and its bytes. What came of it goes out as a line of JSON, before the next one is read: null, or the id and the token of
the letter and the addresses.
"""

import email
import json
import re
import sys

from flufl.bounce import scan_message

_CPU_SECONDS = 2.0


def read(content: bytes, domain: str) -> tuple[str, list[str]] | None:
    """The letter (id, a point, token) that a message says came back for good, and the addresses that the mail server names.

    They are in lower case. None for anything else, and for a delay of which the server goes on trying. `domain` is that of our
    Message-IDs. Source: RFC 3464 (delivery status notifications), and the forms of older servers that `flufl.bounce` knows.
    """
    found = re.search(
        rb"^(?i:Message-ID):\s*<([0-9a-f-]{36}\.[0-9a-f]{32})@(?i:" + re.escape(domain.encode()) + rb")>", content, re.M
    )
    if found is None:
        return None
    try:
        permanent = scan_message(email.message_from_bytes(content))
        addresses = sorted({address.decode("ascii", "replace").strip("<> ").lower() for address in permanent})
    except Exception:
        # The parser and the detectors raise whatever a crafted message brings about, such as RecursionError for parts within
        # parts. Such a message is no bounce.
        return None
    return (found[1].decode(), addresses) if addresses else None


def _bound_this_message() -> None:
    """End this process unless it is called again in time."""
    if sys.platform == "win32":
        return
    import signal

    # Nobody handles the signal, so it ends the process, whatever the parser is at.
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)


def main() -> None:
    """Read messages until the input ends."""
    while size := sys.stdin.buffer.read(4):
        content = sys.stdin.buffer.read(int.from_bytes(size, "big"))
        _bound_this_message()
        print(json.dumps(read(content, sys.argv[1])), flush=True)


if __name__ == "__main__":
    main()
