"""From intake to notify, in the compacted topic of contacts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.values import CaseEvent, Line

# Intake checks an address before it records it. What is recorded stays readable, whatever later rules say of addresses.
_EMAIL = r'^[^\s@<>,;:"\x00-\x1f]+@[^\s@<>,;:"\x00-\x1f]+\.[^\s@<>,;:"\x00-\x1f]+$'
EmailText = Annotated[str, StringConstraints(max_length=254, pattern=_EMAIL)]


class ContactRecorded(CaseEvent):
    """Who a sender is and how to reach him. A record without a value (a tombstone) erases it.

    Law: Decision 31/2021/QĐ-TTg, Article 41(3): full name, contact address, phone and email of the sender.
    """

    name: Line | None = None
    address: Line | None = None
    phone: Line | None = None
    email: EmailText | None = None
    title: Line | None = Field(default=None, description="of the feedback: letters name it")
    language: str
    lookup_secret: str | None = Field(default=None, description="opens the details by HTTP")
    email_confirmed: bool = Field(
        default=False,
        description="whether the mail address is known to be the sender's: a portal vouches for it, or the sender followed the "
        "link of a letter. Until then no letter carries the sender's words",
    )
    email_confirmation_token: str | None = Field(default=None, description="in the link of a letter to an unconfirmed address")
