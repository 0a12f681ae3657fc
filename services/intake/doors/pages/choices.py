"""What a form offers to choose from, in the language of the page, and the limits that it names. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from pakn.packs.load import Pack
from pakn.packs.media_types import EXTENSIONS
from pakn.packs.models import Agency, Category
from services.intake.doors.pages.site import Site
from services.intake.doors.pages.words import Words


class Offer(NamedTuple):
    """One value, and how it is called."""

    id: str
    name: str


class Group(NamedTuple):
    """Values under one heading."""

    name: str
    offers: Sequence[Offer]


class Class(NamedTuple):
    """A category; one that is not taken here says why and where to turn."""

    id: str
    name: str
    accepted: bool
    reason: str
    channel: str


def classes(site: Site, said: Words) -> list[Class]:
    """The categories of the pack, in its order."""
    language = site.pack_language(said)

    def shown(row: Category) -> Class:
        reason = row.reason[language] if row.reason else ""
        channel = row.channel[language] if row.channel else ""
        return Class(row.id, row.name[language], row.accepted, reason, channel)

    return [shown(row) for row in site.pack.categories]


def choices(site: Site, said: Words, today: date | None = None) -> dict[str, Any]:
    """The classes, the agencies by their kind, and the provinces."""
    pack = site.pack
    kinds: dict[str, list[Offer]] = {}
    for agency in pack.agencies:
        if _works(agency, today):
            name = said.known(f"kinds.{agency.kind}", "kinds.other")
            kinds.setdefault(name, []).append(Offer(agency.id, site.agency_name(agency.id, said)))
    found = classes(site, said)
    return {
        "taken": [row for row in found if row.accepted],
        "not_taken": [row for row in found if not row.accepted],
        "agencies": [Group(name, offers) for name, offers in kinds.items()],
        "provinces": [Offer(id, site.agency_name(id, said)) for id in pack.header.provinces],
    }


def _works(agency: Agency, today: date | None) -> bool:
    # One that has ended answers through its successor, which stands in the list itself.
    return agency.valid_to is None or (today is not None and agency.valid_to >= today)


def file_types(pack: Pack) -> str:
    """The ends of the names of files that are taken, such as `JPG, PNG, PDF`."""
    return ", ".join(EXTENSIONS[kind][0].upper() for kind in pack.header.attachments.media_types)


def limits(pack: Pack, said: Words) -> dict[str, Any]:
    """What the form says of files."""
    files = pack.header.attachments
    extensions = [end for kind in files.media_types for end in EXTENSIONS[kind]]
    accept = ",".join([*files.media_types, *(f".{end}" for end in extensions)])
    return {"max_files": files.max_files, "max_bytes": said.size(files.max_bytes), "types": file_types(pack), "accept": accept}
