"""The two formats of Open311's answers, of one content: JSON as it is, XML with an element for each name."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree

MEDIA_TYPES: Final = {"json": "application/json", "xml": "text/xml"}
# What the elements of a list are called, by the name of the list.
_ITEMS: Final = {
    "services": "service",
    "service_requests": "request",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


def write(form: str, root: str, content: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """An answer in the format `json` or `xml`; `root` is the name of the whole, which only XML has."""
    if form == "json":
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    body: bytes = ElementTree.tostring(_element(root, content), encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(each, inner) for each, inner in value.items())
    elif isinstance(value, list | tuple):
        element.extend(_element(_ITEMS[name], inner) for inner in value)
    elif value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        element.text = NOT_IN_XML.sub("\ufffd", text)
    return element
