"""What looks like personal data in what an agency is about to publish: told to the officer, who decides. Pure."""

from collections.abc import Iterator

from pakn.packs.load import Pack
from schemas import agency_action
from schemas.personal_data import FoundPersonalData
from schemas.values import Fault
from services.routing.case import Case

_MOST_FOUND = 20  # A refusal is kept with the case; what is beyond is told when these are mended.


def found(pack: Pack, case: Case, action: agency_action.AnyAction) -> tuple[FoundPersonalData, ...]:
    """What is found in the reply that would be published and has not been decided about; with it what is found in the title.

    Nothing where the reply has none: what a title has is hidden anyway, and its agency cannot mend it.
    """
    text = action.reply if isinstance(action, agency_action.Reply) else case.reply
    if text is None or not isinstance(action, agency_action.Reply | agency_action.Publish):
        return ()
    if "reply" in decided(case, action) or not _found(pack, "reply", text):
        return ()
    return (*_found(pack, "reply", text), *of_title(pack, case))[:_MOST_FOUND]


def of_title(pack: Pack, case: Case) -> tuple[FoundPersonalData, ...]:
    """What is found in the title, where the pack shows titles."""
    return _found(pack, "title", case.matter.title) if case.matter and pack.header.publish_titles else ()


def _found(pack: Pack, field: str, text: str) -> tuple[FoundPersonalData, ...]:
    rows = pack.header.personal_data.find(text, pack.public_contacts) if pack.header.personal_data else ()
    return tuple(FoundPersonalData(field=field, **row._asdict()) for row in rows)


def decided(case: Case, action: agency_action.AnyAction) -> frozenset[str]:
    """What officers decided to publish as it is written, by this action or by the reply that it publishes."""
    before = case.as_written if isinstance(action, agency_action.Publish) else ()
    now = action.as_written if isinstance(action, agency_action.Reply | agency_action.Publish) else ()
    return frozenset((*before, *now))


def faults(pack: Pack, found: tuple[FoundPersonalData, ...]) -> Iterator[Fault]:
    """Each as a fault, in words that name the place and repeat nothing of the text: refusals are kept with the case."""
    names = {kind.id: kind.name for kind in pack.header.personal_data.kinds} if pack.header.personal_data else {}
    for row in found:
        place = f"characters {row.start + 1} to {row.end} look like {names[row.kind]}"
        if row.field == "reply":
            todo = 'take them out, or send `as_written`: ["reply"] if they are nobody\'s personal data'
        else:
            todo = 'they are hidden in public, unless `as_written` has "title"'
        yield Fault(field=row.field, code="personal_data", message=f"{place}; {todo}")
