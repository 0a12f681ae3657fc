"""What `pakn up` tells another terminal, and which rights in MongoDB each login has."""

import subprocess
from pathlib import Path

import pytest

from pakn.local import stack
from pakn.local.launcher import KAFKA, MONGO, Servers
from pakn.local.mongo_process import ADMIN, MongoServer
from pakn.operations.mongo_access import roles_of
from pakn.operations.rights import EXPORTER, OPERATOR, Login
from schemas.topics import SERVICES


def test_a_terminal_is_told_where_the_password_lies_and_not_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal shows is copied into reports and chats."""
    monkeypatch.delenv("PAKN_INTAKE__SECRET_KEY", raising=False)
    server = MongoServer(tmp_path / "data of mine", Path("/usr/bin/mongod"))
    password = server.environment["PAKN_MONGO__PASSWORD"]
    lines = list(stack._exports(Servers({MONGO: server}, {KAFKA: "kafka.example:9092"}, ""), tmp_path))
    assert password not in "\n".join(lines)
    told = [f"export {line}" for line in lines if "INTAKE" not in line]
    shell = "\n".join([*told, 'echo "$PAKN_MONGO__USERNAME $PAKN_MONGO__PASSWORD"'])
    assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout == f"{ADMIN} {password}\n"
    assert server.secret_files["PAKN_MONGO__PASSWORD"].stat().st_mode & 0o077 == 0


def test_a_service_has_its_own_database_an_operator_all_four_and_nobody_else_any() -> None:
    def databases(login: Login) -> list[str]:
        assert {role["role"] for role in roles_of(login, "pakn")} <= {"readWrite"}
        return [role["db"] for role in roles_of(login, "pakn")]

    for service in SERVICES:
        assert databases(Login("service", service)) == [f"pakn_{service}"]
    assert databases(OPERATOR) == [f"pakn_{service}" for service in SERVICES]
    assert databases(EXPORTER) == databases(Login("portal", "cdvcqg")) == databases(Login("agency", "intake")) == []
