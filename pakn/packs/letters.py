"""The model of a pack's letters.yaml: at which moments a sender is written to, and by which channels."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from pakn.packs.part import Id, Part, Phrase
from schemas.values import LetterChannel, RuleName


def _each_once(channels: tuple[LetterChannel, ...]) -> tuple[LetterChannel, ...]:
    if len(set(channels)) < len(channels):
        raise ValueError("a channel is listed twice; list each once")
    return channels


class Letter(Part):
    """Which event a letter is sent on; with `rule`, only where the event is about that rule's clock.

    A sender gets one by each of the channels by which he can be reached.
    """

    event: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]+$")]
    rule: RuleName | None = None
    channels: Annotated[tuple[LetterChannel, ...], Field(min_length=1), AfterValidator(_each_once)] = ("email",)


class Letters(Part):
    """letters.yaml. `phone_region` is the country whose mobile numbers get text messages, by its two letters (ISO 3166-1)."""

    version: Phrase
    phone_region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    moments: Mapping[Id, Letter]
