"""The virus scanner's protocol, spoken to a small server that speaks it too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from pakn.settings import IntakeSettings
from services.intake.domain import whole_file
from services.intake.files.images import Images
from services.intake.files.scanner import INFECTED, NOT_CHECKED, Scanner, ScannerAway
from services.intake.inspection import Inspection
from tests.support.files import PDF
from tests.support.packs import VN
from tests.unit.services.test_inspection import Store

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
VIRUS = b"X5O!P%@AP"


async def clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads one INSTREAM as clamd does, and finds what has the virus's first bytes in it."""
    assert await reader.readexactly(10) == b"zINSTREAM\0"
    content = b""
    while length := int.from_bytes(await reader.readexactly(4), "big"):
        content += await reader.readexactly(length)
        if len(content) > 1_000_000:
            writer.write(b"INSTREAM size limit exceeded. ERROR\0")
            break
    else:
        writer.write(b"stream: Eicar-Test-Signature FOUND\0" if VIRUS in content else b"stream: OK\0")
    writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def busy_with_large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a PING and small files, and is never done with a large one."""
    if (await reader.readuntil(b"\0")) == b"zPING\0":
        writer.write(b"PONG\0")
    elif int.from_bytes(await reader.readexactly(4), "big") < 100:
        writer.write(b"stream: OK\0")
    else:
        await reader.read()
    writer.close()


async def without_space(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # What is closed with bytes unread is reset, and Python 3.13 then drops the answer.
    sent = b""
    while len(sent) < 15 or not sent.endswith(bytes(4)):
        sent += await reader.read(1000)
    writer.write(b"Can't create temporary file ERROR\0")
    await writer.drain()
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"x" * 100_000)
    await silent(reader, writer)


@asynccontextmanager
async def listening(answer: Answer, seconds: float = 30) -> AsyncIterator[Scanner]:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield Scanner(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", seconds)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
async def test_a_file_is_scanned_to_its_last_byte(size: int) -> None:
    async with listening(clamd) as scanner:
        assert await scanner.scan(bytes(size)) is None
        assert await scanner.scan(bytes(size) + VIRUS) == INFECTED


async def test_a_scanner_is_spoken_to_by_its_socket_too(tmp_path: Path) -> None:
    path = str(tmp_path / "clamd.ctl")
    async with await asyncio.start_unix_server(clamd, path):
        assert await Scanner(path).scan(VIRUS) == INFECTED


@pytest.mark.parametrize("answer", [silent, rude, endless])
async def test_a_scanner_that_gives_no_answer_is_away(answer: Answer) -> None:
    async with listening(answer, seconds=0.2) as scanner:
        with pytest.raises(ScannerAway):
            await scanner.scan(b"a")


async def test_what_the_scanner_does_not_look_at_whole_is_not_called_clean() -> None:
    """Such a file was tried again and again, and all that its portal sent behind it waited."""
    async with listening(clamd) as scanner:
        assert await scanner.scan(bytes(3_000_000)) == NOT_CHECKED


async def test_a_file_that_keeps_a_living_scanner_busy_is_refused_and_others_go_on() -> None:
    """One citizen's file could stop all that its portal sent behind it."""
    async with listening(busy_with_large, seconds=0.3) as scanner:
        assert await scanner.scan(bytes(100)) == NOT_CHECKED
        assert await scanner.scan(b"a") is None


def failing_on(answer: bytes) -> Answer:
    """A clamd that answers so, and ends the connection, where the virus's first bytes come."""

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        content = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
        writer.write(answer if VIRUS in content else b"stream: OK\0")
        writer.close()

    return answering


@pytest.mark.parametrize("answer", [b"stream: Can't allocate memory ERROR\0", b"stream: what?\0", b"", b"half an ans"])
async def test_a_file_on_which_a_living_scanner_fails_is_refused_and_others_go_on(answer: bytes) -> None:
    """It was taken for a scanner that is away, and the portal that had sent the file was not heard again."""
    async with listening(failing_on(answer)) as scanner:
        assert await scanner.scan(VIRUS) == NOT_CHECKED
        assert await scanner.scan(b"a") is None


async def test_a_scanner_that_ends_a_connection_once_scans_the_file_again() -> None:
    """One that restarts while a file comes is no reason to refuse the file."""
    connections = 0

    async def restarting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await (rude if connections == 1 else clamd)(reader, writer)

    async with listening(restarting) as scanner:
        assert await scanner.scan(bytes(300_000)) is None


async def test_a_scanner_that_cannot_work_is_away() -> None:
    async with listening(without_space) as scanner:
        with pytest.raises(ScannerAway, match="Can't create temporary file"):
            await scanner.scan(b"a")


async def test_a_scanner_that_was_away_is_not_waited_for_by_each_file() -> None:
    """Each file of a batch waited for half a minute, and every other party's records with it."""
    asked = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await rude(reader, writer)

    async with listening(count) as scanner:
        for _ in range(5):
            with pytest.raises(ScannerAway):
                await scanner.scan(b"a")
    assert asked == 2, "once for the file, and once to see whether it is the file"


async def test_nobody_listening_is_a_scanner_that_is_away() -> None:
    async with listening(clamd) as scanner:
        pass
    with pytest.raises(ScannerAway, match="ConnectionRefusedError"):
        await scanner.scan(b"a")


async def test_files_say_whether_they_were_scanned_and_what_is_infected_is_refused() -> None:
    sent = [whole_file("f", 0, "a.pdf", PDF), whole_file("f", 1, "b.pdf", PDF + VIRUS)]
    unscanned = await Inspection(VN, Store(), Images(10_000_000)).inspect(sent, "f")
    assert ([file.scanned for file in unscanned.files], unscanned.faults) == ([False, False], [])
    async with listening(clamd) as scanner:
        scanned = await Inspection(VN, Store(), Images(10_000_000), scanner).inspect(sent, "f")
    assert [file.scanned for file in scanned.files] == [True, False]
    assert [(fault.field, fault.code) for fault in scanned.faults] == [("attachments.1", "file_not_safe")]


@pytest.mark.parametrize("address", ["clamd", "clamd:", ":3310", "clamd:0", "clamd:x", "run/clamd.ctl"])
def test_an_address_that_is_none_stops_the_start(address: str) -> None:
    with pytest.raises(ValidationError, match="must be HOST:PORT or the path of a socket"):
        IntakeSettings(clamd=address)
    assert IntakeSettings(clamd="clamd:3310").clamd == "clamd:3310"


async def test_a_file_that_ends_the_scanner_again_and_again_is_refused_and_others_go_on() -> None:
    """It was tried for ever: each try ended the clamd that had been started anew, and nobody's files were taken."""
    ended = False

    async def fragile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        content = b"" if ended else await reader.readexactly(14)
        content += b"" if ended else await reader.readexactly(int.from_bytes(content[10:], "big"))
        ended |= VIRUS in content
        writer.write(b"" if ended else b"stream: OK\0")
        writer.close()

    async with listening(fragile) as scanner:
        for _ in range(3):
            ended, scanner._away_until = False, 0
            with pytest.raises(ScannerAway):
                await scanner.scan(VIRUS)
        ended, scanner._away_until = False, 0
        assert await scanner.scan(VIRUS) == NOT_CHECKED
        assert not ended, "it is refused unread"
        assert await scanner.scan(b"a") is None


async def test_a_scanner_that_takes_no_file_at_all_makes_no_file_a_suspect() -> None:
    async with listening(rude) as scanner:
        for _ in range(6):
            scanner._away_until = 0
            with pytest.raises(ScannerAway):
                await scanner.scan(b"a")
