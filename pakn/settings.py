"""Settings of every process, read once from the environment (`PAKN_...`), typed; every fault is reported at start.

`.env.example` lists all of them.
"""

import difflib
import json
import os
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pakn.gateways import SmsSettings, is_this_machine
from pakn.logins import AccessSettings, KafkaSettings, MongoSettings, SigningKey, signing_keys
from pakn.mailboxes import ImapFolder, MboxFile, parse_mailbox
from schemas.topics import ServiceName

DEFAULT_PORTS: dict[ServiceName, int] = {"intake": 8001, "routing": 8002, "deadlines": 8003, "notify": 8004}


def networks(text: str) -> list[IPv4Network | IPv6Network]:
    """The networks of a list that commas separate. Raises ValueError on one that is none."""
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def _checked_networks(text: str) -> str:
    networks(text)
    return text


Networks = Annotated[str, AfterValidator(_checked_networks)]


def portal_keys(text: str) -> dict[str, str]:
    """The keys of a JSON object, by the ids of their portals. Raises ValueError on another text."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(key, str) and key for key in found.values()):
        raise ValueError('must be a JSON object of texts, such as {"PORTAL": "KEY"}')
    return found


def _checked_keys(text: SecretStr) -> SecretStr:
    portal_keys(text.get_secret_value())
    return text


def _checked_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not text.startswith("/") and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("must be HOST:PORT or the path of a socket")
    return text


Clamd = Annotated[str, AfterValidator(_checked_address)]


class HttpSettings(BaseModel):
    """The address of this process's pages; the port defaults to 8001 (intake) ... 8004 (notify).

    `pakn up` gives `port` to intake, and the three after it to routing, deadlines and notify.
    """

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65535)
    # Networks of the proxies whose X-Forwarded-For is believed, separated by commas; empty: nobody's.
    trusted_proxies: Networks = ""


class LocalSettings(BaseModel):
    """The ports of 127.0.0.1 on which `pakn up` starts its own Kafka and MongoDB."""

    kafka_port: int = Field(default=19092, ge=1, le=65535)
    mongo_port: int = Field(default=19017, ge=1, le=65535)


class SmtpSettings(BaseModel):
    """The mail server that takes the letters."""

    host: str = "localhost"
    port: int = Field(default=1025, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    tls: Literal["none", "starttls", "implicit"] = Field(default="none", validate_default=True)
    sender: str = "PAKN <no-reply@pakn.example>"
    connections: int = Field(default=4, ge=1, le=64)
    timeout_seconds: float = Field(default=20, gt=0)

    @field_validator("tls")
    @classmethod
    def _hides_the_password(cls, tls: str, info: ValidationInfo) -> str:
        if tls == "none" and info.data.get("username") and not is_this_machine(info.data.get("host", "")):
            raise ValueError("the password would cross the network in clear: use starttls or implicit, or leave out the username")
        return tls


class LegalTimeSettings(BaseModel):
    """`file` scales the legal clock for demos and tests; without it the legal clock is the machine's."""

    file: Path | None = None


class IntakeSettings(BaseModel):
    """Group commit, secrets and links of the citizens' side."""

    secret_key: SecretStr = Field(
        default=SecretStr(""), description="signs look-up secrets and the forms of the pages; at least 32 characters"
    )
    token_keys: Annotated[tuple[SigningKey, ...], NoDecode, BeforeValidator(signing_keys)] = Field(
        default=(), description="sign the tokens of agencies and portals: ID:KEY, separated by commas; the first signs"
    )
    flush_milliseconds: float = Field(default=4, ge=0, le=1000)
    flush_documents: int = Field(default=200, ge=1, le=2000)
    sweep_seconds: float = Field(default=5, gt=0)
    # For each network and hour; 0: no limit.
    limit_submissions: int = Field(default=600, ge=0)
    limit_look_ups: int = Field(default=20_000, ge=0)
    limit_wrong: int = Field(default=100, ge=0)
    unlimited_networks: Networks = "127.0.0.0/8,::1/128"
    clamd: Clamd = ""
    public_url: str = "http://localhost:8001"
    uploads: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="forms that may come in at once, a few megabytes each; four times as many wait for their photos to be read",
    )
    upload_seconds: float = Field(default=300, gt=0, le=1800, description="that the body of one request may take")
    form_seconds: float = Field(default=3, ge=0, le=60, description="that a person needs at least to fill in the form of the pages")
    open311_seconds: float = Field(default=300, gt=0, description="between two turns with a portal's Open311 interface")
    open311_keys: Annotated[SecretStr, AfterValidator(_checked_keys)] = SecretStr("")
    silent_seconds: float = Field(default=20, gt=0, description="without a byte after which a request is cut")
    erase_closed_days: int = Field(
        default=0, ge=0, le=36_500, description="after the end of a case its sender's details are erased; 0: never"
    )
    looks_days: int = Field(default=1826, ge=0, le=36_500, description="for which a look at personal data is kept; 0: for good")


