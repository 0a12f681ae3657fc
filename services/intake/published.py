"""Published replies as anybody may find and read them: what is shown of each, and by which words it is found. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from pydantic import BaseModel

from pakn.packs.load import Pack
from pakn.packs.personal_data import PersonalData, SenderNames
from schemas.values import Attachment
from services.intake import names
from services.intake.feedback import Feedback
from services.intake.spelling import words_of

_MOST_WORDS: Final = 1500  # Of one reply; a longer one is found by its first ones.
_MOST_ASKED: Final = 10


class Shows(NamedTuple):
    """What of a sender's a pack shows: titles without what `personal_data` finds, names of those who agree."""

    titles: bool = False
    personal_data: PersonalData | None = None
    public_contacts: tuple[str, ...] = ()
    names: SenderNames | None = None


def shows(pack: Pack) -> Shows:
    """What this pack shows."""
    header = pack.header
    return Shows(header.publish_titles, header.personal_data, pack.public_contacts, header.sender_names)


class Headline(BaseModel, frozen=True, extra="ignore"):
    """What a list of replies says of one. `title` is absent where the pack shows none, or once it was erased."""

    code: str
    title: str | None = None
    agency: str
    published_at: datetime


HeadlineT = TypeVar("HeadlineT", bound=Headline)


class Published(Headline):
    """A published reply. `sender` is the masked name of one who agrees, and `name_keys` are what it is found by."""

    id: str
    category: str
    reply: str
    document_number: str | None = None
    attachments: tuple[Attachment, ...] = ()
    submitted_at: datetime
    words: tuple[str, ...] = ()
    sender: str | None = None
    name_keys: tuple[str, ...] = ()


def published(feedback: Feedback, shows: Shows) -> Published | None:
    """What is public of a feedback; none while nothing of it is published."""
    if feedback.reply is None or feedback.published_at is None or feedback.agency is None:
        return None
    title = _title(feedback, shows) or None
    name = feedback.sender.name if feedback.publish_name and shows.names else None
    said = " ".join(filter(None, (title, feedback.reply, feedback.document_number, feedback.code)))
    return Published(
        title=title,
        attachments=feedback.reply_attachments,
        sender=(names.masked(shows.names, name) or None) if shows.names and name else None,
        name_keys=names.keys(shows.names, name) if shows.names and name else (),
        words=tuple(sorted(dict.fromkeys(words_of(said)[:_MOST_WORDS]))),
        **feedback.model_dump(
            include={"id", "code", "category", "agency", "reply", "document_number", "submitted_at", "published_at"}
        ),
    )


def asked_words(text: str) -> list[str]:
    """The words that somebody looks for, each once, the longest first: it is the rarest as a rule."""
    return sorted(dict.fromkeys(words_of(text)), key=len, reverse=True)[:_MOST_ASKED]


def _title(feedback: Feedback, shows: Shows) -> str:
    if not shows.titles:
        return ""
    if shows.personal_data is None or feedback.title_as_written:
        return feedback.title
    return shows.personal_data.hide(feedback.title, shows.public_contacts)


def alike(text: str, found: Iterable[HeadlineT], most: int) -> list[HeadlineT]:
    """Those of the found whose titles have at least half of the words of a text, the most alike first."""
    asked = set(words_of(text))
    shares = [(len(asked & set(words_of(row.title))) / len(asked), row) for row in found if row.title and asked]
    return [row for share, row in sorted(shares, key=lambda pair: -pair[0]) if share >= 0.5][:most]
