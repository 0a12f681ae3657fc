"""What a program may ask for before it sends: the pack's lists, with their names in each language, and every limit. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta

from pydantic import BaseModel, Field

from pakn.packs.load import Pack
from pakn.packs.media_types import EXTENSIONS
from pakn.packs.part import Translated
from pakn.settings import IntakeSettings
from schemas import topics
from schemas.values import MOST_LINE, MOST_TEXT
from services.intake import domain, names

Names = Mapping[str, str]


class KnownQuestion(BaseModel):
    """A question that a category asks of its own; the answer to a `choice` is the id of one of its choices."""

    id: str
    name: Names = Field(description="by language")
    hint: Names | None = None
    kind: str = Field(description="text, number, date or choice; expect others")
    required: bool
    choices: tuple["Named", ...] = ()
    least: float | None = None
    most: float | None = None


class KnownCategory(BaseModel):
    """A category; one that is not accepted says why, and which channel is the right one."""

    id: str
    name: Names = Field(description="by language")
    accepted: bool
    reason: Names | None = None
    channel: Names | None = None
    aliases: tuple[str, ...] = Field(description="other names under which it is taken")
    questions: tuple[KnownQuestion, ...] = Field(default=(), description="that a submission may, or must, answer")


class KnownAgency(BaseModel):
    """An agency, also one that has ended: what is addressed to it goes to its successor."""

    id: str
    name: Names = Field(description="by language; in the pack's own where it has no other")
    kind: str
    valid_from: date | None = Field(default=None, description="its first day")
    valid_to: date | None = Field(default=None, description="its last day")
    successor: str | None = None
    parent: str | None = None


class Named(BaseModel):
    """A value that a field takes, and its name."""

    id: str
    name: Names = Field(description="by language")


class Categories(BaseModel):
    """Every category of the pack, in its order."""

    categories: tuple[KnownCategory, ...]


class Agencies(BaseModel):
    """Every agency of the pack, in its order."""

    agencies: tuple[KnownAgency, ...]


class FileType(BaseModel):
    """A type of files that is taken, and the ends of their names; the content must be of that type."""

    media_type: str
    extensions: tuple[str, ...]


class FileLimits(BaseModel):
    """What files may be, of a submission and of a supplement alike."""

    max_files: int
    max_bytes: int = Field(description="of each file")
    types: tuple[FileType, ...]


class RateLimit(BaseModel):
    """Requests within an hour from one network (an IPv4 address, or an IPv6 /64); absent where there is no limit."""

    submissions: int | None = None
    look_ups: int | None = None
    wrong: int | None = Field(
        default=None, description="codes that nobody has, and wrong secrets or tokens; beyond it a look-up needs the right secret"
    )


class ShownName(BaseModel):
    """How the name of a sender who agrees stands beside the published reply, by an example. For the words that ask for it."""

    name: str
    shown: str


class Limits(BaseModel):
    """What a submission may be. Lengths are in characters, after composing (NFC) and without outer spaces."""

    languages: tuple[str, ...]
    default_language: str
    levels: tuple[Named, ...]
    provinces: tuple[Named, ...]
    sender_required: tuple[str, ...]
    title_max: int
    content_max: int
    supplement_max: int
    reference_max: int
    files: FileLimits
    shown_name: ShownName | None = Field(default=None, description="absent where no names are shown: `publish_name` has no effect")
    json_max_bytes: int = Field(description="of the JSON in a request")
    record_max_bytes: int = Field(description="of a record in Kafka, with the files inside")
    sent_at_max_age_seconds: int = Field(description="how far back a portal's `sent_at` may lie")
    requests_per_hour: RateLimit


class ThisPortal(BaseModel):
    """The portal whose token was sent."""

    id: str
    name: Names = Field(description="by language")
    verified_contacts: bool = Field(description="whether it is trusted to have made sure of its users' mail addresses")
    gets_lookup_secret: bool = Field(description="whether its answers by Kafka have the look-up secret")
    inbox: str = Field(description="the topic that it writes")
    outbox: str = Field(description="the topic that it reads")


def categories(pack: Pack) -> Categories:
    """The pack's categories."""
    rows = (
        row.model_dump(include={"id", "name", "accepted", "reason", "channel", "aliases", "questions"}) for row in pack.categories
    )
    return Categories(categories=tuple(KnownCategory(**row) for row in rows))


def agencies(pack: Pack) -> Agencies:
    """The pack's agencies, those that have ended included."""
    shown = set(KnownAgency.model_fields) - {"name"}
    rows = (KnownAgency(**row.model_dump(include=shown), name=agency_name(pack, row.id)) for row in pack.agencies)
    return Agencies(agencies=tuple(rows))


def limits(pack: Pack, settings: IntakeSettings, json_max_bytes: int) -> Limits:
    """Every limit of the pack and of this deployment."""
    header = pack.header
    files = header.attachments
    return Limits(
        languages=header.languages,
        default_language=header.default_language,
        levels=tuple(Named(id=row.id, name=row.name) for row in header.levels),
        provinces=tuple(Named(id=id, name=agency_name(pack, id)) for id in header.provinces),
        sender_required=header.sender.required,
        title_max=header.title_max,
        content_max=header.content_max,
        supplement_max=MOST_TEXT,
        reference_max=MOST_LINE,
        files=FileLimits(
            max_files=files.max_files,
            max_bytes=files.max_bytes,
            types=tuple(FileType(media_type=kind, extensions=EXTENSIONS[kind]) for kind in files.media_types),
        ),
        shown_name=shown_name(pack),
        json_max_bytes=json_max_bytes,
        record_max_bytes=topics.MOST_RECORD_BYTES,
        sent_at_max_age_seconds=domain.MAX_PORTAL_DELAY // timedelta(seconds=1),
        requests_per_hour=RateLimit(
            submissions=settings.limit_submissions or None,
            look_ups=settings.limit_look_ups or None,
            wrong=settings.limit_wrong or None,
        ),
    )


def shown_name(pack: Pack) -> ShownName | None:
    """The pack's example of a name; none where it shows no names."""
    rules = pack.header.sender_names
    return ShownName(name=rules.example, shown=names.masked(rules, rules.example)) if rules else None


def this_portal(pack: Pack, id: str, namespace: str) -> ThisPortal | None:
    """A portal of the pack; none where the pack has it no more."""
    portal = pack.portal(id)
    if portal is None:
        return None
    own = {"inbox": f"{namespace}.{topics.inbox(id)}", "outbox": f"{namespace}.{topics.outbox(id)}"}
    return ThisPortal(**portal.model_dump(), **own)


def agency_name(pack: Pack, id: str) -> Translated:
    """What an agency is called in each language of the pack. Raises KeyError where the pack has none with this id."""
    agency = pack.agency(id)
    return {language: agency.names.get(language, agency.name) for language in pack.header.languages}
