"""What processes have used, read from Linux's /proc: processor time and peak memory; and what machine this is.

`engine.py` and `floor.py` take the difference of two readings. Elsewhere than on Linux the figures are left out.
"""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_LIBRARIES = ("aiokafka", "pymongo", "faststream", "pydantic", "litestar", "uvicorn")
# Servers that the launcher started are children of this process; what their command line holds tells which is which.
_SERVERS = {"kafka": "kafka.Kafka", "mongo": "--port"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor milliseconds so far and the peak of memory in MiB, by name of process."""

    cpu_ms: Mapping[str, float]
    peak_mib: Mapping[str, float]

    def since(self, before: "Usage") -> "Usage":
        """What was used after `before`; peaks are those of the whole life."""
        return Usage({name: ms - before.cpu_ms.get(name, 0) for name, ms in self.cpu_ms.items()}, self.peak_mib)


def read(pids: Mapping[str, int]) -> Usage:
    """The usage of these processes, all their threads included; one that is gone is left out."""
    cpu, peak = {}, {}
    for name, pid in pids.items():
        try:
            # The second field is the program's name in brackets, which may hold spaces.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            status = (PROC / str(pid) / "status").read_text()
        except OSError:
            continue
        cpu[name] = (int(fields[11]) + int(fields[12])) * 1000 / _TICKS
        peak[name] = next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
    return Usage(cpu, peak)


def server_pids() -> dict[str, int]:
    """The servers that run as children of this process: none of them when they were started elsewhere."""
    found: dict[str, int] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if parent == os.getpid():
            found |= {name: int(folder.name) for name, mark in _SERVERS.items() if mark in command}
    return found


def machine() -> dict[str, Any]:
    """What this runs on, for whoever compares figures."""
    info = (PROC / "cpuinfo").read_text() if (PROC / "cpuinfo").exists() else ""
    memory = (PROC / "meminfo").read_text() if (PROC / "meminfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")
    total = next((int(line.split()[1]) / 2**20 for line in memory.splitlines() if line.startswith("MemTotal")), 0.0)
    return {
        "cores": os.cpu_count(),
        "processor": model or platform.processor(),
        "memory_gib": round(total, 1),
        "system": platform.platform(terse=True),
        "python": sys.version.split()[0],
        "libraries": {name: version(name) for name in _LIBRARIES},
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
