"""A MongoDB, or what stands in for it in development, as a child process."""

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pymongo
import pymongo.errors

from pakn.local import child_process
from pakn.local.kept_secrets import kept_secret

_SET_NAME = "pakn"
_ALREADY_INITIALIZED, _USER_EXISTS = 23, 51003
ADMIN = "admin"
"""The super user of a database that is started here; all other users are made by `pakn provision`."""


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
        self.password_file = folder / "mongo-admin.password"
        self._data, self._program, self._wanted_port, self._port = folder / f"mongo-{self.name}", program, port, 0
        self._asks_for_logins = True

    @property
    def address(self) -> str:
        """Acknowledged means on disk, at a majority. `secantusd-py` slows down with every retryable write, so it gets none."""
        retry = "&retryWrites=false" if self.name == "secantusd-py" else ""
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true&w=majority&journal=true{retry}"

    @property
    def environment(self) -> dict[str, str]:
        """The super user's settings; the password was made at the first start and is kept beside the data."""
        return {
            "PAKN_MONGO__URI": self.address,
            "PAKN_MONGO__USERNAME": ADMIN,
            "PAKN_MONGO__PASSWORD": kept_secret(self.password_file),
        }

    @property
    def secret_files(self) -> dict[str, Path]:
        """The super user's password."""
        return {"PAKN_MONGO__PASSWORD": self.password_file}

    @property
    def description(self) -> str:
        stand_in = "" if self.name == "mongod" else " (stands in for MongoDB, development only)"
        return f"{self.name}{stand_in} started on 127.0.0.1:{self._port}"

    def start(self) -> None:
        """Like every server. `secantusd-py` lets nobody in without a login, so its first user is made before it asks for any."""
        has_users = self._data / "has-users"
        if self.name == "secantusd-py" and not has_users.exists():
            self._asks_for_logins = False
            super().start()
            # What it has acknowledged is on disk; its own way to end takes two seconds.
            self.kill()
            self._asks_for_logins = True
        super().start()
        has_users.touch()

    def prepare(self) -> list[str]:
        self._port = self._wanted_port or child_process.free_ports(1)[0]
        self._data.mkdir(parents=True, exist_ok=True)
        if self.name == "mongod":
            # A key file makes a replica set ask for logins; its members would know each other by it.
            key = self._data.with_name("mongo-members.key")
            kept_secret(key)
            place = ["--bind_ip", "127.0.0.1", "--dbpath", str(self._data), "--replSet", _SET_NAME, "--keyFile", str(key)]
            place += ["--wiredTigerCacheSizeGB", "0.5"]
        else:
            # Without --sync-on-commit both lose acknowledged writes on kill -9.
            place = ["--host", "127.0.0.1", "--storage-path", str(self._data), "--sync-on-commit", "--cache-size", "512M"]
            place += ["--auth"] if self._asks_for_logins else []
        return [str(self._program), "--port", str(self._port), *place]

    def answers(self) -> bool:
        """Whether the super user may log in and the server takes writes; a new one gets its set and its super user first."""
        try:
            if self._asks_for_logins:
                with contextlib.suppress(pymongo.errors.OperationFailure), self._client(logged_in=True) as client:
                    if self.name == "mongod" and not _is_primary(client):
                        self._form_set(client)
                    # A hello needs no login.
                    client.admin.command("usersInfo")
                    return _is_primary(client)
            with self._client(logged_in=False) as client:
                if self.name == "mongod" and not _is_primary(client):
                    self._form_set(client)
                if not _is_primary(client):
                    return False
                # As long as there is no user, whoever is on this machine may make the first one.
                self._give_super_user(client)
            return not self._asks_for_logins
        except (pymongo.errors.ConnectionFailure, pymongo.errors.OperationFailure):
            # Not yet. What keeps it from ever being ready stands in its log, which is shown when the time is over.
            return False

    def _client(self, *, logged_in: bool) -> pymongo.MongoClient[dict[str, Any]]:
        login: dict[str, Any] = {"username": ADMIN, "password": kept_secret(self.password_file)} if logged_in else {}
        return pymongo.MongoClient(self.address, serverSelectionTimeoutMS=500, connectTimeoutMS=500, **login)

    def _give_super_user(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        password = kept_secret(self.password_file)
        try:
            client.admin.command("createUser", ADMIN, pwd=password, roles=["root"])
        except pymongo.errors.OperationFailure as refusal:
            # A start that was cut short made it before.
            if refusal.code != _USER_EXISTS:
                raise
            client.admin.command("updateUser", ADMIN, pwd=password)

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


def _is_primary(client: pymongo.MongoClient[dict[str, Any]]) -> bool:
    return bool(client.admin.command("hello").get("isWritablePrimary"))
