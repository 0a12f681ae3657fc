"""A process whose event loop is blocked ends by itself, and says where it stood."""

import subprocess
import sys

_WATCHED = """
import asyncio, time
from pakn.engine import watchdog

def a_record_that_takes_all_time():
    time.sleep(50)

async def main():
    watching = asyncio.create_task(watchdog.watch(1))
    {life}
    watching.cancel()
    print("went on")

asyncio.run(main())
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=45, check=False)


def test_a_process_that_is_blocked_ends_and_says_where_it_stood() -> None:
    ended = run(_WATCHED.format(life="await asyncio.sleep(0); a_record_that_takes_all_time()"))
    assert ended.returncode != 0
    assert "a_record_that_takes_all_time" in ended.stderr


def test_a_process_that_goes_on_lives_longer_than_the_bound() -> None:
    went_on = run(_WATCHED.format(life="await asyncio.sleep(2.5)"))
    assert (went_on.returncode, went_on.stdout) == (0, "went on\n")