class DeadlinesSettings(BaseModel):
    """How often due clocks and corrections of the law are looked up, in seconds of the machine."""

    tick_seconds: float = Field(default=1, gt=0)
    batch: int = Field(default=500, ge=1, le=5000)
    grace_seconds: float = Field(default=30, ge=0, description="how long a timer waits for facts that are still under way")
    law_seconds: float = Field(
        default=10, gt=0, description="between polls for an applied calendar, which takes effect after three polls"
    )


class NotifySettings(BaseModel):
    """How letters are tried again; times in seconds of the machine."""

    tick_seconds: float = Field(default=1, gt=0)
    batch: int = Field(default=100, ge=1, le=1000)
    lease_seconds: float = Field(default=120, gt=0)
    backoff_seconds: float = Field(default=5, gt=0, description="the first pause; the pauses grow to an hour at most")
    # So many recipients refused in a row are the mail server's fault: sending rests, and the letters stay queued.
    refusals: int = Field(default=10, ge=2)
    # In a day (UTC); the others wait for the next one. 0: no bound.
    letters_per_address: int = Field(default=50, ge=0)
    letters_per_unconfirmed: int = Field(default=10, ge=0)
    bounces: Annotated[MboxFile | ImapFolder | None, NoDecode, BeforeValidator(parse_mailbox)] = Field(
        default=None, description="where bounces arrive: an mbox file, or imaps://USER:PASSWORD@HOST/FOLDER"
    )
    bounces_seconds: float = Field(default=60, gt=0, description="between two looks into that mailbox")


class FuseSettings(BaseModel):
    """When unexpected failures of decisions end the process instead of becoming dead letters."""

    run: int = Field(default=20, ge=1, description="cases that may fail one after the other")
    share: float = Field(default=0.5, gt=0, le=1, description="of the decisions of a minute that may fail")


class QuarantineSettings(BaseModel):
    """When a partition whose record ends the process again and again is set aside, so that all others go on."""

    suspect: int = Field(default=2, ge=1, description="unexplained ends at one offset, after which records are handed over singly")
    ends: int = Field(default=3, ge=1, description="unexplained ends with the same record in hand, after which it is set aside")


def _names(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class DoctorSettings(BaseModel):
    """What `pakn doctor` finds that the operator has looked at and lives with."""

    accepted: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        default=(), description="names of findings, separated by commas"
    )


class LogSettings(BaseModel):
    """Logs are JSON lines on standard output."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(env_prefix="PAKN_", env_nested_delimiter="__", frozen=True, extra="ignore")

    namespace: str = Field(default="pakn", pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    pack: str = "vn"
    profile: Literal["development", "production"] = Field(
        default="development", description="in production a process with weak settings does not start"
    )
    retry_seconds: float = Field(default=60, gt=0, description="how long a turn is tried again before the process gives up")
    gauge_seconds: float = Field(default=15, gt=0, description="how often counts of cases, clocks and letters are read")
    kafka: KafkaSettings = KafkaSettings()
    mongo: MongoSettings = MongoSettings()
    http: HttpSettings = HttpSettings()
    local: LocalSettings = LocalSettings()
    smtp: SmtpSettings = SmtpSettings()
    sms: SmsSettings = SmsSettings()
    legal_time: LegalTimeSettings = LegalTimeSettings()
    intake: IntakeSettings = IntakeSettings()
    deadlines: DeadlinesSettings = DeadlinesSettings()
    notify: NotifySettings = NotifySettings()
    log: LogSettings = LogSettings()
    fuse: FuseSettings = FuseSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    access: AccessSettings = AccessSettings()
    doctor: DoctorSettings = DoctorSettings()

    def port(self, service: ServiceName) -> int:
        """The HTTP port of `service` in this process."""
        return DEFAULT_PORTS[service] if self.http.port is None else self.http.port


class SettingsError(ValueError):
    """The environment holds settings that cannot be used; the text has one line per fault."""


def variables(model: type[BaseModel] = Settings, prefix: str = "PAKN_") -> Iterator[tuple[str, FieldInfo]]:
    """The name of each variable of the environment that is a setting, with its field."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from variables(field.annotation, f"{variable}__")
        else:
            yield variable, field


def read_settings() -> Settings:
    """Read the environment. Raises SettingsError with every fault, each with the variable's name.

    A variable that only looks like a setting is a fault: a misspelt one would leave its setting at the default in silence.
    """
    known = [name for name, _ in variables()]
    lines = []
    for name in sorted(name for name in os.environ if name.startswith("PAKN_") and name.upper() not in known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        lines.append(f"{name}: there is no such setting" + (f"; is {near[0]} meant?" if near else ""))
    try:
        settings = Settings()
    except ValidationError as error:
        lines += [f"PAKN_{'__'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}" for fault in error.errors()]
    if lines:
        raise SettingsError("\n".join(lines))
    return settings
