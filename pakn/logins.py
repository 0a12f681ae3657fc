"""Where Kafka and MongoDB are, who this process is there, and the logins that a deployment gives to its own programs."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator


class KafkaSettings(BaseModel):
    """Where Kafka is, who this process is there, and how topics are made.

    A login is a `username` with `password`; or `token_file`, a bearer token that something else keeps fresh (OAUTHBEARER); or
    `certificate_file` with `key_file` (mTLS).
    """

    bootstrap: str = "localhost:9092"
    partitions: int = Field(default=6, ge=1, description="of the topics of the lifecycle, the contacts and the matters")
    replication_factor: int = Field(default=1, ge=1)
    security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    token_file: Path | None = None
    ca_file: Path | None = Field(default=None, description="who is believed to be Kafka, where its CA is one's own")
    certificate_file: Path | None = None
    key_file: Path | None = None
    max_records: int = Field(default=500, ge=1, le=5000, description="records in one turn")
    erased_seconds: int = Field(
        default=24 * 60 * 60,
        ge=1,
        description="after which Kafka forgets what was erased: segments of contacts and matters last so long",
    )
    session_seconds: float = Field(
        default=10,
        ge=1,
        description="after which others get the partitions of a process that was killed; the broker may want six or more",
    )

    @model_validator(mode="after")
    def _has_a_login(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            whole = self.token_file if self.mechanism == "OAUTHBEARER" else self.username and self.password
            if not whole:
                raise ValueError(f"{self.mechanism} needs {'a token_file' if self.mechanism == 'OAUTHBEARER' else 'a login'}")
        return self

    def plain_login(self) -> tuple[str, str]:
        """The username and the password. Raises ValueError where another kind of login is set."""
        if not (self.username and self.password):
            raise ValueError("no username and password are set for Kafka")
        return self.username, self.password.get_secret_value()


class MongoSettings(BaseModel):
    """Where MongoDB is, and who this process is there. `motor` is for those who already run it; it is past its end of life.

    A login stands in `username` and `password`, so that the address holds no secret; one in the address works too.
    """

    uri: SecretStr = SecretStr("mongodb://localhost:27017/?w=majority&journal=true")
    username: str | None = None
    password: SecretStr | None = None
    driver: Literal["pymongo", "motor"] = "pymongo"
    answer_seconds: float = Field(
        default=3, gt=0, le=60, description="without an answer to a request's question after which the database is away"
    )

    @field_validator("driver")
    @classmethod
    def _is_installed(cls, driver: str) -> str:
        if driver == "motor" and find_spec("motor") is None:
            raise ValueError("Motor is not installed here: install pakn[motor], or use pymongo")
        return driver

    @model_validator(mode="after")
    def _has_a_whole_login(self) -> Self:
        # Compose hands on an empty variable for one that is not set.
        if bool(self.username) != bool(self.password and self.password.get_secret_value()):
            raise ValueError("username and password go together")
        return self


def mongo_hosts(uri: str) -> str:
    """The hosts of a MongoDB address, without what may be secret in it."""
    return re.sub(r"^[^/]*//(?:.*@)?([^/?]*).*$", r"\1", uri)


class SigningKey(BaseModel, frozen=True):
    """A key that signs, by its id."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    secret: SecretStr = Field(min_length=32)


def signing_keys(value: object) -> object:
    """The keys of a list such as `2027:...,2026:...`, for pydantic; whatever is no text is left as it is."""
    if not isinstance(value, str):
        return value
    pairs = (part.strip().partition(":") for part in value.split(",") if part.strip())
    return tuple({"id": id, "secret": secret} for id, _, secret in pairs)


class AccessSettings(BaseModel):
    """The passwords that `pakn provision` gives to the logins of this deployment's own programs; without one it gives none."""

    intake: SecretStr | None = None
    routing: SecretStr | None = None
    deadlines: SecretStr | None = None
    notify: SecretStr | None = None
    exporter: SecretStr | None = None
    operator: SecretStr | None = None
