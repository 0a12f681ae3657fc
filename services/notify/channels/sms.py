"""Hands text messages to a gateway by HTTP, and returns for each: sent, refused, to be tried again, or uncertain.

Each request has a connection of its own. On one that is kept open nobody can tell a server that closed it in time from one that
took the text and was lost, and the text would be uncertain for nothing.
"""

import asyncio
import ssl
from datetime import datetime
from typing import Any, Final

import httpx

from pakn import metrics
from pakn.engine import outgoing
from pakn.gateways import Gateway, Request, SmsSettings
from schemas.values import LetterChannel
from services.notify.channels import parts, phones
from services.notify.channels.channel import Attempt, Message, Server
from services.notify.domain import Case, Contact, Letter
from services.notify.letters.compose import CannotCompose, Composer

# Of an answer so much is read, in bytes: gateways answer in a few hundred.
_ANSWER_MAX: Final = 64 * 1024
# The answer as it is, without a compression that would have to be bounded too.
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "PAKN"}
_REQUEST_BEGINS: Final = "send_request_headers.started"


class Sms:
    """Text messages to mobile numbers of one country, as `channel.Channel` has them."""

    name: LetterChannel = "sms"
    server = Server("SMS gateway", metrics.sms_gateway_refuses, "sms_gateway_refuses_all_texts", "sms_gateway_takes_texts_again")

    def __init__(self, composer: Composer, settings: SmsSettings, gateway: Gateway, region: str, limit_seconds: float) -> None:
        """`region` has the two letters of the country; `limit_seconds` bounds a whole hand-over."""
        self._composer = composer
        self._settings = settings
        self._gateway = gateway
        self._region = region
        self._limit = limit_seconds
        self.size = settings.connections
        self.parts_per_day = settings.parts_per_day
        self._http = outgoing.client(
            verify=ssl.create_default_context(),
            timeout=settings.timeout_seconds,
            limits=httpx.Limits(max_connections=self.size, max_keepalive_connections=0),
            headers=_HEADERS,
        )

    def address(self, contact: Contact) -> str | None:
        """The number in E.164, if it is a mobile number of the country."""
        return phones.mobile_number(contact.phone, self._region) if contact.phone else None

    def counted_as(self, address: str) -> str:
        """E.164 has one spelling."""
        return address

    def bound(self, _contact: Contact) -> int:
        """The same for all: nobody confirms a number."""
        return self._settings.texts_per_number

    def compose(self, letter: Letter, case: Case, _now: datetime) -> Message:
        """The text in UTF-8 with its number of parts. Raises CannotCompose, also for a text of too many parts, and for one of which
        the settings make no request."""
        number = self.address(case.contact) if case.contact else None
        if number is None:
            raise CannotCompose("no mobile number")
        text = parts.written(self._composer.text(letter, case), diacritics=self._settings.diacritics)
        charged = parts.count(text)
        if charged > self._settings.parts_max:
            raise CannotCompose(f"{letter.moment}.sms: {charged} parts, {self._settings.parts_max} are allowed")
        message = Message(letter.id, number, text.encode(), charged)
        try:
            self._request(message)
        except Exception as error:  # A template of the settings may fail for a text unlike the one tried at start.
            # Here and not at the hand-over, where it would count as an answer of the gateway, and the other texts would wait.
            raise CannotCompose(f"request: {type(error).__name__}") from error
        return message

    async def hand_over(self, message: Message) -> Attempt:
        """One request. What happens before it goes out leaves the text unsent; after that only the answer tells."""
        request = self._request(message)
        begun = False

        async def trace(event: str, _info: dict[str, Any]) -> None:
            nonlocal begun
            begun = begun or event.endswith(_REQUEST_BEGINS)

        try:
            async with asyncio.timeout(self._limit):
                status, answer = await self._exchange(request, trace)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return Attempt("uncertain" if begun else "unreachable", f"{'answer' if begun else 'connect'}: {type(error).__name__}")
        result, code = self._gateway.meaning(status, answer)
        return Attempt(result, "" if result == "sent" else f"answer: {code}")

    def _request(self, message: Message) -> Request:
        text = message.content.decode()
        values = {"to": message.recipient, "national": phones.national_form(message.recipient), "text": text, "id": message.id}
        return self._gateway.request(values | {"parts": message.parts, "unicode": not parts.is_gsm_7(text)})

    async def _exchange(self, request: Request, trace: Any) -> tuple[int, str]:
        stream = self._http.stream(
            request.method, request.url, headers=dict(request.headers), content=request.body, extensions={"trace": trace}
        )
        answer = bytearray()
        async with stream as response:
            async for chunk in response.aiter_raw():
                answer += chunk
                if len(answer) >= _ANSWER_MAX:
                    break
        return response.status_code, answer[:_ANSWER_MAX].decode(errors="replace")

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()
