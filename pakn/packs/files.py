"""Reads a pack's YAML and CSV files and remembers the line of every value.

A pack is corrected by lawyers and officers, not by programmers: a fault must name the file and the line, and all
faults must come at once. So values are read together with their places, and a broken file is a fault, not an exception.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import yaml

from schemas.composed import nfc

# The loader on libyaml is ten times as fast; the one in Python reads the same and is there where libyaml is not.
_Loader: Final = cast(type[yaml.SafeLoader], getattr(yaml, "CSafeLoader", yaml.SafeLoader))

Position = tuple[int | str, ...]
ANY: Final = "*"
"""In the pattern of `PackFile.each`: every item of a list, or every key of a mapping."""

_TYPOGRAPHIC = frozenset("“”„‟«»")
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class PackFault:
    """One thing that is wrong in a pack: `what` says what is wrong and, after a semicolon, what to do."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True)
class PackFile:
    """One file of a pack: its data, the line of each value, and the faults that reading it already showed."""

    file: str
    data: Any
    lines: dict[Position, int]
    faults: list[PackFault] = field(default_factory=list)

    def line(self, place: Position) -> int:
        """The line (from 1) of the value at `place`, or of the nearest thing around it where it is missing."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)

    def fault(self, place: Position, what: str) -> PackFault:
        """A fault at `place`; `what` reads "what is wrong; what to do"."""
        return PackFault(self.file, self.line(place), what)

    def each(self, kind: type[T], *pattern: int | str) -> Iterator[tuple[Position, T]]:
        """Every value of type `kind` whose place fits `pattern`; what has another shape is passed over.

        The cross checks use this rather than the models, so that a fault of shape hides no other fault.
        """
        for place, value in _walk(self.data, pattern, ()):
            if isinstance(value, kind):
                yield place, value


def _walk(value: Any, pattern: Position, place: Position) -> Iterator[tuple[Position, Any]]:
    if not pattern:
        yield place, value
        return
    step, rest = pattern[0], pattern[1:]
    if isinstance(value, list):
        for index, item in enumerate(value):
            if step in (ANY, index):
                yield from _walk(item, rest, (*place, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if step in (ANY, key):
                yield from _walk(item, rest, (*place, key))


def read_yaml(folder: Path, name: str) -> PackFile:
    """The document in `folder/name`; a missing or unreadable file gives empty data and one fault."""
    text, faults = read_text(folder, name)
    document = PackFile(name, None, {}, faults)
    if text is None:
        return document
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        data = _build(loader, node, (), document) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        tab = "\t" in text.splitlines()[min(line, len(text.splitlines())) - 1]
        what = "a tab stands here; use spaces" if tab else f"not valid YAML ({error.problem}); check indentation, quotes and colons"
        faults.append(PackFault(name, line, what))
        return document
    except (yaml.YAMLError, ValueError) as error:
        # A date such as 2026-02-30 fails in the date type, with no mark.
        faults.append(PackFault(name, 1, f"not readable ({error}); correct the value"))
        return document
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        faults.append(PackFault(name, 1, "the file must be a mapping of names to values; see the format of packs/vn"))
        return document
    return PackFile(name, data, document.lines, faults)


def _build(loader: yaml.SafeLoader, node: yaml.Node, place: Position, document: PackFile) -> Any:
    document.lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*place, index), document) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        if what := _misread(node):
            document.faults.append(document.fault(place, what))
            return None
        try:
            return loader.construct_object(node)
        except ValueError as error:
            # For example 2026-02-30, which looks like a date and is none.
            document.faults.append(document.fault(place, f"{node.value!r} is not valid ({error}); correct the value"))
            return None
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(PackFault(document.file, line, "a list or mapping stands as a name; use text"))
            continue
        # A name is the text that stands there: YAML 1.1 would read `on` as true and a number as a number.
        key = key_node.value
        if key in mapping:
            what = f"`{key}` is given twice; the second would hide the first, so remove one"
            document.faults.append(PackFault(document.file, line, what))
            continue
        mapping[key] = _build(loader, value_node, (*place, key), document)
        document.lines[(*place, key)] = line
    return mapping


def _misread(node: yaml.Node) -> str | None:
    """What is wrong with a plain value that YAML 1.1 would read as something else than what stands there."""
    text = str(node.value)
    if node.tag == "tag:yaml.org,2002:int" and not re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
        return f"`{text}` would be read as the number {_as_yaml_reads(text)}; write a number without leading zeros or colons"
    if not getattr(node, "style", None) and text[:1] in _TYPOGRAPHIC and text[-1:] in _TYPOGRAPHIC:
        return f"{text} stands in typographic quotes, which become part of the value; use plain ones"
    return None


def _as_yaml_reads(text: str) -> int:
    return int(yaml.safe_load(text))


def read_csv(folder: Path, name: str, dates: tuple[str, ...]) -> PackFile:
    """The rows of `folder/name` as a list of mappings; an empty cell is left out, ISO dates in `dates` are parsed.
    A column `names.en` is the key `en` of the mapping `names`.

    A header that cannot be used is one fault, however many rows there are below it.
    """
    text, faults = read_text(folder, name)
    document = PackFile(name, [], {(): 1}, faults)
    reader = csv.reader(io.StringIO(text or ""), strict=True)
    columns: list[str] = []
    begins = 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                pass
            elif not columns:
                columns = [cell.strip() for cell in cells]
                if what := _wrong_header(columns):
                    faults.append(PackFault(name, begins, what))
                    return PackFile(name, None, document.lines, faults)
            elif len(cells) != len(columns):
                what = f"{len(cells)} cells where the header has {len(columns)}; quote a cell that holds a comma"
                faults.append(PackFault(name, begins, what))
            else:
                document.lines[(len(document.data),)] = begins
                row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True) if cell.strip()}
                document.data.append(_nested({key: _parse_date(cell) if key in dates else cell for key, cell in row.items()}))
            begins = reader.line_num + 1
    except csv.Error:
        faults.append(PackFault(name, begins, "a quote in this row is not closed; close it, or double it where a quote is meant"))
        return PackFile(name, None, document.lines, faults)
    if not document.data and not faults:
        faults.append(PackFault(name, 1, "there is no row; give at least one below the header"))
    return document


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its columns such as `names.en` as one mapping `names`."""
    made: dict[str, Any] = {}
    for column, cell in row.items():
        outer, _, inner = column.partition(".")
        if inner:
            made.setdefault(outer, {})[inner] = cell
        else:
            made[column] = cell
    return made


def _wrong_header(columns: list[str]) -> str | None:
    if len(columns) == 1 and (found := next((mark for mark in ";\t|" if mark in columns[0]), None)):
        return f"the cells are separated by {found!r}; save the file with commas"
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        return f"the column {', '.join(map(repr, twice))} stands twice; remove or rename one"
    return None


def _parse_date(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text  # the model says what is wrong with it


def read_text(folder: Path, name: str) -> tuple[str | None, list[PackFault]]:
    """The text of `folder/name` in Unicode's composed form, as senders' texts are; or None and what keeps it from being read."""
    try:
        return nfc((folder / name).read_text(encoding="utf-8-sig")), []
    except FileNotFoundError:
        return None, [PackFault(name, 1, "the file is missing; add it to the pack's folder")]
    except UnicodeDecodeError as error:
        return None, [PackFault(name, 1, f"not UTF-8 (byte {error.start}); save the file as UTF-8")]
