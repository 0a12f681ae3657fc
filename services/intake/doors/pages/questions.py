"""The questions that categories ask of their own, as fields of the form, and their answers as a submission has them. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from pakn.packs.load import Pack
from pakn.packs.models import Question
from schemas.matter import Answered
from services.intake import domain
from services.intake.doors.pages.words import Words

_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")


class Option(NamedTuple):
    """A choice, and how it is called."""

    id: str
    name: str


class Asked(NamedTuple):
    """A question as a field of the form shows it."""

    field: str
    label: str
    hint: str | None
    kind: str
    required: bool
    options: tuple[Option, ...]


def field_of(category: str, question: str) -> str:
    """The name of the field for a question of a category."""
    return f"a.{category}.{question}"


def fields(pack: Pack) -> tuple[str, ...]:
    """The names of all such fields."""
    return tuple(field_of(row.id, question.id) for row in pack.categories for question in row.questions)


def asked(pack: Pack, language: str) -> dict[str, list[Asked]]:
    """The questions of each category that has some, by its id, in a language of the pack."""
    return {row.id: [_asked(row.id, question, language) for question in row.questions] for row in pack.categories if row.questions}


def _asked(category: str, question: Question, language: str) -> Asked:
    hint = question.hint[language] if question.hint else None
    options = tuple(Option(choice.id, choice.name[language]) for choice in question.choices)
    return Asked(field_of(category, question.id), question.name[language], hint, question.kind, question.required, options)


def answers(pack: Pack, typed: Mapping[str, str]) -> list[dict[str, str]]:
    """The answers to the questions of the category that was chosen, as a submission has them; what was left empty is left out."""
    category = domain.find_category(pack, typed["category"])
    return [
        {"question": question.id, "value": _written(question, value)}
        for question in (category.questions if category else ())
        if category and (value := typed.get(field_of(category.id, question.id), "").strip())
    ]


def _written(question: Question, value: str) -> str:
    """A number with a point and a day as in ISO 8601, however a person wrote them."""
    if question.kind == "number":
        return value.replace(",", ".")
    if question.kind == "date" and (found := _DAY_FIRST.fullmatch(value)):
        day, month, year = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}"
    return value


def told(said: Words, given: Iterable[Answered]) -> list[tuple[str, str]]:
    """Questions and answers as a person reads them."""
    return [(answer.asked, answer.shown or _day(said, answer.value)) for answer in given]


def _day(said: Words, value: str) -> str:
    try:
        return said.day(date.fromisoformat(value)) if _ISO.fullmatch(value) else value
    except ValueError:
        return value
