"""Which settings are defaults for trying out, or weak: what a province must not run on. Nothing here connects to anything."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pakn.gateways import is_this_machine
from pakn.logins import AccessSettings, mongo_hosts
from pakn.settings import Settings, networks
from schemas.topics import ServiceName

_CATCHERS = ("mailpit", "mailhog")
_FEWEST_SIGNS, _FEWEST_DIFFERENT = 16, 8
# Bits of a network's prefix: one with fewer is a good part of the internet.
_EVERYBODY = 8
_WORDS = {
    "development": ("a process starts whatever is wrong with its settings", "set PAKN_PROFILE=production"),
    "weak-secret": ("{} can be guessed", "make it with: openssl rand -hex 32"),
    "shared-secret": ("two secrets are the same: who has one has both", "make each on its own"),
    "scaled-time": ("PAKN_LEGAL_TIME__FILE is set: the law's clocks follow a file", "leave it out"),
    "no-login-kafka": ("nobody logs in to Kafka: whoever reaches it may be anybody", "set PAKN_KAFKA__SECURITY_PROTOCOL"),
    "plain-text-kafka": ("what goes to Kafka at {} can be read on the way", "use SASL_SSL or SSL"),
    "one-replica": ("each topic is kept once: a lost disk loses facts for ever", "set PAKN_KAFKA__REPLICATION_FACTOR=3"),
    "no-login-mongo": ("nobody logs in to MongoDB: whoever reaches it reads everything", "set PAKN_MONGO__USERNAME"),
    "plain-text-mongo": ("what goes to MongoDB at {} can be read on the way", "add tls=true to PAKN_MONGO__URI"),
    "unsafe-writes": ("MongoDB may forget what it has acknowledged", "keep w=majority&journal=true in PAKN_MONGO__URI"),
    "no-https": ("letters lead people to {}", "set PAKN_INTAKE__PUBLIC_URL to your https address"),
    "everybody-trusted": ("{} names a good part of the internet", "name your own proxies and networks only"),
    "mail-catcher": ("letters go to {} and reach nobody", "set PAKN_SMTP__HOST to your mail server"),
    "plain-text-mail": ("letters to {} can be read on the way", "set PAKN_SMTP__TLS to starttls or implicit"),
    "sender-example": ("letters come from {}", "set PAKN_SMTP__SENDER"),
}
"""By the name of a finding: what it is, with a place for what differs, and what to do."""


class Finding(NamedTuple):
    """One thing that is wrong: a `name` for programs and for `PAKN_DOCTOR__ACCEPTED`, what it is, and what to do."""

    name: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}; {self.do}."


def findings(settings: Settings, service: ServiceName | None = None) -> list[Finding]:
    """Everything that is wrong with the settings, accepted or not; of those that one service uses, or of all."""
    parts = [_of_profile, _of_secrets, _of_time, _of_kafka, _of_mongo]
    if service in (None, "intake"):
        parts.append(_of_pages)
    if service in (None, "notify"):
        parts.append(_of_mail)
    return [finding for part in parts for finding in part(settings)]


def refused(settings: Settings, service: ServiceName) -> list[Finding]:
    """What keeps a service from starting: in production, whatever the operator has not accepted by name; otherwise nothing."""
    if settings.profile != "production":
        return []
    return [finding for finding in findings(settings, service) if finding.name not in settings.doctor.accepted]


def _found(name: str, of: str = "") -> Finding:
    what, do = _WORDS[name]
    return Finding(name, what.format(of), do)


def _of_profile(settings: Settings) -> Iterator[Finding]:
    if settings.profile != "production":
        yield _found("development")


def _of_secrets(settings: Settings) -> Iterator[Finding]:
    given = {f"PAKN_ACCESS__{name.upper()}": getattr(settings.access, name) for name in AccessSettings.model_fields}
    given["PAKN_INTAKE__SECRET_KEY"] = settings.intake.secret_key
    given |= {f"PAKN_INTAKE__TOKEN_KEYS ({key.id})": key.secret for key in settings.intake.token_keys}
    secrets = {name: secret.get_secret_value() for name, secret in given.items() if secret}
    for name, value in secrets.items():
        if len(value) < _FEWEST_SIGNS or len(set(value)) < _FEWEST_DIFFERENT:
            yield _found("weak-secret", name)
    if len(set(secrets.values())) < len(secrets):
        yield _found("shared-secret")


def _of_time(settings: Settings) -> Iterator[Finding]:
    if settings.legal_time.file:
        yield _found("scaled-time")


def _of_kafka(settings: Settings) -> Iterator[Finding]:
    kafka = settings.kafka
    encrypted = kafka.security_protocol.endswith("SSL")
    if not kafka.security_protocol.startswith("SASL") and not (encrypted and kafka.certificate_file):
        yield _found("no-login-kafka")
    if not encrypted and not all(map(_is_here, kafka.bootstrap.split(","))):
        yield _found("plain-text-kafka", kafka.bootstrap)
    if kafka.replication_factor == 1:
        yield _found("one-replica")


def _of_mongo(settings: Settings) -> Iterator[Finding]:
    uri = settings.mongo.uri.get_secret_value()
    hosts = mongo_hosts(uri)
    options = {name.lower(): values[-1].lower() for name, values in parse_qs(urlsplit(uri).query).items()}
    if "@" not in uri and not settings.mongo.username:
        yield _found("no-login-mongo")
    encrypted = uri.startswith("mongodb+srv:") or "true" in (options.get("tls"), options.get("ssl"))
    if not encrypted and not all(map(_is_here, hosts.split(","))):
        yield _found("plain-text-mongo", hosts)
    if options.get("w") != "majority" or options.get("journal") != "true":
        yield _found("unsafe-writes")


def _of_pages(settings: Settings) -> Iterator[Finding]:
    address = urlsplit(settings.intake.public_url)
    if address.scheme != "https" or is_this_machine(address.hostname or ""):
        yield _found("no-https", settings.intake.public_url)
    trusted = {
        "PAKN_HTTP__TRUSTED_PROXIES": settings.http.trusted_proxies,
        "PAKN_INTAKE__UNLIMITED_NETWORKS": settings.intake.unlimited_networks,
    }
    for name, value in trusted.items():
        if any(network.prefixlen < _EVERYBODY for network in networks(value)):
            yield _found("everybody-trusted", name)


def _of_mail(settings: Settings) -> Iterator[Finding]:
    smtp = settings.smtp
    if is_this_machine(smtp.host) or smtp.host in _CATCHERS:
        yield _found("mail-catcher", f"{smtp.host}:{smtp.port}")
    elif smtp.tls == "none":
        yield _found("plain-text-mail", smtp.host)
    if smtp.sender.rstrip(">").endswith(".example"):
        yield _found("sender-example", smtp.sender)


def _is_here(address: str) -> bool:
    return is_this_machine(address.rpartition(":")[0].strip("[]") or address)
