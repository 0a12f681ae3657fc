"""What becomes of a sender's objection: the case begins anew at the agency that the pack names. Pure."""

import schemas
from pakn.packs.load import Pack
from schemas import Fact
from services.routing import domain
from services.routing.case import Case, Cause


def take_appeal(pack: Pack, case: Case, event: schemas.FeedbackAppealed, cause: Cause) -> tuple[Case, list[Fact]]:
    """The case after an objection, and its assignment.

    One that crossed with an act of the agency changes nothing: a late reply that is being checked comes first.
    """
    rules = pack.header.objections
    is_possible = case.state == "published" if event.ground == "not_satisfied" else case.state in domain.LAWFUL_IN["reply"]
    if rules is None or not is_possible:
        return case, []
    return domain.begin_anew(pack, case, rules.to or pack.header.coordinator, "appeal", rules.reason, cause)
