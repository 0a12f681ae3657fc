"""What Open311 clients are told in words: one file for each language in `words/`, keys in two levels."""

from collections.abc import Mapping
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
