"""open311.yaml, the one file that a pack may lack: without it there is no door for Open311 clients."""

from datetime import date
from typing import Literal

from pakn.packs.part import Part, Phrase, Translated

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
