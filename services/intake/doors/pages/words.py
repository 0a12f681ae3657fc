"""The words of the pages by language: one file each in `words/`, keys nested as the pages are."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

FOLDER: Final = Path(__file__).parent / "words"
_MEGABYTE: Final = 1024 * 1024
FALLBACK: Final = "en"
"""For a pack none of whose languages has words here."""


@cache
def load(language: str) -> Mapping[str, str]:
    """The texts of a language by dotted key, such as `send.title`; empty where there is no file."""
    file = FOLDER / f"{language}.yaml"
    return dict(_flat("", yaml.safe_load(file.read_text(encoding="utf-8")))) if file.is_file() else {}


def _flat(prefix: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", str(value).strip()


class Words:
    """What a page says in one language, and how it writes dates; times are shown in `zone`."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self._texts = load(language)
        self._zone = zone

    def __call__(self, key: str, **values: Any) -> str:
        """The text of a key with its values. Raises KeyError for a key or a value that is not there."""
        return self._texts[key].format_map(values)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def known(self, key: str, otherwise: str, **values: Any) -> str:
        """The text of a key, or of another one where a later release has brought a value that has no words yet."""
        return self(key if key in self._texts else otherwise, **values)

    def day(self, value: date) -> str:
        """A day, such as 02/11/2026."""
        written = value.strftime(self("formats.day"))
        return written.removeprefix("0") if self("formats.zero") == "no" else written

    def local(self, value: datetime) -> date:
        """The local day of an instant."""
        return value.astimezone(self._zone).date()

    def moment(self, value: datetime) -> str:
        """An instant in local time."""
        local = value.astimezone(self._zone)
        return self("formats.moment", day=self.day(local.date()), time=local.strftime("%H:%M"))

    def size(self, value: int) -> str:
        """A number of bytes, in kilobytes or megabytes."""
        if value < _MEGABYTE:
            return f"{max(1, round(value / 1024))} KB"
        return f"{value / _MEGABYTE:.1f} MB".replace(".0 ", " ").replace(".", self("formats.point"))
