"""A process whose event loop stands still ends by itself, and says where it stood."""

import subprocess
import sys

_PROGRAM = """
import asyncio, time
from pakn.engine import standstill

def a_record_that_takes_all_time():
    time.sleep({seconds})

async def main():
    watching = asyncio.create_task(standstill.watch({bound}))
    await asyncio.sleep(0)
    a_record_that_takes_all_time()
    watching.cancel()
    print("went on")

asyncio.run(main())
"""


def run(seconds: float, bound: float) -> subprocess.CompletedProcess[str]:
    program = _PROGRAM.format(seconds=seconds, bound=bound)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_a_process_that_stands_still_ends_and_says_where_it_stood() -> None:
    ended = run(seconds=50, bound=0.5)
    assert ended.returncode != 0
    assert "a_record_that_takes_all_time" in ended.stderr


def test_a_process_that_goes_on_does_not_end() -> None:
    went_on = run(seconds=0.1, bound=30)
    assert (went_on.returncode, went_on.stdout) == (0, "went on\n")
