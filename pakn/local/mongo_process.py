"""A MongoDB, or what stands in for it in development, as a child process."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pymongo
import pymongo.errors

from pakn.local import child_process

_SET_NAME = "pakn"
_ALREADY_INITIALIZED = 23


def find_program(tools: Path) -> Path:
    """The first of `mongod` (PATH), `secantusd-rs` (PATH or `tools`/bin), `secantusd-py` (beside this Python, or PATH).

    Raises `CannotStart` that says what to install.
    """
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    in_tools = os.pathsep.join([os.environ.get("PATH", os.defpath), str(tools / "bin")])
    found = shutil.which("mongod") or shutil.which("secantusd-rs", path=in_tools) or shutil.which("secantusd-py", path=beside)
    if found is None:
        raise child_process.CannotStart("No MongoDB found: put mongod on the PATH, or set PAKN_MONGO__URI to a running MongoDB.")
    return Path(found)


class MongoServer(child_process.ServerProcess):
    """One database server on `port` (any free one by default); its data stays in `folder` until it is removed."""

    ready_seconds = 60

    def __init__(self, folder: Path, program: Path, port: int | None = None) -> None:
        super().__init__(program.stem, folder / "logs" / "mongo.log")
        self._folder, self._program, self._wanted_port, self._port = folder, program, port, 0

    @property
    def address(self) -> str:
        """Acknowledged means on disk, at a majority. `secantusd-py` slows down with every retryable write, so it gets none."""
        retry = "&retryWrites=false" if self.name == "secantusd-py" else ""
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true&w=majority&journal=true{retry}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings by which others reach it."""
        return {"PAKN_MONGO__URI": self.address}

    @property
    def description(self) -> str:
        stand_in = "" if self.name == "mongod" else " (stands in for MongoDB, development only)"
        return f"{self.name}{stand_in} started on 127.0.0.1:{self._port}"

    def prepare(self) -> list[str]:
        self._port = self._wanted_port or child_process.free_ports(1)[0]
        data = self._folder / f"mongo-{self.name}"
        data.mkdir(parents=True, exist_ok=True)
        if self.name == "mongod":
            place = ["--bind_ip", "127.0.0.1", "--dbpath", str(data), "--replSet", _SET_NAME, "--wiredTigerCacheSizeGB", "0.5"]
        else:
            # Without --sync-on-commit both lose acknowledged writes on kill -9.
            place = ["--host", "127.0.0.1", "--storage-path", str(data), "--sync-on-commit", "--cache-size", "512M"]
        return [str(self._program), "--port", str(self._port), *place]

    def answers(self) -> bool:
        """Whether the server takes writes; a new mongod is made a replica set of one first."""
        with pymongo.MongoClient[dict[str, Any]](self.address, serverSelectionTimeoutMS=500, connectTimeoutMS=500) as client:
            try:
                hello = client.admin.command("hello")
                if self.name == "mongod" and not hello.get("isWritablePrimary"):
                    self._form_set(client)
            except (pymongo.errors.ConnectionFailure, pymongo.errors.OperationFailure):
                # Not yet. What keeps it from ever being ready stands in its log, which is shown when the time is over.
                return False
        return bool(hello.get("isWritablePrimary"))

    def _form_set(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        """Makes a new mongod a replica set of one, or tells a kept one its new port."""
        here = f"127.0.0.1:{self._port}"
        try:
            client.admin.command("replSetInitiate", {"_id": _SET_NAME, "members": [{"_id": 0, "host": here}]})
        except pymongo.errors.OperationFailure as refusal:
            if refusal.code != _ALREADY_INITIALIZED:
                raise
            config = client.admin.command("replSetGetConfig")["config"]
            if config["members"][0]["host"] != here:  # Otherwise it is being elected: ask again.
                config["members"][0]["host"], config["version"] = here, config["version"] + 1
                client.admin.command("replSetReconfig", config, force=True)
