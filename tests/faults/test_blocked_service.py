"""A service whose event loop is blocked ends, so that its supervisor starts another: nobody else would notice."""

import os
import subprocess
import sys

from pakn.local.child_process import free_ports

_PROGRAM = """
import time
from pakn.__main__ import run
from pakn.engine import watchdog
from pakn.engine.reachability import Reachability

async def a_job_that_takes_all_time(self):
    time.sleep(50)

watchdog.SECONDS = 1
Reachability.run = a_job_that_takes_all_time
run("routing", "")
"""


def test_each_service_is_watched() -> None:
    environment = os.environ | {"PAKN_HTTP__PORT": str(free_ports(1)[0])}
    command = [sys.executable, "-c", _PROGRAM]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=45, check=False, env=environment)
    assert ended.returncode != 0
    assert "a_job_that_takes_all_time" in ended.stderr
