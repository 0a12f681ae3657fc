"""Loads and checks a jurisdiction: a `Pack`, or one `PackError` that lists every fault at once."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pakn.packs.checks import Documents, cross_faults
from pakn.packs.files import PackFault, PackFile, Position, read_csv, read_text, read_yaml
from pakn.packs.letters import Letters
from pakn.packs.models import Agency, Calendar, Category, Header, Portal, Routing, Rule, RuleSet
from pakn.packs.open311 import Open311, PublicField
from pakn.packs.part import Part

PACKS: Final = Path(__file__).resolve().parents[2] / "packs"
"""Where packs are looked for by name: the folder beside this package, in the source tree and when installed."""


class PackError(ValueError):
    """The pack cannot be used; `faults` are all that is wrong with it. Nothing helps but correcting the files."""

    def __init__(self, pack: str, faults: Iterable[PackFault]) -> None:
        self.pack = pack
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Pack(Part):
    """A whole jurisdiction. `templates` holds the text of each file in letters/, by its name."""

    header: Header
    categories: tuple[Category, ...]
    agencies: tuple[Agency, ...]
    routing: Routing
    rule_sets: tuple[RuleSet, ...]
    calendar: Calendar
    letters: Letters
    templates: Mapping[str, str]
    open311: Open311 | None = None

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def public(self) -> tuple[PublicField, ...]:
        """What senders wrote that anybody may read of a case, in lists and beside similar ones; nothing by default."""
        return self.open311.public if self.open311 else ()

    @cached_property
    def _agencies(self) -> dict[str, Agency]:
        return {agency.id: agency for agency in self.agencies}

    @cached_property
    def public_contacts(self) -> tuple[str, ...]:
        """The phone numbers and mail addresses of agencies, which anybody may read."""
        return tuple(contact for row in self.agencies for contact in (row.phone, row.email) if contact)

    def agency(self, id: str) -> Agency:
        """The agency with this id, ended or not; KeyError where the pack has none."""
        return self._agencies[id]

    def portal(self, id: str | None) -> Portal | None:
        """The portal with this id, where the pack has one."""
        return next((portal for portal in self.header.portals if portal.id == id), None)

    def agencies_not_ended(self, today: date) -> tuple[Agency, ...]:
        """The agencies that work on `today` or will begin later, in the pack's order: each needs its topics."""
        return tuple(a for a in self.agencies if a.valid_to is None or a.valid_to >= today)

    def agency_on(self, id: str, day: date) -> Agency:
        """The body that answers for `id` on `day`: itself, or the successor of a body that has ended, however often.

        A body that has not begun on `day` is returned as it is: the sender named it and no other answers for it.
        Raises KeyError where the pack has no such agency.
        """
        agency = self.agency(id)
        while agency.valid_to is not None and agency.valid_to < day and agency.successor is not None:
            agency = self.agency(agency.successor)
        return agency

    def limit(self, rule: Rule, category: str, agency: str) -> int:
        """How many `rule.limit.unit` the agency has for a feedback of that category: the shortest that applies."""
        limit = rule.limit
        general = limit.by_category.get(category, limit.n)
        return min(general, limit.by_agency.get(agency, general))


class _Categories(BaseModel, frozen=True, extra="forbid"):
    categories: tuple[Category, ...]


class _RuleSets(BaseModel, frozen=True, extra="forbid"):
    rule_sets: tuple[RuleSet, ...]


class _Files(BaseModel):
    """The files of a pack by their names in `Documents`."""

    pack: Header
    categories: _Categories
    agencies: tuple[Agency, ...]
    routing: Routing
    rules: _RuleSets
    calendar: Calendar
    letters: Letters
    open311: Open311 | None = None


