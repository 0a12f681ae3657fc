"""Hands letters to the mail server over a few lasting connections, and returns for each: sent, refused, or uncertain.

The client library has neither a pool nor a reconnect. Its `sendmail` does not show whether a connection was lost before or
after the letter went out, so the steps of SMTP are taken one by one here.
"""

import asyncio
import contextlib
import re
from datetime import datetime
from email.utils import parseaddr
from typing import Final, Protocol

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPResponseException

from pakn import metrics
from pakn.settings import NotifySettings, SmtpSettings
from schemas.values import LetterChannel
from services.notify.addresses import mailbox_of
from services.notify.channels.channel import Attempt, Message, Server
from services.notify.domain import Case, Contact, Letter
from services.notify.letters.compose import Composer

_SERVICE_NOT_AVAILABLE: Final = 421
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


class Connection:
    """One connection, opened at its first use, and again after it was lost."""

    def __init__(self, settings: SmtpSettings, limit_seconds: float) -> None:
        """`limit_seconds` bounds a whole hand-over; the settings bound each answer of the server."""
        self._settings = settings
        self._limit = limit_seconds
        self._sender = parseaddr(settings.sender)[1]
        self._smtp: SMTP | None = None
        self._data_begun = False

    async def hand_over(self, recipient: str, letter: bytes) -> Attempt:
        """Give `letter` to the server for `recipient`. Uncertain only if nobody can know whether the server took it."""
        self._data_begun = False
        try:
            async with asyncio.timeout(self._limit):
                return await self._transaction(recipient, letter)
        except TimeoutError:
            self.drop()
            return Attempt("uncertain" if self._data_begun else "retry", "no end in time")
        except asyncio.CancelledError:
            self.drop()
            raise

    async def _transaction(self, recipient: str, letter: bytes) -> Attempt:
        while True:
            reused = self._smtp is not None
            try:
                smtp = await self._connected()
            except (SMTPException, OSError) as error:
                self.drop()
                return Attempt("unreachable", _reason("connect", error))
            step = "sender"
            try:
                await smtp.mail(self._sender)
                step = "envelope"
                await smtp.rcpt(recipient)
                break
            except ValueError as error:
                # The library itself refused the address; the server has not seen it.
                await self._reset()
                return Attempt("failed", _reason(step, error))
            except (SMTPException, OSError) as error:
                code = error.code if isinstance(error, SMTPResponseException) else 0
                lost = code in (0, _SERVICE_NOT_AVAILABLE)
                if lost:
                    self.drop()
                if not (lost and reused):
                    await self._reset()
                    if step == "sender" and code >= 500:
                        # The server refused our own sender: a wrong setting, and no fault of the letter.
                        return Attempt("unreachable", _reason(step, error))
                    return Attempt("failed" if code >= 500 else "retry", _reason(step, error))
                # The server had closed an idle connection. Nothing was handed over, so a new connection is tried at once.
        self._data_begun = True
        try:
            await smtp.data(letter)
        except SMTPDataError as error:
            await self._reset()
            # The server has answered that it does not take the letter.
            if 400 <= error.code < 600:
                return Attempt("failed" if error.code >= 500 else "retry", _reason("data", error))
            return Attempt("uncertain", _reason("data", error))
        except (SMTPException, OSError) as error:
            self.drop()
            return Attempt("uncertain", _reason("data", error))
        return Attempt("sent")

    async def _connected(self) -> SMTP:
        if self._smtp is None or not self._smtp.is_connected:
            settings = self._settings
            self._smtp = SMTP(
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=settings.password.get_secret_value() if settings.password else None,
                use_tls=settings.tls == "implicit",
                # False, not None: the library would otherwise use STARTTLS where offered, and trust a server that hides its offer.
                start_tls=settings.tls == "starttls",
                timeout=settings.timeout_seconds,
                # The default looks up this machine's full name, which can take seconds.
                local_hostname=self._sender.rpartition("@")[2] or "localhost",
            )
            await self._smtp.connect()
        return self._smtp

    async def _reset(self) -> None:
        """Clear the envelope for the next letter."""
        if self._smtp is not None:
            try:
                await self._smtp.rset()
            except (SMTPException, OSError):
                self.drop()

    def drop(self) -> None:
        """Close without QUIT; the next use connects again."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    async def quit(self) -> None:
        """Close with QUIT."""
        if self._smtp is not None and self._smtp.is_connected:
            with contextlib.suppress(SMTPException, OSError):
                await self._smtp.quit()
        self.drop()


class Pool:
    """A fixed number of connections. A letter takes the next free one."""

    def __init__(self, settings: SmtpSettings, limit_seconds: float) -> None:
        self.size = settings.connections
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        for _ in range(self.size):
            self._free.put_nowait(Connection(settings, limit_seconds))

    async def hand_over(self, recipient: str, letter: bytes) -> Attempt:
        """As `Connection.hand_over`, on the next free connection."""
        connection = await self._free.get()
        try:
            return await connection.hand_over(recipient, letter)
        finally:
            self._free.put_nowait(connection)

    async def close(self) -> None:
        """Close every free connection with QUIT."""
        while not self._free.empty():
            await self._free.get_nowait().quit()


class Transport(Protocol):
    """What letters need of a mail server."""

    size: int

    async def hand_over(self, recipient: str, letter: bytes) -> Attempt:
        """Give one letter to the server, and return its answer."""
        ...

    async def close(self) -> None:
        """Close every connection that is free."""
        ...


class Email:
    """Letters by mail, as `channel.Channel` has them."""

    name: LetterChannel = "email"
    server = Server(
        "mail server", metrics.mail_server_refuses, "mail_server_refuses_all_letters", "mail_server_takes_letters_again"
    )
    parts_per_day = 0

    def __init__(self, composer: Composer, transport: Transport, settings: NotifySettings) -> None:
        self._composer = composer
        self._transport = transport
        self._settings = settings
        self.size = transport.size

    def address(self, contact: Contact) -> str | None:
        """The address as intake keeps it."""
        return contact.email

    def counted_as(self, address: str) -> str:
        """Spellings that one mailbox takes are one."""
        return mailbox_of(address)

    def bound(self, contact: Contact) -> int:
        """Strangers must not use up the letters of those who have confirmed."""
        return self._settings.letters_per_address if contact.email_confirmed else self._settings.letters_per_unconfirmed

    def compose(self, letter: Letter, case: Case, now: datetime) -> Message:
        """The message with its headers. Raises CannotCompose."""
        return Message(letter.id, *self._composer.compose(letter, case, now))

    async def hand_over(self, message: Message) -> Attempt:
        """On the next free connection."""
        return await self._transport.hand_over(message.recipient, message.content)

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()


def _reason(step: str, error: Exception) -> str:
    if not isinstance(error, SMTPResponseException):
        return f"{step}: {type(error).__name__}"
    enhanced = _ENHANCED_CODE.match(error.message)
    return f"{step}: {error.code}{' ' + enhanced.group() if enhanced else ''}"
