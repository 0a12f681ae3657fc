"""From a portal, in `inbox.<portal>`; intake answers in `outbox.<portal>`."""

from schemas.portal_act import PortalAct
from schemas.portal_submission import InlineFiles
from schemas.values import Text


class PortalSupplement(PortalAct, frozen=True, extra="forbid"):
    """The sender's answer to what the agency asked in one of the portal's own cases.

    Law: a supplemented feedback waits to be received again (measurement of Decision 766/QĐ-TTg).
    """

    content: Text
    attachments: InlineFiles = ()
