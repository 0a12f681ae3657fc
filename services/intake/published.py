"""Published replies as anybody may find and read them: what is shown of each, and by which words it is found. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

from pydantic import BaseModel

from schemas.values import Attachment
from services.intake.feedback import Feedback

_WORD: Final = re.compile(r"[^\W_]+")
_MOST_WORDS: Final = 1500  # Of one reply; a longer one is found by its first ones.
_MOST_ASKED: Final = 10
_LETTERS: Final = str.maketrans({"đ": "d", "ø": "o", "ł": "l", "ß": "ss"})
HIDDEN: Final = "…"
# Addresses of mail, numbers of phones, and numbers of identity papers (nine digits, or twelve).
_PERSONAL: Final = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)(?:\+?84|0)(?:[ .-]?\d){8,10}(?!\w)|(?<![\w.])(?:\d{12}|\d{9})(?![\w.]\d)"
)


class Headline(BaseModel, frozen=True, extra="ignore"):
    """What a list of replies says of one. `title` is absent where the pack shows none, or once it was erased."""

    code: str
    title: str | None = None
    agency: str
    published_at: datetime


HeadlineT = TypeVar("HeadlineT", bound=Headline)


class Published(Headline):
    """A published reply."""

    id: str
    category: str
    reply: str
    document_number: str | None = None
    attachments: tuple[Attachment, ...] = ()
    submitted_at: datetime
    words: tuple[str, ...] = ()


def published(feedback: Feedback, *, titles: bool) -> Published | None:
    """What is public of a feedback; none while nothing of it is published. `titles`: whether the pack shows them."""
    if feedback.reply is None or feedback.published_at is None or feedback.agency is None:
        return None
    title = without_personal_data(feedback.title) or None if titles else None
    said = " ".join(filter(None, (title, feedback.reply, feedback.document_number, feedback.code)))
    return Published(
        title=title,
        attachments=feedback.reply_attachments,
        words=tuple(sorted(dict.fromkeys(words_of(said)[:_MOST_WORDS]))),
        **feedback.model_dump(
            include={"id", "code", "category", "agency", "reply", "document_number", "submitted_at", "published_at"}
        ),
    )


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters and without diacritics, so that `duong den` finds `đường đèn`."""
    apart = unicodedata.normalize("NFD", text.lower())
    return _WORD.findall("".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LETTERS))


def asked_words(text: str) -> list[str]:
    """The words that somebody looks for, each once, the longest first: it is the rarest as a rule."""
    return sorted(dict.fromkeys(words_of(text)), key=len, reverse=True)[:_MOST_ASKED]


def without_personal_data(text: str) -> str:
    """A text of a sender's without addresses of mail and numbers of phones and identity papers."""
    return _PERSONAL.sub(HIDDEN, text)


def alike(text: str, found: Iterable[HeadlineT], most: int) -> list[HeadlineT]:
    """Those of the found whose titles have at least half of the words of a text, the most alike first."""
    asked = set(words_of(text))
    shares = [(len(asked & set(words_of(row.title))) / len(asked), row) for row in found if row.title and asked]
    return [row for share, row in sorted(shares, key=lambda pair: -pair[0]) if share >= 0.5][:most]
