"""Clients that others' generators make of the OpenAPI document: a sender's whole life by each, on a running intake."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pakn.contracts import files
from tests.support import validators
from tests.support.node_packages import NodePackages
from tests.support.serving import serving
from tests.support.system import System

PROGRAMS = Path(__file__).resolve().parents[1] / "support" / "clients"
OPENAPI = files.FOLDER / "openapi.json"


def run(command: list[Any], workspace: Path) -> str:
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def live_through(system: System, program: list[Any], workspace: Path) -> None:
    """A feedback is submitted with files, looked up, supplemented with a file, answered and rated by this program."""

    async def act(name: str, *case: str) -> Any:
        command = [*program, address, name, *case]
        return json.loads(await asyncio.to_thread(run, command, workspace))

    async with serving(system.services["intake"].app) as address:
        sent = await act("submit")
        assert (sent["same"], sent["where"]) == (True, f"/v1/feedback/{sent['code']}")
        assert {"category: too_short", "sender.name: missing"} & {*sent["refused"]}
        case, about = (sent["code"], sent["lookup_secret"]), {"subject": sent["feedback_id"]}
        await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", **about)
        await system.post.act("gia-lai", sent["feedback_id"], "request_more", question="Ở đoạn nào?")
        await system.shows(sent, "waiting_for_supplement")
        seen = await act("lookUp", *case)
        assert (seen["state"], seen["names"]) == ("waiting_for_supplement", ["Đơn kiến nghị.pdf"] * 2)
        assert (seen["text"], seen["hidden"]) == ("%PDF-1.4\n%%EOF\n", True)
        assert await act("supplement", *case) == {"state": "supplemented"}
        await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", count=2, **about)
        for name, actor, more in (("accept", "cb1", {}), ("reply", "cb1", {"reply": "Đã sửa"}), ("publish", "cb2", {})):
            await system.post.act("gia-lai", sent["feedback_id"], name, actor, **more)
        await system.shows(sent, "published")
        assert await act("rate", *case) == {"satisfied": True}
        await system.observer.wait("FeedbackRated", **about, satisfied=True)


async def test_a_client_for_typescript_compiles_strictly_and_sends_files(
    system: System, node_packages: NodePackages, tmp_path: Path
) -> None:
    """Defaults made fields required, files were text, and what a form must hold could not be said without a cast."""
    node_packages.link(tmp_path)
    shutil.copy(PROGRAMS / "sender.ts", tmp_path)
    make = [node_packages.tool("openapi-ts"), "--input", OPENAPI, "--output", "client", "--client", "@hey-api/client-fetch"]
    compile = [node_packages.tool("tsc"), "--strict", "--target", "es2022", "--module", "commonjs", "--outDir", "made", "sender.ts"]
    for command in (make, [*compile, "--types", "node", "--skipLibCheck"]):
        await asyncio.to_thread(run, command, tmp_path)
    await live_through(system, ["node", "made/sender.js"], tmp_path)

    # What has gone through the topics is what the schemas say, by the validators of others.
    await system.observer.all_read()
    records = [(row.name, json.loads(row.value)) for row in system.observer.records if row.value and row.name in validators.SCHEMAS]
    assert len({name for name, _ in records}) > 10
    for verdict in validators.ask(node_packages, tmp_path, records).values():
        assert [record for record, is_valid in zip(records, verdict.valid, strict=True) if not is_valid] == []


async def test_a_client_for_python_sends_files(system: System, tmp_path: Path) -> None:
    """Its forms and its answers are typed: the program checks each answer's class before it reads a field."""
    shutil.copy(PROGRAMS / "sender.py", tmp_path)
    (tmp_path / "config.yml").write_text("post_hooks: []")  # They would bring the code into a style.
    generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--config", "config.yml"]
    await asyncio.to_thread(run, [*generator, "--fail-on-warning", "--path", OPENAPI, "--output-path", "client"], tmp_path)
    await live_through(system, [sys.executable, "sender.py"], tmp_path)
