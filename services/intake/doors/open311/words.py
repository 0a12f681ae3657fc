"""What Open311 clients are told in words: one file for each language in `words/`, keys in two levels."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FOLDER: Final = Path(__file__).parent / "words"
FALLBACK: Final = "en"
"""For a language of a pack that has no words here."""


@cache
def load(language: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of a language by group and name, such as `note` and `submitted`."""
    file = FOLDER / f"{language}.yaml"
    if not file.is_file():
        return load(FALLBACK)
    texts: Mapping[str, Mapping[str, str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return texts


def asked_for(accepted: str, known: Sequence[str], otherwise: str) -> str:
    """The language that an `Accept-Language` header likes best among those that are known (RFC 9110, section 12.5.4)."""
    best, most = otherwise, 0.0
    for part in accepted[:1000].split(","):
        name, _, weight = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        try:
            liked = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if language in known and liked > most:
            best, most = language, liked
    return best
