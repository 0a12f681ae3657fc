"""The parts of a pack as frozen models, one for each file of `packs/<id>/`.

Working-day arithmetic is not here but in the deadlines service, which reads `Calendar` and `RuleSet`.
"""

import datetime
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints

from pakn.packs.category import Category as Category
from pakn.packs.category import Question as Question
from pakn.packs.media_types import checked_media_type
from pakn.packs.open311 import Remote
from pakn.packs.part import Id, Part, Phrase, Positive, TopicId, Translated
from pakn.packs.personal_data import PersonalData, SenderNames
from schemas.portal_submission import MOST_FILES
from schemas.values import AppealGround, DayOffKind, Moment, RuleName, Unit

SenderField = Literal["name", "address", "phone", "email"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)  # in the order of date.weekday()

MediaType = Annotated[str, AfterValidator(checked_media_type)]
# Versions are compared as text: a month or day of one digit, or a quote, would sort after every later date.
CalendarVersion = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-([0-9]{2}|[0-9]{4})(-[0-9]{2})?([.-][0-9a-z]+)*$")]


class SenderFields(Part):
    required: tuple[SenderField, ...] = ()


class Attachments(Part):
    max_files: Annotated[Positive, Field(le=MOST_FILES)]
    max_bytes: Positive
    media_types: tuple[MediaType, ...]
    # Images are kept as they were sent, with the place and the device that they name, and not their picture alone.
    keep_originals: bool = False


class Portal(Part):
    id: TopicId
    name: Translated
    # Whether the portal has made sure that its users' mail addresses are their own. If not, each address confirms itself.
    verified_contacts: bool = False
    # Whether the portal is told the look-up secrets of its cases, and so may act for their senders by HTTP too.
    gets_lookup_secret: bool = False
    open311: Remote | None = None


class Level(Part):
    id: Id
    name: Translated


class Objections(Part):
    """When a sender may object, and where the case goes then: to the agency `to`, or to the coordinating one.

    `days` is how many days after the publishing, or after the last day that was missed, an objection is taken.
    """

    grounds: tuple[AppealGround, ...] = Field(min_length=1)
    days: Positive
    most: Annotated[Positive, Field(le=3)] = 1
    to: TopicId | None = None
    reason: Phrase


class Header(Part):
    """pack.yaml."""

    id: Id
    name: Translated
    timezone: Phrase
    languages: tuple[Id, ...] = Field(min_length=1)
    default_language: Id
    code_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,12}$")]
    coordinator: TopicId
    sender: SenderFields
    # Whether the title that a sender wrote is shown with the published reply.
    publish_titles: bool = False
    # Without it no sender's name is shown with a published reply.
    sender_names: SenderNames | None = None
    # Without it nothing is looked for in replies.
    personal_data: PersonalData | None = None
    # Whether a sender who asks who has looked at his data is told the officer's account, and not the agency alone.
    looks_name_officers: bool = False
    title_max: Positive
    content_max: Positive
    attachments: Attachments
    # Without it nobody objects.
    objections: Objections | None = None
    portals: tuple[Portal, ...] = Field(min_length=1)
    provinces: tuple[TopicId, ...] = ()
    levels: tuple[Level, ...] = ()


class Agency(Part):
    """A body that handles feedback, from `valid_from` to `valid_to` (both included, None is without end).

    `name` is in the pack's default language, `names` in others; `formal_name` is what a letter calls it, where that is another.
    `phone` and `email` are its public ones.
    """

    id: TopicId
    name: Phrase
    names: Translated = Field(default_factory=dict)
    kind: Id
    valid_from: date | None = None
    valid_to: date | None = None
    successor: TopicId | None = None
    source: Phrase | None = None
    parent: TopicId | None = None
    formal_name: Phrase | None = None
    phone: Phrase | None = None
    email: Phrase | None = None

    @property
    def letter_name(self) -> str:
        """The name to use in a letter to a citizen."""
        return self.formal_name or self.name


class When(Part):
    """What a submission must have; a field that is left out fits everything."""

    category: tuple[Id, ...] = ()
    province: tuple[TopicId, ...] = ()
    level: tuple[Id, ...] = ()
    addressed_to: tuple[TopicId, ...] = ()


class Assign(Part):
    """Either a fixed agency, or the one that the submission names in the field `from_`."""

    agency: TopicId | None = None
    from_: Literal["addressed_to", "province"] | None = Field(default=None, alias="from")


class RoutingRule(Part):
    id: Id
    when: When = When()
    assign: Assign
    reason: Phrase


class Routing(Part):
    """routing.yaml: the first rule that matches wins, and the last one matches everything."""

    version: Phrase
    rules: tuple[RoutingRule, ...]


