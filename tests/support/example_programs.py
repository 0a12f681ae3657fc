"""The programs of docs/examples in each language, run as processes of their own against a running system."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pakn.local import child_process, kafka_process
from pakn.local.launcher import TOOLS
from pakn.settings import Settings
from tests.support.node_packages import NodePackages

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
FEEDBACK = str(EXAMPLES / "feedback.json")
_JAVA_LOCK = Path(__file__).parent / "java" / "jgo.lock.toml"
_COMPILE_SECONDS = 120
# The exit status of a Java program that Ctrl-C ends is 128 and the signal's number, whatever its hooks do.
_ENDED_BY_CTRL_C = 128 + signal.SIGINT


class CannotRun(Exception):
    """The programs of a language cannot run on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Language:
    """How programs of one language run. `portal` and `own_ids` keep the languages apart in one system."""

    name: str
    command: Callable[[str], Sequence[str | Path]]
    usage: Callable[[str], str]
    portal: str
    environment: Mapping[str, str] = field(default_factory=dict)
    stopped: int = 0


def python() -> Language:
    """The programs in Python."""
    return Language(
        "python", lambda name: (sys.executable, EXAMPLES / f"{name}.py"), lambda name: f"python {name}.py", portal="gialai-dvc"
    )


def node(packages: NodePackages) -> Language:
    """The programs in Node, which find these packages as they find those of their own folder."""
    return Language(
        "node",
        lambda name: ("node", EXAMPLES / f"{name}.js"),
        lambda name: f"node {name}.js",
        portal="danang-1022",
        environment={"NODE_PATH": str(packages.folder / "node_modules")},
    )


def java(classes: Path) -> Language:
    """The programs in Java, compiled into `classes`. Raises CannotRun."""
    compiler, program = shutil.which("javac"), shutil.which("java")
    if compiler is None or program is None:
        raise CannotRun("no JDK: no programs `java` and `javac` on the PATH (a Java runtime alone compiles nothing)")
    try:
        jars = kafka_process.class_path(kafka_process.fetch_jars(TOOLS, print, _JAVA_LOCK))
    except child_process.CannotStart as error:
        raise CannotRun(str(error)) from error
    done = child_process.run(
        [compiler, "-proc:none", "-d", str(classes), "-cp", jars, *map(str, EXAMPLES.glob("*.java"))], _COMPILE_SECONDS
    )
    assert (done.returncode, done.stderr) == (0, ""), "the programs compile without a warning"
    return Language(
        "java",
        lambda name: (
            program,
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            os.pathsep.join([str(classes), jars]),
            name.title(),
        ),
        lambda name: f"{name.title()}.java",
        portal="cdvcqg",
        stopped=_ENDED_BY_CTRL_C,
    )


def _heeds_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Programs:
    """Runs the programs of one language, each in a process of its own in `folder`, against the system that has these settings.

    `passwords` has those of logins, by what a program is given first: the id of a portal or an agency, the service of `dead`. For
    whatever is not in it a program gets a wrong one. `more` are further variables.
    """

    def __init__(self, language: Language, settings: Settings, folder: Path, passwords: Mapping[str, str], **more: str) -> None:
        address = {"KAFKA": settings.kafka.bootstrap, "NAMESPACE": settings.namespace, "PYTHONUNBUFFERED": "1"}
        self.language, self._folder, self._passwords = language, folder, passwords
        self._environment = {**os.environ, **address, **language.environment, **more}

    async def _start(self, name: str, *arguments: str) -> Process:
        password = self._passwords.get("".join(arguments[:1]), "a wrong password")
        # A run of the tests in the background of a shell ignores Ctrl-C, and would pass that on.
        return await asyncio.create_subprocess_exec(
            *self.language.command(name),
            *arguments,
            cwd=self._folder,
            env={**self._environment, "KAFKA_PASSWORD": password},
            stdout=PIPE,
            stderr=PIPE,
            preexec_fn=_heeds_ctrl_c,
        )

    async def finished(self, name: str, *arguments: str) -> str:
        """What a program prints that ends by itself."""
        process = await self._start(name, *arguments)
        printed, complaints = await asyncio.wait_for(process.communicate(), 60)
        assert (complaints.decode(), process.returncode) == ("", 0), complaints.decode()
        return printed.decode()

    async def refused(self, name: str, *arguments: str) -> str:
        """The complaint of a program that ends because of what it was given: one sentence as its last line."""
        process = await self._start(name, *arguments)
        _, complaints = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
        return complaints.decode().splitlines()[-1]

    @contextlib.asynccontextmanager
    async def running(self, name: str, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
        """What a program prints as it runs; Ctrl-C ends it after the block, and it must say what it did and nothing else."""
        process = await self._start(name, *arguments)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                yield process.stdout
                process.send_signal(signal.SIGINT)
                printed, complaints = await process.communicate()
            assert printed.decode().splitlines()[-1].startswith("Stopped; ")
            assert (complaints.decode(), process.returncode) == ("", self.language.stopped), complaints.decode()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
