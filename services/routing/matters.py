"""What a sender wrote, on its way to the agency in charge. Pure."""

from datetime import datetime

import schemas
from pakn.legal_time import in_milliseconds
from pakn.packs.load import Pack
from schemas import Fact, MatterRecorded, topics
from services.routing import personal_data
from services.routing.case import SOURCE, Case, EarlyMatter, Forwarding


def take_matter(case: Case, matter: MatterRecorded) -> Case:
    """The case with the matter as it stands now; one that comes again behind a later one changes nothing."""
    if case.matter is not None and _said(case.matter) > _said(matter):
        return case
    grown = _size(matter) - (_size(case.matter) if case.matter else 0)
    return case.model_copy(update={"matter": matter, "used_bytes": case.used_bytes + grown})


def _said(matter: MatterRecorded) -> int:
    """How often the sender has said something; it only grows."""
    return len(matter.supplements) + len(matter.appeals) + (matter.remark is not None)


def _size(matter: MatterRecorded) -> int:
    return len(matter.model_dump_json().encode())


def forget_matter(case: Case) -> Case:
    """The case without what its sender wrote."""
    return case.model_copy(update={"matter": None, "forwarding": None})


def forwarded(former: Case | None, case: Case, cause: str, causation: str, at: datetime) -> Case:
    """The case, whose matter goes to the agency in charge if either is new.

    `cause` is the event that made it so at `at`, and `causation` its id in its record.
    """
    if case.matter is None or (former is not None and (former.agency, former.matter) == (case.agency, case.matter)):
        return case
    return case.model_copy(update={"forwarding": Forwarding(cause=cause, causation=causation, at=in_milliseconds(at))})


def forwardings(pack: Pack, case: Case | EarlyMatter) -> list[Fact]:
    """The fact that gives the matter to the agency in charge; none where there is no matter.

    It is made anew of the case each time, and the same each time, so that erasing the matter erases it everywhere.
    """
    if isinstance(case, EarlyMatter) or case.matter is None or case.forwarding is None:
        return []
    cause, at = case.forwarding.cause, case.forwarding.at
    said = dict(case.matter)
    said |= {"agency": case.agency, "forwarded_at": at, "personal_data": personal_data.of_title(pack, case)}
    event = schemas.MatterForwarded.model_validate(said)
    return [
        schemas.fact(
            event,
            cause=cause,
            causation=case.forwarding.causation,
            subject=event.feedback_id,
            time=at,
            source=SOURCE,
            topics=(topics.assignments(case.agency),),
        )
    ]
