"""What a pack says of personal data in what is published: what looks like it, by patterns, and how much of a name is shown."""

import re
from collections.abc import Collection
from functools import cached_property
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from pakn.packs.part import Id, Part, Phrase

HIDDEN: Final = "…"
_SAME_NUMBER: Final = 9  # By so many of their last digits two numbers are one, with the country's code and without it.


class Found(NamedTuple):
    """What looks like personal data of this kind: the characters from `start` to before `end`, counted from 0."""

    kind: str
    start: int
    end: int


def _compiles(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    if groups > 1:
        raise ValueError("has several groups; one at most may say which part is the number")
    return pattern


class Kind(Part):
    """One kind, and how people write it: regular expressions of Python. Where one has a group, that is the part that is meant."""

    id: Id
    name: Phrase
    patterns: tuple[Annotated[Phrase, AfterValidator(_compiles)], ...] = Field(min_length=1)


class SenderNames(Part):
    """How the name of a sender who agrees stands beside the published reply: which word whole, and how the others.

    `{letter}` is the first letter of a word.
    """

    # A full name, which forms show as it would stand.
    example: Phrase
    whole: Literal["first", "last", "none"] = "none"
    others: Annotated[str, StringConstraints(pattern=r"^[^{}]*\{letter\}[^{}]*$", max_length=20)]


class PersonalData(Part):
    """The kinds that are looked for before a reply is published."""

    kinds: tuple[Kind, ...] = Field(min_length=1)

    @cached_property
    def _compiled(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(kind.id, re.compile(pattern, re.IGNORECASE)) for kind in self.kinds for pattern in kind.patterns]

    def find(self, text: str, public: Collection[str] = ()) -> list[Found]:
        """All of it, in the order of the text, no two of which overlap. `public` are contacts that anybody may read."""
        allowed = {_key(contact) for contact in public}
        rows = (
            Found(kind, *match.span(match.re.groups))
            for kind, pattern in self._compiled
            for match in pattern.finditer(text)
            if _key(match[match.re.groups]) not in allowed
        )
        found: list[Found] = []
        for row in sorted(rows, key=lambda row: (row.start, -row.end)):
            if not found or row.start >= found[-1].end:
                found.append(row)
        return found

    def hide(self, text: str, public: Collection[str] = ()) -> str:
        """The text with a mark in the place of each."""
        for row in reversed(self.find(text, public)):
            text = text[: row.start] + HIDDEN + text[row.end :]
        return text


def _key(contact: str) -> str:
    """By what two ways of writing a number or an address are the same one."""
    if "@" in contact:
        return contact.casefold().strip()
    return "".join(letter for letter in contact if letter.isdecimal())[-_SAME_NUMBER:]
