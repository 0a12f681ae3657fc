"""The names of senders who agree that theirs is shown: masked, and by which words each is found. Pure.

The search reads the mask and nothing else: whoever looks for a full name finds every sender whose mask it would have, and learns
no more of each than the mask shows.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pakn.packs.personal_data import SenderNames
from services.intake.spelling import words_of

_MOST_WORDS: Final = 12
_INSIDE: Final = "'’-"
_INITIAL: Final = "."  # Behind the initial of a hidden word, so that it is no word of one letter.


def masked(names: SenderNames, name: str) -> str:
    """The name as everybody may read it; empty where it has no letters. A word that is the whole name, or no name, stays hidden."""
    return " ".join(_marked(names, word) if is_hidden else word for word, is_hidden in _words(names, name))


def keys(names: SenderNames, name: str) -> tuple[str, ...]:
    """By what a masked name is found: whole words, and initials of hidden ones, without diacritics."""
    found = (key for word, is_hidden in _words(names, name) for key in (_initials(word) if is_hidden else words_of(word)))
    return tuple(sorted(set(found)))


def wanted(names: SenderNames, asked: str) -> list[dict[str, Any]]:
    """Which keys a name must have that may be the one asked for, as conditions on a list; none where nothing is asked.

    Each word is a whole one or has its initial there; at least one must be whole, where the pack shows one: else any family
    whose initials fit would be found.
    """
    words = [word for word in asked.split() if words_of(word)][:_MOST_WORDS]
    if not words:
        return []
    conditions: list[dict[str, Any]] = [{"$in": [*words_of(word), *_initials(word)]} for word in words]
    return conditions if names.whole == "none" else [{"$in": words_of(" ".join(words))}, *conditions]


def _words(names: SenderNames, name: str) -> Iterator[tuple[str, bool]]:
    """The words that have a letter or digit, and whether each is hidden."""
    words: Sequence[str] = [word for word in unicodedata.normalize("NFC", name).split() if words_of(word)]
    whole = {"first": 0, "last": len(words) - 1}.get(names.whole, -1)
    for index, word in enumerate(words[:_MOST_WORDS]):
        yield word, index != whole or len(words) == 1 or not _is_of_a_name(word)


def _is_of_a_name(word: str) -> bool:
    """Whether it is no number and no address, which people type there too."""
    return all(letter.isalpha() or letter in _INSIDE for letter in word)


def _marked(names: SenderNames, word: str) -> str:
    return names.others.replace("{letter}", next(letter for letter in word if letter.isalnum()).upper())


def _initials(word: str) -> list[str]:
    return [found[0] + _INITIAL for found in words_of(word)[:1]]
