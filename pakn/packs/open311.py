"""Open311 in a pack: its own door (open311.yaml, the one file that a pack may lack), and the interfaces of portals."""

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from pakn.gateways import is_this_machine
from pakn.packs.part import Id, Part, Phrase, Translated

PublicField = Literal["place", "address", "title", "content"]


class Open311(Part):
    """What the pack says of itself to clients of Open311 GeoReport v2.

    `changed` is the day on which services or their attributes changed last. `public` names what senders wrote that anybody may
    read in a list: the coordinates of the `place`, cut to about 100 m, its `address` in words, `title`, `content`; nothing by
    default. With `title` the pages show the titles of similar open cases too. `family_name_first` says how a first and a last
    name make a name.
    """

    jurisdiction_id: Phrase | None = None
    changed: date
    contact: Translated
    key_service: Translated
    public: tuple[PublicField, ...] = ()
    family_name_first: bool = False


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_one = False
    if not is_one or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be an address such as https://311.example.org/open311/v2")
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise ValueError("the key and names would cross the network in clear: use https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, no question and no fragment; a key goes into the settings")
    return text


class Remote(Part):
    """A portal's own Open311 GeoReport v2 interface; its address alone stands for all of it.

    With `poll` it is asked for new requests: `by` the time of their submission, or by that of their last change where it
    knows `updated_after`. `other_category` is what a service becomes that is no category here, by its id or an alias. With
    `tell` status changes are posted to it, to `servicerequestupdates.json` as FixMyStreet does.
    """

    url: Annotated[str, AfterValidator(_address)]
    jurisdiction_id: Phrase | None = None
    format: Literal["json", "xml"] = "json"
    poll: bool = True
    by: Literal["start_date", "updated_after"] = "start_date"
    other_category: Id | None = None
    tell: bool = False

    @model_validator(mode="before")
    @classmethod
    def _is_an_address_alone(cls, given: Any) -> Any:
        return {"url": given} if isinstance(given, str) else given
