"""Which message is a bounce; one that is crafted costs only itself, and only a moment."""

import resource
from pathlib import Path

import pytest

from services.notify.bounces import parser
from services.notify.bounces.reader import BounceReader
from tests.support.bounces import bounce, enclosed, nested, slow

LETTER = "<01890a5d-ac96-774b-bcce-000000000001.0123456789abcdef0123456789abcdef@pakn.example>"
BOUNCE = bounce("A@example.org", LETTER)
FOUND = (LETTER[1:37], LETTER[38:70], {"a@example.org"})
CREDULOUS = """
import sys
while size := sys.stdin.buffer.read(4):
    exec(sys.stdin.buffer.read(int.from_bytes(size, "big")))
    print('["l.t", ["a"]]', flush=True)
"""


async def test_a_bounce_names_its_letter_and_its_addresses() -> None:
    assert await BounceReader("pakn.example").read([BOUNCE, b"", BOUNCE]) == [FOUND, None, FOUND]
    assert await BounceReader("other.example").read([BOUNCE]) == [None]


@pytest.mark.parametrize("content", [nested(LETTER), enclosed(LETTER)], ids=["parts", "messages"])
def test_parts_within_parts_are_no_bounce_and_no_error(content: bytes) -> None:
    """A RecursionError once ended notify, at each start anew: everybody can write to the mailbox."""
    assert parser.read(content, "pakn.example") is None


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n\n", b"Message-ID: <00000000-0000-0000-0000-000000000000@pakn.example>\n\nx"])
def test_what_is_no_bounce_is_read_as_none(content: bytes) -> None:
    assert parser.read(content, "pakn.example") is None


def program_giving(folder: Path, seconds: float) -> str:
    """The parser's program, with so many seconds of the processor for a message."""
    source, wanted = Path(parser.__file__).read_text(), f"_CPU_SECONDS = {parser._CPU_SECONDS}"
    assert wanted in source
    (folder / "parser.py").write_text(source.replace(wanted, f"_CPU_SECONDS = {seconds}"))
    return str(folder / "parser.py")


@pytest.mark.parametrize("kind", slow(LETTER))
async def test_a_message_that_holds_the_parser_up_costs_only_itself(kind: str, tmp_path: Path) -> None:
    """One message took up to 36 seconds, a look 200 of them, and everything else in the process waited for its turn meanwhile."""
    assert parser._CPU_SECONDS <= 2
    of_a_message, before = 0.5, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    reader = BounceReader("pakn.example", seconds=120, program=program_giving(tmp_path, of_a_message))
    assert await reader.read([BOUNCE, slow(LETTER)[kind], BOUNCE]) == [FOUND, None, FOUND]
    taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert of_a_message / 2 < taken < of_a_message + 8, "a message has so much of the processor, and the child is started twice"


@pytest.fixture
def credulous(tmp_path: Path) -> str:
    """A parser that runs what stands in a message, as one with a fault may."""
    (tmp_path / "parser.py").write_text(CREDULOUS)
    return str(tmp_path / "parser.py")


async def test_a_message_that_ends_its_process_costs_only_itself(credulous: str) -> None:
    crafted = [b"import os; os.abort()", b"b'x' * 2**29", b"raise SystemExit(0)"]
    assert await BounceReader("pakn.example", seconds=60, program=credulous).read([crafted[0], b"pass", *crafted[1:], b"pass"]) == [
        None,
        ("l", "t", {"a"}),
        None,
        None,
        ("l", "t", {"a"}),
    ]


async def test_a_look_ends_in_time_and_what_was_not_read_comes_with_the_next(credulous: str) -> None:
    """Bounces are not to be lost because others had the processor; and a message that alone takes all the time is no bounce."""
    stuck, hurried = b"import time; time.sleep(60)", BounceReader("pakn.example", seconds=2, program=credulous)
    assert await hurried.read([b"pass", b"pass", stuck, b"pass"]) == [("l", "t", {"a"})] * 2
    assert await hurried.read([stuck, b"pass"]) == [None]
