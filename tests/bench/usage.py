"""What processes have used, read from Linux's /proc: processor time and peak memory; and what machine this is.

Elsewhere than on Linux the figures are left out.
"""

import os
import platform
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_LIBRARIES = ("aiokafka", "pymongo", "faststream", "pydantic", "litestar", "uvicorn")
# Servers that the launcher started are children of this process; what their command line holds tells which is which.
_SERVERS = {"kafka": "kafka.Kafka", "mongo": "--port"}
Figures = dict[str, Any]


class Meter:
    """Measures time and processor time of processes, all their threads included, from the moment it is made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = {**pids, **server_pids()}
        self._before = _cpu_ms(self._pids)
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._started

    def figures(self, cases: int) -> Figures:
        """What `cases` have taken; peaks of memory are those of a process's whole life. A process that is gone is left out."""
        seconds, used = self.seconds(), _cpu_ms(self._pids)
        return {
            "seconds": round(seconds, 2),
            "cases_per_second": round(cases / seconds, 1),
            "cpu_ms_per_case": {name: round((ms - self._before.get(name, 0)) / cases, 3) for name, ms in used.items()},
            "peak_mib": {name: round(peak_mib(self._pids[name])) for name in used},
        }


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had."""
    return int(_values(PROC / str(pid) / "status").get("VmHWM", "0").split()[0]) / 1024


def tree_mib(pid: int) -> float:
    """The memory of a process and all that it started, now; what they share is counted once."""
    parents = {int(folder.name): row[1] for folder in PROC.glob("[0-9]*") if (row := _stat(folder))}
    tree, grown = {str(pid)}, True
    while grown:
        more = {str(child) for child, parent in parents.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return sum(int(_values(PROC / one / "smaps_rollup").get("Pss", "0").split()[0]) for one in tree) / 1024


def _cpu_ms(pids: Mapping[str, int]) -> dict[str, float]:
    fields = {name: _stat(PROC / str(pid)) for name, pid in pids.items()}
    return {name: (int(row[11]) + int(row[12])) * 1000 / _TICKS for name, row in fields.items() if row}


def _stat(process: Path) -> list[str]:
    # The second field is the program's name in brackets, which may hold spaces.
    return _text(process / "stat").rpartition(")")[2].split()


def _values(file: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in _text(file).splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def server_pids() -> dict[str, int]:
    """The servers that run as children of this process: none of them when they were started elsewhere."""
    found: dict[str, int] = {}
    for folder in PROC.glob("[0-9]*"):
        if _stat(folder)[1:2] == [str(os.getpid())]:
            command = _text(folder / "cmdline").split("\0")
            found |= {name: int(folder.name) for name, mark in _SERVERS.items() if mark in command}
    return found


def machine() -> Figures:
    """What this runs on, for whoever compares figures."""
    return {
        "cores": os.cpu_count(),
        "processor": _values(PROC / "cpuinfo").get("model name") or platform.processor(),
        "memory_gib": round(int(_values(PROC / "meminfo").get("MemTotal", "0").split()[0]) / 2**20, 1),
        "system": platform.platform(terse=True),
        "python": sys.version.split()[0],
        "libraries": {name: version(name) for name in _LIBRARIES},
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
