"""Legal situations, each a file of `tests/unit/deadlines/scenarios/` that a lawyer can read, correct and add to without code.

A file has a `title`, the `law` in one line, the `pack`, and `steps` in the order of time: what happened on which local day,
and what is expected. `answered-in-time.yaml` is the one to begin from; a word that is not known is answered with those that are.
"""

from pathlib import Path

import pytest

from pakn.packs.files import read_yaml
from tests.support.scenario_play import CannotPlay, Play

FOLDER = Path(__file__).parent / "scenarios"
FILES = sorted(file.name for file in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[name.removesuffix(".yaml") for name in FILES])
def test_the_clocks_go_as_the_scenario_says(file: str) -> None:
    Play(read_yaml(FOLDER, file)).run()


GOOD = """\
title: t
law: l
pack: vn
steps:
  - sent: {on: 2026-03-02, to: gia-lai}
  - time passes until: 2026-03-24
  - expect: {clock: handle_reply, due: 2026-03-23, fires: [2026-03-24 overdue handle_reply]}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("title: t", "titel: t", "s.yaml:1: `titel` is not known here; known are: title, law, pack"),
        ("law: l\n", "", "s.yaml:1: `law` is missing"),
        ("pack: vn", "pack: vm", "s.yaml:3: `vm` is not known here; known are: vn"),
        ("- sent:", "- send:", "s.yaml:5: `send` is not known here; known are: sent, accepted, refused"),
        ("to: gia-lai", "too: gia-lai", "s.yaml:5: `too` is not known here; known are: on, at, to"),
        (", to: gia-lai", "", "s.yaml:5: `to` is missing"),
        ("to: gia-lai", "to: gialai", "s.yaml:5: `gialai` is not known here; known are: bo-noi-vu"),
        ("on: 2026-03-02", "on: 02/03/2026", "s.yaml:5: `02/03/2026` is not a day; write it as 2026-03-02"),
        ("on: 2026-03-02", "on: 2026-03-02, at: 23:59", "s.yaml:5: `23:59` would be read as the number 1439"),
        ("until: 2026-03-24", "until: 2026-03-01", "s.yaml:6: 2026-03-01 comes before the step above"),
        ("until: 2026-03-24", "until: 2026-02-30", "s.yaml:6: '2026-02-30' is not valid"),
        ("clock: handle_reply", "clock: reply", "s.yaml:7: `reply` is not known here; known are: refuse, request_more"),
        ("clock: handle_reply, ", "", "s.yaml:7: `clock` is missing"),
        ("due: 2026", "ends: 2026", "s.yaml:7: `ends` is not known here; known are: clock, agency, due, state"),
        ("due: 2026-03-23", "state: closed", "s.yaml:7: `closed` is not known here; known are: open, late, met, cancelled"),
        ("24 overdue", "24 over", "s.yaml:7: `over` is not known here; known are: warning, overdue, progress"),
        ("fires: [2026-03-24 overdue", "facts: [DeadlineMissed", "s.yaml:7: `DeadlineMissed` is not known here"),
    ],
)
def test_a_word_that_means_nothing_is_named_with_its_file_and_line_and_the_known_ones(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    """A misspelt word once read would be an expectation that nobody checks."""
    (tmp_path / "s.yaml").write_text(GOOD.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises((CannotPlay, AssertionError)) as caught:
        Play(read_yaml(tmp_path, "s.yaml")).run()
    assert said in str(caught.value)


def test_a_scenario_that_expects_nothing_or_something_else_fails(tmp_path: Path) -> None:
    for text, said in ((GOOD[: GOOD.index("  - expect")], "nothing is expected"), (GOOD, "s.yaml:7: fires")):
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        with pytest.raises((CannotPlay, AssertionError), match=said):
            Play(read_yaml(tmp_path, "s.yaml")).run()
