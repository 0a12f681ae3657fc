"""A run of the tests says what it ran on and what it left out."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_on_servers(servers):
    print("captured")

@pytest.mark.skip(reason="no three brokers here")
def test_left_out():
    pass
"""


def test_a_run_says_on_which_servers_it_is_and_why_it_skips(tmp_path: Path) -> None:
    """What a fixture prints is captured: for months nobody saw which database the tests had run on."""
    (tmp_path / "test_some.py").write_text(TESTS)
    environment = {"PAKN_KAFKA__BOOTSTRAP": "kafka.example:9092", "PAKN_MONGO__URI": "mongodb://user:word@mongo.example/x"}
    environment |= {"TEST_STACK": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = [word for name in ("pytest_asyncio", "pytest_timeout", "tests.conftest") for word in ("-p", name)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, tmp_path],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert [line for line in lines if line.startswith("Test servers: ")] == [
        "Test servers: Kafka at kafka.example:9092 (PAKN_KAFKA__BOOTSTRAP); MongoDB at mongo.example (PAKN_MONGO__URI)"
    ]
    assert [line for line in lines if "SKIPPED" in line and "no three brokers here" in line]
    assert "captured" not in run.stdout


def test_a_whole_run_has_every_folder_of_tests_once() -> None:
    """Tests without servers run on all processors, and the others behind them: a new folder would be in neither run."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    named = [name for line in lines if line.startswith(("UNSERVED :=", "SERVED :=")) for name in line.split()[2:]]
    assert sorted(named) == sorted(
        {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in ROOT.glob("tests/**/test_*.py")}
    )
