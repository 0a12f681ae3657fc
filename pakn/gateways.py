"""What an SMS gateway wants to be asked and how it answers: data of the settings, checked at start.

Gateways differ in everything, so address and body of the request are templates, and regular expressions tell the answers apart.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator, BaseModel, Field, SecretStr, field_validator, model_validator

Meaning = Literal["sent", "retry", "failed", "uncertain"]
# Whatever has to be escaped somewhere, and a letter that is in no alphabet of one byte.
_SAMPLE: Final[Mapping[str, Any]] = {
    "to": "+84912345678",
    "national": "0912345678",
    "text": 'Tiếng Việt: "1" & <2> \\ 50% + ?#=;',
    "id": "0c7ad1f5-65a2-5ad5-ba0f-fa0d5f0dd3f5",
    "parts": 1,
    "unicode": True,
}
_DIGITS: Final = "912345678"
_JSON: Final = "application/json; charset=utf-8"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Longer ones may hold a phone number.
_CODE = re.compile(r"[\w.-]{1,8}")
_ESCAPES = "write {{ text | tojson }} in JSON, {{ text | urlencode }} in a form or an address, {{ text | e }} in XML"
_TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def is_this_machine(host: str) -> bool:
    """Whether `host` names the machine on which the process runs."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Request(NamedTuple):
    """One request to the gateway."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Gateway:
    """Makes the requests, and reads the answers. `headers` are those of every request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    retry: str
    refused: str
    accepted: str

    def request(self, values: Mapping[str, Any]) -> Request:
        """The request for one text; `values` has the names of `SmsSettings`. Raises TemplateError, TypeError on a bad template."""
        url = _TEMPLATES.from_string(self.url).render(values)
        if not self.body:
            return Request(self.method, url, self.headers, None)
        headers = dict(self.headers)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = _JSON
        return Request(self.method, url, headers, _TEMPLATES.from_string(self.body).render(values).encode())

    def meaning(self, status: int, body: str) -> tuple[Meaning, str]:
        """What an answer means, and its status with the group `code` of the expression that matched, for the operator."""
        answer = f"{status} {body}"
        meanings: tuple[tuple[Meaning, str], ...] = (("retry", self.retry), ("failed", self.refused), ("sent", self.accepted))
        for meaning, expression in meanings:
            if expression and (found := re.search(expression, answer)):
                code = found.groupdict().get("code") or ""
                return meaning, f"{status} {code}" if _CODE.fullmatch(code) else str(status)
        return "uncertain", str(status)


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


Expression = Annotated[str, AfterValidator(_expression)]


def _headers(text: str) -> dict[str, str]:
    """The headers of a JSON object. Raises ValueError on another text."""
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('must be a JSON object, such as {"Authorization": "Bearer KEY"}')
    for name, value in found.items():
        if not (_HEADER_NAME.fullmatch(name) and isinstance(value, str) and value.isascii() and value.isprintable()):
            raise ValueError("a header's name and value must be printable ASCII on one line")
    return found


class SmsSettings(BaseModel):
    """The gateway that takes text messages; without `url` none is sent.

    `url` and `body` are Jinja templates of `to` (+84912345678), `national` (0912345678), `text`, `id` (the same at each try),
    `parts`, and `unicode` (whether the text needs UCS-2). An answer is its status, a space and its body. `retry`, `refused` and
    `accepted` are looked for in it, in this order; an answer in which none is found leaves the text uncertain.
    """

    url: SecretStr = SecretStr("")
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: SecretStr = SecretStr("")
    body: SecretStr = SecretStr("")
    retry: Expression = "^(408|425|429|503) "
    refused: Expression = "^[34]"
    accepted: Expression = "^2"
    diacritics: bool = Field(default=True, description="false: texts are written in ASCII letters")
    parts_max: int = Field(default=5, ge=1, le=20, description="of one text; a longer one fails")
    # In a day (UTC); the others wait for the next one. 0: no bound.
    texts_per_number: int = Field(default=10, ge=0)
    parts_per_day: int = Field(default=10_000, ge=0, description="of all texts")
    connections: int = Field(default=4, ge=1, le=64)
    timeout_seconds: float = Field(default=20, gt=0)

    @field_validator("url")
    @classmethod
    def _goes_where_nobody_listens(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value():
            return url
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc:
            raise ValueError("must be the address of the gateway, with https:// and a host of its own")
        if parts.scheme == "http" and not is_this_machine(parts.hostname):
            raise ValueError("numbers, links and keys would cross the network in clear: use https://")
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: SecretStr) -> SecretStr:
        _headers(headers.get_secret_value())
        return headers

    @model_validator(mode="after")
    def _brings_number_and_text(self) -> Self:
        if not (gateway := self.gateway):
            return self
        try:
            values = list(_values(gateway.request(_SAMPLE)))
        except (TemplateError, TypeError) as error:
            known = ", ".join(_SAMPLE)
            raise ValueError(f"URL or BODY is no template of {known}: {type(error).__name__}: {error}") from None
        except (ValueError, ElementTree.ParseError):
            raise ValueError(f"BODY does not become a document of its Content-Type: {_ESCAPES}") from None
        if not any(_SAMPLE["text"] in value for value in values):
            raise ValueError(f"the text does not reach the gateway as it was written: {_ESCAPES}")
        if not any(_DIGITS in value for value in values):
            raise ValueError("neither URL nor BODY has the number: write {{ to }} or {{ national }} into one of them")
        if not self.accepted:
            raise ValueError("ACCEPTED is empty: no answer would ever mean that a text was taken")
        if 0 < self.parts_per_day < self.parts_max:
            raise ValueError("PARTS_PER_DAY is less than PARTS_MAX: the longest text could never go")
        return self

    @property
    def gateway(self) -> Gateway | None:
        """How the gateway is asked; none where no text is sent."""
        if not (url := self.url.get_secret_value()):
            return None
        headers = _headers(self.headers.get_secret_value())
        return Gateway(self.method, url, headers, self.body.get_secret_value(), self.retry, self.refused, self.accepted)


def _values(request: Request) -> Iterator[str]:
    """The texts that the gateway reads out of a request, by its kind. Raises ValueError, ParseError if the body is broken."""
    url = urlsplit(request.url)
    yield unquote(url.path)
    yield from (value for _, value in parse_qsl(url.query, keep_blank_values=True))
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "").lower()
    body = (request.body or b"").decode()
    if not body:
        return
    if "json" in kind:
        yield from _leaves(json.loads(body))
    elif "form-urlencoded" in kind:
        yield from (value for _, value in parse_qsl(body, keep_blank_values=True))
    elif "xml" in kind:
        for element in ElementTree.fromstring(body).iter():
            yield from (element.text or "", *element.attrib.values())
    else:
        yield body


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield str(value)
