"""A program of its own: bounds its process, then runs another Python file in it.

It is started as `bounded_program.py MEMORY_BYTES CPU_SECONDS FILE ARGUMENT...`, and imports nothing of ours, since it starts often.
"""

import contextlib
import os
import runpy
import sys
from pathlib import Path


def _bound_this_process(memory: int, seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The requests of others come first, and where memory is short this process ends before the service does.
    os.nice(10)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _bound_this_process(int(sys.argv[1]), int(sys.argv[2]))
    del sys.argv[:3]
    runpy.run_path(sys.argv[0], run_name="__main__")
