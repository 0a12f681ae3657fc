"""Letters over TLS: from the first byte or by STARTTLS, to a server that proves its name; never a password without it."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr

from pakn.settings import SettingsError, SmtpSettings, read_settings
from services.notify.channels.email import Attempt, Pool
from tests.support.certificates import needs_certificate, trusted_certificate
from tests.support.mail_world import MailServer

LETTER = b"Subject: x\r\n\r\nx\r\n"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    return trusted_certificate(tmp_path, monkeypatch)


class Doorkeeper:
    """Takes one password, and keeps what was shown to it."""

    def __init__(self) -> None:
        self.shown: list[bytes] = []

    def __call__(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword) -> AuthResult:
        self.shown.append(given.password)
        return AuthResult(success=given.password == b"secret")


async def hand_over(port: int, tls: str, **changes: Any) -> Attempt:
    known: dict[str, Any] = {"host": "localhost", "port": port, "tls": tls, "connections": 1, "timeout_seconds": 5}
    pool = Pool(SmtpSettings(**known | {"username": "pakn", "password": SecretStr("secret")} | changes), 10)
    try:
        return await pool.hand_over("a@example.org", LETTER)
    finally:
        await pool.close()


def answering(door: Doorkeeper, tls: str, context: ssl.SSLContext) -> dict[str, Any]:
    """How a server listens that speaks this kind of TLS and lets in who shows the password."""
    if tls == "implicit":
        return {"implicit": context, "authenticator": door, "auth_require_tls": False}
    return {"tls_context": context, "authenticator": door}


@needs_certificate
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_letter_goes_over_either_kind_of_tls_after_a_login(certificate: ssl.SSLContext, tls: str) -> None:
    """Port 465 could not be used: only STARTTLS was known."""
    server, door = MailServer(), Doorkeeper()
    async with server.listening(**answering(door, tls, certificate)) as port:
        assert (await hand_over(port, tls)).result == "sent"
    assert door.shown == [b"secret"]
    assert len(server.mailbox) == 1


@needs_certificate
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_server_that_cannot_prove_its_name_gets_neither_password_nor_letter(certificate: ssl.SSLContext, tls: str) -> None:
    server, door = MailServer(), Doorkeeper()
    async with server.listening(**answering(door, tls, certificate)) as port:
        assert (await hand_over(port, tls, host="127.0.0.1")).result == "unreachable"
    assert (door.shown, server.mailbox) == ([], [])


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_server_that_offers_no_tls_gets_neither_password_nor_letter(tls: str) -> None:
    """Somebody in between can hide the offer of STARTTLS."""
    server, door = MailServer(), Doorkeeper()
    async with server.listening(authenticator=door, auth_require_tls=False) as port:
        assert (await hand_over(port, tls, timeout_seconds=0.5)).result == "unreachable"
    assert (door.shown, server.mailbox) == ([], [])


@pytest.mark.parametrize(
    ("host", "tls", "taken"),
    [
        ("mail.example.org", "none", False), ("192.0.2.1", "none", False), ("mail.example.org", "starttls", True),
        ("mail.example.org", "implicit", True), ("localhost", "none", True), ("127.0.0.1", "none", True), ("::1", "none", True),
    ],
)  # fmt: skip
def test_a_password_never_crosses_a_network_in_clear(monkeypatch: pytest.MonkeyPatch, host: str, tls: str, taken: bool) -> None:
    for name, value in {"HOST": host, "TLS": tls, "USERNAME": "pakn", "PASSWORD": "secret"}.items():
        monkeypatch.setenv(f"PAKN_SMTP__{name}", value)
    if taken:
        assert read_settings().smtp.tls == tls
    else:
        with pytest.raises(SettingsError, match=r"PAKN_SMTP__TLS: .*in clear.*starttls or implicit"):
            read_settings()


def test_the_default_without_tls_is_refused_with_a_username_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAKN_SMTP__HOST", "mail.example.org")
    assert read_settings().smtp.tls == "none", "a relay of one's own network needs no login"
    monkeypatch.setenv("PAKN_SMTP__USERNAME", "pakn")
    with pytest.raises(SettingsError, match="PAKN_SMTP__TLS"):
        read_settings()
