"""From a portal, in `inbox.<portal>`; intake answers in `outbox.<portal>`."""

from schemas.portal_act import PortalAct
from schemas.portal_submission import InlineFiles
from schemas.values import Text


class PortalObjection(PortalAct, frozen=True, extra="forbid"):
    """The sender of one of the portal's own cases objects to the published reply, or to a reply that did not come in time.

    Taken where the pack has `objections`, on the same grounds and within the same days as by HTTP and on the pages.
    """

    content: Text
    attachments: InlineFiles = ()
