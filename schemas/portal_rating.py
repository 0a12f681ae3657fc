"""From a portal, in `inbox.<portal>`; intake answers in `outbox.<portal>`."""

from pydantic import Field, StrictBool

from schemas.portal_act import PortalAct
from schemas.values import Text


class PortalRating(PortalAct, frozen=True, extra="forbid"):
    """Whether the sender of one of the portal's own cases is satisfied with the published reply; it is told once.

    Law: Decision 766/QĐ-TTg, group 5.
    """

    satisfied: StrictBool
    remark: Text | None = Field(default=None, description="why, for the agency alone")
