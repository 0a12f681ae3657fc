"""Faults as a person reads them: in words of the page's language, each beside its field. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.values import Fault
from services.intake.doors.pages import questions
from services.intake.doors.pages.words import Words


class Shown(NamedTuple):
    """A fault beside the field of a form that it is about."""

    field: str
    text: str


def show(
    said: Words,
    faults: Iterable[Fault],
    values: Mapping[str, Any],
    file_names: Sequence[str] = (),
    answered: Sequence[str] = (),
    category: str = "",
) -> list[Shown]:
    """One text for each field, in the order of the faults. `values` are what texts may name, such as `title_max`.

    `answered` are the questions of the category that were answered, in the order in which they were sent.
    """
    found: dict[str, Shown] = {}
    for fault in faults:
        field = form_field(fault.field)
        if field == "answers":
            field = _question_field(fault.field, answered, category)
        name = _file_name(fault.field, file_names)
        text = said.known(f"faults.{field}.{fault.code}", "faults.any", **values)
        if f"faults.{field}.{fault.code}" not in said:
            text = said.known(f"faults.{fault.code}", "faults.any", **values)
        if name:
            text = said("faults.of_file", name=name, text=text)
        if name and field in found:
            text = f"{found[field].text} {text}"
        if name or field not in found:
            found[field] = Shown(field, text)
    return list(found.values())


def form_field(field: str) -> str:
    """The name of a form's field for that of a submission: `sender.phone` is `phone`."""
    parts = field.split(".")
    match parts:
        case ["sender", inner]:
            return inner
        case ["place", *_]:
            return "place"
        case ["attachments", *_]:
            return "attachments"
        case _:
            return parts[0]


def _question_field(field: str, answered: Sequence[str], category: str) -> str:
    index = field.split(".")[1]
    question = answered[int(index)] if index.isdecimal() and int(index) < len(answered) else index
    return questions.field_of(category, question)


def _file_name(field: str, names: Sequence[str]) -> str | None:
    _, _, index = field.partition("attachments.")
    return names[int(index)] if index.isdecimal() and int(index) < len(names) else None
