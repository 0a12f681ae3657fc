"""From a portal, in `inbox.<portal>`; intake answers in `outbox.<portal>`."""

from pydantic import StrictBool

from schemas.portal_act import PortalAct


class PortalRating(PortalAct, frozen=True, extra="forbid"):
    """Whether the sender of one of the portal's own cases is satisfied with the published reply; each reply is rated once.

    Law: Decision 766/QĐ-TTg, group 5.
    """

    satisfied: StrictBool
