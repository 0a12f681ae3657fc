"""Programs of Node with the packages of tests/support/node: fetched once into .tools, by the machine's own npm and its settings.

The lock file names no registry (`npm install --package-lock-only --omit-lockfile-registry-resolved` writes it anew after a
change of package.json); npm compares what it fetches with the hashes in it.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pakn.local.launcher import TOOLS

MANIFEST = Path(__file__).parent / "node"
_OLDEST_NODE = 20
_FETCH_SECONDS = 240


class NodeIsMissing(Exception):
    """Node or npm is not on this machine, is too old, or could not fetch the packages; the text says which."""


@dataclass(frozen=True)
class NodePackages:
    """The folder that holds `node_modules`."""

    folder: Path

    def link(self, workspace: Path) -> None:
        """Let programs in the folder `workspace` import the packages."""
        (workspace / "node_modules").symlink_to(self.folder / "node_modules", target_is_directory=True)

    def tool(self, name: str) -> str:
        """The path of a package's command, such as `tsc`."""
        return str(self.folder / "node_modules" / ".bin" / name)

    def run(self, program: Path, workspace: Path, *arguments: object, seconds: float = 120) -> str:
        """What a program prints that is copied into `workspace` and run to its end; raises AssertionError with its errors."""
        if not (workspace / "node_modules").exists():
            self.link(workspace)
        command = ["node", str(shutil.copy(program, workspace)), *map(str, arguments)]
        run = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=seconds, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


def fetch_packages(tools: Path = TOOLS) -> NodePackages:
    """The packages, fetched the first time; raises NodeIsMissing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NodeIsMissing(f"Node {_OLDEST_NODE} or newer with npm is not on this machine")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST_NODE:
        raise NodeIsMissing(f"Node is {version} on this machine, and {_OLDEST_NODE} or newer is needed")
    files = [MANIFEST / "package.json", MANIFEST / "package-lock.json"]
    folder = tools / f"npm-{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"
    if not folder.exists():
        # Moved into place whole: a run that was cut short is done again, and two at once do not mix.
        part = tools / f"{folder.name}.{os.getpid()}"
        part.mkdir(parents=True)
        try:
            for file in files:
                shutil.copy(file, part)
            # Packages' own programs do not run on installing.
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            run = subprocess.run(command, cwd=part, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
            if run.returncode:
                raise NodeIsMissing(f"npm could not fetch the packages: {run.stderr.strip()[:300]}")
            if not folder.exists():
                part.rename(folder)
        except subprocess.TimeoutExpired:
            raise NodeIsMissing(f"npm did not fetch the packages within {_FETCH_SECONDS} seconds") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return NodePackages(folder)
