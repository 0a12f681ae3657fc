"""Whoever reads Kafka reads it as the services do: a consumer made by hand unfolds what comes, and reads what was taken back."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_one_file_makes_consumers() -> None:
    """An audit or a replay that a portal's record can end is of no use on the day it is needed."""
    files = [file for folder in ("pakn", "services") for file in (ROOT / folder).rglob("*.py")]
    makers = {file.relative_to(ROOT).as_posix() for file in files if "AIOKafkaConsumer(" in file.read_text(encoding="utf-8")}
    assert makers == {"pakn/engine/kafka.py"}