class Limit(Part):
    """`n` units; an agency's or category's own number replaces it and may only be shorter."""

    n: Positive
    unit: Unit
    by_category: Mapping[Id, Positive] = Field(default_factory=dict)
    by_agency: Mapping[TopicId, Positive] = Field(default_factory=dict)


class Progress(Part):
    """After a missed limit, progress is owed every `n` units until the clock stops."""

    n: Positive
    unit: Literal["working_days", "days"]


class Rule(Part):
    """One limit, and the moments that move its clock.

    `start` opens a clock where none is open; `restart` closes an open one and opens it anew, counted from that moment;
    `stop` meets it; `cancel` ends it unmet, without blame; `resume` opens a met one again with the due date it had.
    `missed: lapses` is a right that ends (no one is overdue), `overdue` a duty. `measured_as` is the number, in the
    same unit, by which the authorities' own indicator counts, where it differs from the law.
    """

    name: Translated
    limit: Limit
    limit_is_per_category: bool = False
    start: tuple[Moment, ...] = Field(min_length=1)
    stop: tuple[Moment, ...] = Field(min_length=1)
    restart: tuple[Moment, ...] = ()
    cancel: tuple[Moment, ...] = ()
    resume: tuple[Moment, ...] = ()
    missed: Literal["overdue", "lapses"]
    warn_before: tuple[Positive, ...] = ()
    progress_every: Progress | None = None
    measured_as: Positive | None = None
    article: Translated
    source: Phrase
    confidence: Literal["high", "medium-high", "medium", "low-medium", "low"]
    note: Phrase | None = None


class Effective(Part):
    from_: date = Field(alias="from")
    to: date | None = None


class Verification(Part):
    """Who compared the rule set with the text of the law, when, and where that text is kept."""

    by: Phrase
    on: date
    text: Phrase


class RuleSet(Part):
    """The limits in force in a span of days. A clock keeps the set of the day on which it started.

    `revision` grows by one with each correction of a limit, and running clocks are counted again. `open_clocks` is the
    transitional rule: with `move`, clocks of an earlier set that still run when this one comes into force go over to it.
    """

    id: Id
    legal_basis: Translated
    effective: Effective
    verified: bool
    revision: Positive = 1
    open_clocks: Literal["keep", "move"] = "keep"
    verification: Verification | None = None
    copied_from: Id | None = None
    note: Phrase | None = None
    rules: Mapping[RuleName, Rule]

    def counts_otherwise(self, other: "RuleSet") -> list[str]:
        """Where a clock runs otherwise by the other one, as `rule.field`: names, articles, sources, notes, and the day on which
        the set ends, may differ."""
        said = {"name", "limit_is_per_category", "measured_as", "article", "source", "confidence", "note"}

        def what_counts(rule_set: RuleSet) -> dict[str, object]:
            found: dict[str, object] = {"effective.from": rule_set.effective.from_, "open_clocks": rule_set.open_clocks}
            for name, rule in rule_set.rules.items():
                for field, value in rule.model_dump(exclude=said).items():
                    # The order in which warnings and moments are listed means nothing.
                    found[f"{name}.{field}"] = set(value) if isinstance(value, tuple) else value
            return found

        one, another = what_counts(self), what_counts(other)
        return sorted(place for place in one.keys() | another.keys() if one.get(place) != another.get(place))


class DayOff(Part):
    date: datetime.date
    kind: DayOffKind
    name: Phrase
    source: Phrase


class WorkingDay(Part):
    """A day of the weekend that is worked, in exchange for the day off `for_`."""

    date: datetime.date
    kind: Literal["swap_work"]
    for_: datetime.date = Field(alias="for")
    source: Phrase


class Year(Part):
    year: Annotated[int, Field(ge=1900, le=2999, strict=True)]
    provisional: bool = False
    days_off: tuple[DayOff, ...] = ()
    working_days: tuple[WorkingDay, ...] = ()


class KnownDifference(Part):
    """A day on which the package is wrong, or does not know what this calendar knows."""

    date: datetime.date
    reason: Phrase


class Comparison(Part):
    """With which country of the `holidays` package a calendar is compared, and the differences that are known."""

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,3}$")]
    subdivision: Phrase | None = None
    known: tuple[KnownDifference, ...] = ()


class Calendar(Part):
    """calendar.yaml: only weekdays off and weekend days worked are listed; a year that is not listed is unknown.

    Versions are compared as text, and the greater one is the later.
    """

    version: CalendarVersion
    timezone: Phrase
    weekend: tuple[Weekday, ...] = Field(min_length=1, max_length=6)
    years: tuple[Year, ...] = Field(min_length=1)
    compare_with: Comparison | None = None
