"""Who this process is at Kafka, for FastStream and for plain clients of aiokafka."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from faststream.security import BaseSecurity, SASLOAuthBearer, SASLPlaintext, SASLScram256, SASLScram512

from pakn.logins import KafkaSettings

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """Reads the token anew at each connection, since something else keeps the file fresh."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def token(self) -> str:
        return (await asyncio.to_thread(self._file.read_text, encoding="ascii")).strip()


def security(settings: KafkaSettings) -> BaseSecurity:
    """The login in FastStream's form. Of a bearer token it holds the mechanism only; `token_provider` gives the token."""
    context = tls_context(settings)
    use_ssl = context is not None
    if not settings.security_protocol.startswith("SASL"):
        return BaseSecurity(context, use_ssl)
    if settings.mechanism == "OAUTHBEARER":
        return SASLOAuthBearer(context, use_ssl)
    username, password = settings.plain_login()
    return _SASL[settings.mechanism](username, password, context, use_ssl)


def token_provider(settings: KafkaSettings) -> AbstractTokenProvider | None:
    """Where the bearer token comes from, if there is one."""
    return _TokenFile(settings.token_file) if settings.token_file else None


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Addresses and login of a plain aiokafka client."""
    options: dict[str, Any] = {"bootstrap_servers": settings.bootstrap, "security_protocol": settings.security_protocol}
    if context := tls_context(settings):
        options["ssl_context"] = context
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.mechanism
        if settings.mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = token_provider(settings)
        else:
            options["sasl_plain_username"], options["sasl_plain_password"] = settings.plain_login()
    return options


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Whom to believe, and the certificate of this process where it has one; none where the connection is not encrypted."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    return context
