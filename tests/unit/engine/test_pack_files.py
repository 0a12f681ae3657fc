"""Files of a pack as lawyers and spreadsheets write them: one fault with file and line, and nothing read as something else."""

from datetime import date
from pathlib import Path

import pytest

from pakn.packs.files import read_csv, read_yaml

ROWS = "id,name,valid_to\ngia-lai,Gia Lai,2025-06-30\n"


def yaml_faults(folder: Path, text: str) -> list[str]:
    (folder / "a.yaml").write_text(text)
    return [str(fault) for fault in read_yaml(folder, "a.yaml").faults]


def csv_faults(folder: Path, text: str) -> list[str]:
    (folder / "a.csv").write_text(text)
    return [str(fault) for fault in read_csv(folder, "a.csv", ("valid_to",)).faults]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nn: 015\n", "a.yaml:2: `015` would be read as the number 13; write a number without leading zeros or colons"),
        ("n: 1:30\n", "a.yaml:1: `1:30` would be read as the number 90; write"),
        ("n: 0x1F\n", "a.yaml:1: `0x1F` would be read as the number 31; write"),
        ("n: 1_5\n", "a.yaml:1: `1_5` would be read as the number 15; write"),
        ("a: 1\nversion: “2027-01-26”\n", "a.yaml:2: “2027-01-26” stands in typographic quotes"),
        ("a:\n\tb: 1\n", "a.yaml:2: a tab stands here; use spaces"),
    ],
)
def test_what_yaml_would_read_as_something_else_is_one_fault(tmp_path: Path, text: str, fault: str) -> None:
    """A limit of `015` days was read as 13, and a version in typographic quotes came after every later one."""
    (found,) = yaml_faults(tmp_path, text)
    assert found.startswith(fault)


def test_text_that_only_looks_odd_is_left_as_it_is(tmp_path: Path) -> None:
    assert yaml_faults(tmp_path, "n: -15\nz: 0\nquoted: '015'\nname: Nghị định “về phản ánh” số 1\nsaid: '“quoted”'\n") == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ROWS.replace(",", ";") * 3, "a.csv:1: the cells are separated by ';'; save the file with commas"),
        (ROWS.replace("valid_to", "name"), "a.csv:1: the column 'name' stands twice; remove or rename one"),
        (ROWS + 'hue,"Huế,\n' + "x,y,\n" * 3000, "a.csv:3: a quote in this row is not closed; close it"),
        (ROWS + "hue,Huế\n", "a.csv:3: 2 cells where the header has 3; quote a cell that holds a comma"),
        ("id,name,valid_to\n,,\n", "a.csv:1: there is no row"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_fault_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    """Three thousand rows behind one open quote ended in a traceback, and semicolons in 389 faults."""
    (found,) = csv_faults(tmp_path, text)
    assert found.startswith(fault)


def test_rows_that_hold_only_commas_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    """A spreadsheet leaves both behind."""
    (tmp_path / "a.csv").write_text("\ufeff" + ROWS + ",,\n\n,,\nhue,Huế,\n")
    read = read_csv(tmp_path, "a.csv", ("valid_to",))
    assert (read.data, read.faults) == (
        [{"id": "gia-lai", "name": "Gia Lai", "valid_to": date(2025, 6, 30)}, {"id": "hue", "name": "Huế"}],
        [],
    )
    assert read.line((1,)) == 6