def load_pack(name_or_path: str | Path, calendar_file: Path | None = None) -> Pack:
    """The pack in `packs/<name>/`, or in the folder at a path; raises PackError with every fault, by file and line.

    `calendar_file` stands in for the pack's own calendar, and is checked with the rest of the pack as that one is.
    """
    folder = _find(name_or_path)
    faults: list[PackFault] = []
    templates: dict[str, str] = {}
    for file in sorted((folder / "letters").glob("*.j2")):
        text, unreadable = read_text(folder, f"letters/{file.name}")
        faults.extend(unreadable)
        templates[file.name] = text if text is not None else "unreadable"
    documents = Documents(
        pack=read_yaml(folder, "pack.yaml"),
        categories=read_yaml(folder, "categories.yaml"),
        agencies=read_csv(folder, "agencies.csv", dates=("valid_from", "valid_to")),
        routing=read_yaml(folder, "routing.yaml"),
        rules=read_yaml(folder, "rules.yaml"),
        calendar=read_yaml(calendar_file.parent, calendar_file.name) if calendar_file else read_yaml(folder, "calendar.yaml"),
        letters=read_yaml(folder, "letters.yaml"),
        templates=templates,
        open311=read_yaml(folder, "open311.yaml") if (folder / "open311.yaml").exists() else None,
    )
    files = _parse(documents, faults)
    faults.extend(cross_faults(documents))
    if files is None or faults:
        raise PackError(str(name_or_path), faults)
    return Pack.model_construct(
        header=files.pack,
        categories=files.categories.categories,
        agencies=files.agencies,
        routing=files.routing,
        rule_sets=files.rules.rule_sets,
        calendar=files.calendar,
        letters=files.letters,
        templates=templates,
        open311=files.open311,
    )


def _find(name_or_path: str | Path) -> Path:
    for folder in (PACKS / name_or_path, Path(name_or_path)):
        if (folder / "pack.yaml").is_file():
            return folder
    known = ", ".join(sorted(file.parent.name for file in PACKS.glob("*/pack.yaml"))) or "none"
    what = f"no such pack; give a folder or one of: {known}"
    raise PackError(str(name_or_path), [PackFault(f"{name_or_path}/pack.yaml", 1, what)])


def _parse(documents: Documents, faults: list[PackFault]) -> _Files | None:
    """The documents as their models; None, and each fault of their reading and shape added to `faults`, where there is any."""
    read = {name: document for name, document in documents._asdict().items() if isinstance(document, PackFile)}
    for document in read.values():
        faults.extend(document.faults)
    try:
        return _Files.model_validate({name: document.data for name, document in read.items()})
    except ValidationError as error:
        details = error.errors(include_url=False)
        around = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
        for detail in details:
            document = read[str(detail["loc"][0])]
            # A list whose only item is wrong is also called too short: only what is inside is the fault.
            if document.data is not None and detail["loc"] not in around:
                faults.append(_fault_of_shape(document, detail["loc"][1:], detail))
        return None


def _fault_of_shape(document: PackFile, place: Position, detail: Mapping[str, Any]) -> PackFault:
    # Pydantic marks a fault in a mapping's key by "[key]" after it.
    name = ".".join(step for step in place if isinstance(step, str) and step != "[key]") or "the file"
    given = repr(detail["input"])
    given = given if len(given) <= 40 else given[:37] + "..."
    match detail["type"]:
        case "missing":
            what = f"`{name}` is missing; add it"
        case "extra_forbidden":
            what = f"`{name}` is not known here; remove it or correct its spelling"
        case "literal_error":
            what = f"`{name}` is {given}; use one of {detail['ctx']['expected']}"
        case "string_pattern_mismatch":
            what = f"`{name}` is {given}; it must match {detail['ctx']['pattern']}"
        case "tuple_type" | "list_type":
            what = f"`{name}` is {given}; write a list"
        case "model_type" | "dict_type" | "mapping_type":
            what = f"`{name}` is {given}; write names with values, as in the other packs"
        case _:
            what = f"`{name}` is {given}: {detail['msg'][0].lower()}{detail['msg'][1:]}; correct it"
    return document.fault(place, what)
