"""A byte order mark, which programs of Windows write, hides nothing of what comes behind it."""

import json
from codecs import BOM_UTF8
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

import schemas
from pakn.__main__ import cli
from pakn.demo.requests import read_requests
from pakn.engine.turn import Turn
from pakn.settings import Settings
from schemas.envelope import binary_headers
from tests.support.packs import FOLDER, VN

EXAMPLES = Path(schemas.__file__).parent / "examples"


@pytest.mark.parametrize(("topic", "event"), [("inbox.cdvcqg", "PortalSubmission"), ("actions.gia-lai", "AgencyAction")])
def test_a_record_with_one_is_read(topic: str, event: str) -> None:
    turn = Turn(Settings(namespace="t"), "x", Mock(), Mock(), frozenset({event}), Mock())
    made = binary_headers(id="1", type=f"pakn.{event}.v1", source="/x", time=datetime(2026, 11, 26, tzinfo=UTC))
    headers = tuple((name, text.encode()) for name, text in made.items())
    value = (EXAMPLES / f"{event}.json").read_bytes()
    read = [
        turn.parse(
            Mock(topic=f"t.{topic}", partition=0, offset=0, timestamp=0, timestamp_type=1, key=b"k", value=text, headers=headers)
        )
        for text in (value, BOM_UTF8 + value)
    ]
    assert read[0] is not None
    assert read[1] is not None
    assert read[0].event == read[1].event


def test_a_file_of_starts_with_one_is_read(tmp_path: Path) -> None:
    starts = tmp_path / "starts.txt"
    starts.write_text("2026-08-21T10:00:00+07:00\n", encoding="utf-8-sig")
    command = ["due", "--pack", str(FOLDER), "--rule", "refuse", "--starts", str(starts), "--json"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output


def test_a_file_of_requests_with_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    row = {"ref": "1", "portal": "cdvcqg", "submitted_at": "2026-03-02T08:00:00+07:00", "attachments": [], "plan": []}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8-sig")
    assert len(read_requests(file, VN, 10)) == 1
