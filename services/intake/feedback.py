"""A feedback as intake keeps it: what was sent, what became of it, and every fact that it gave rise to. Pure."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer

import schemas
from schemas import Fact, topics
from schemas.day_count import DayCount
from schemas.matter import Answered, Appeal, Supplement
from schemas.states import CaseState
from schemas.values import Attachment, Channel, Place, SubmitterType

SOURCE = "/pakn/intake"
ListedAs = Literal["open", "closed"]


class Step(BaseModel, frozen=True, extra="ignore"):
    """One step of a feedback's way; `id` is that of the fact behind it."""

    id: str
    type: str
    at: datetime
    agency: str | None = None


def _without_types(count: DayCount | None) -> Any:
    # A database keeps no days without a time.
    return count and count.model_dump(mode="json")


class Due(BaseModel, frozen=True, extra="ignore"):
    """The last day for the reply and the law it stands on."""

    # A database keeps no days without a time.
    date: Annotated[date, PlainSerializer(date.isoformat)]
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")
    count: Annotated[DayCount | None, PlainSerializer(_without_types)] = Field(default=None, description="how the day was counted")


class SenderDetails(BaseModel, frozen=True, extra="ignore"):
    """Personal data of the sender; empty once erased. Plain text: what was taken once is read whatever is taken today."""

    name: str | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None


class Recorded(BaseModel, frozen=True, extra="ignore"):
    """The facts that one cause (a submission, an act of the sender's) gave rise to, exactly as they are published."""

    cause: str
    facts: tuple[Fact, ...]


class Supplemented(Supplement, frozen=True, extra="ignore"):
    """A supplement as intake keeps it, with the id of the act."""

    id: str


class ReplyFile(Attachment, frozen=True, extra="ignore"):
    """A file that an agency has stored for a reply of its own."""

    agency: str


class PortalsAct(BaseModel, frozen=True, extra="ignore"):
    """An act that a portal handed on: the fact that it became, and the portal's own id of it."""

    fact: str
    own_id: str


class Appealed(Appeal, frozen=True, extra="ignore"):
    """An objection as intake keeps it, with the id of the act."""

    id: str


class Said(BaseModel, frozen=True, extra="ignore"):
    """The act by which the sender last said something: its id, and when."""

    id: str
    at: datetime


def _said(row: Supplement | Appeal) -> dict[str, Any]:
    """What the sender said in it, without the id of the act."""
    return {name: value for name, value in row if name != "id"}


class Feedback(BaseModel, frozen=True, extra="ignore"):
    """One feedback. `version` counts what the sender did; what agencies do changes the shown fields and not the version.

    `attachments` are those of the submission, then those of the supplements. `named_unit` is the one that the sender named,
    `unit` that of the agency, `where` the matter is and in which `commune`. `submission_id` and `reference` are the portal's own.
    `remark` is what the sender said of the reply; `last_said` is absent where nothing was
    said since the submission, or by a release before this field.
    `publish_name` is whether the sender agrees that the masked name stands beside the published reply, and `title_as_written`
    whether an officer decided that the title is published with what looks like personal data in it.
    `reply_files` are stored for a reply, `reply_attachments` those of the published one.
    `secret_number` counts how often the sender has taken a new look-up secret.
    `listed_as` is none for a class outside the procedure, which no public list has. `updated_at` is the time of the last fact
    that changed what anybody may see. `area` and `square` are keys of where it is (`nearby.py`), absent in cases of a release
    before them. Once the matter is erased, title and content are empty.
    """

    id: str
    version: int = 1
    code: str
    state: CaseState
    category: str
    title: str
    content: str
    language: str
    sender: SenderDetails
    submitter_type: SubmitterType
    publish_name: bool = False
    attachments: tuple[Attachment, ...]
    named_unit: str | None = None
    commune: str | None = None
    answers: tuple[Answered, ...] = ()
    where: Place | None = None
    supplements: tuple[Supplemented, ...] = ()
    channel: Channel
    portal: str | None = None
    submission_id: str | None = None
    reference: str | None = None
    submitted_at: datetime
    received_at: datetime
    fingerprint: str
    reason: str | None = None
    right_channel: str | None = None
    agency: str | None = None
    unit: str | None = None
    due: Due | None = None
    question: str | None = None
    reply: str | None = None
    document_number: str | None = None
    title_as_written: bool = False
    reply_attachments: tuple[Attachment, ...] = ()
    reply_files: tuple[ReplyFile, ...] = ()
    published_at: datetime | None = None
    satisfied: bool | None = None
    listed_as: ListedAs | None = None
    area: str | None = None
    square: str | None = None
    updated_at: datetime | None = None
    portal_acts: tuple[PortalsAct, ...] = ()
    remark: str | None = None
    secret_number: int = 0
    details_erased: bool = False
    appeals: tuple[Appealed, ...] = ()
    last_said: Said | None = None
    timeline: tuple[Step, ...] = ()
    history: tuple[Recorded, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether its class belongs to the procedure; an agency that refuses it later does not change that."""
        return self.state != "not_accepted" or self.agency is not None

    @property
    def is_asked(self) -> bool:
        """Whether the agency waits for more from the sender; what was erased cannot be supplemented."""
        return self.state == "waiting_for_supplement" and not self.is_erased

    @property
    def can_be_rated(self) -> bool:
        """Whether there is a published reply that the sender has not rated yet."""
        return self.state == "published" and self.satisfied is None

    @property
    def has_supplements(self) -> bool:
        """Whether the sender has answered a question before."""
        return any(fact.name == "FeedbackSupplemented" for recorded in self.history for fact in recorded.facts)

    @property
    def is_erased(self) -> bool:
        """Whether what the sender wrote was erased."""
        return not self.title

    @property
    def facts(self) -> list[Fact]:
        """Every fact of this feedback in order, and what it says."""
        return [fact for recorded in self.history for fact in recorded.facts] + self.matter

    @property
    def matter(self) -> list[Fact]:
        """The fact of what the sender has written so far; none once that is erased, and none of a class that is not accepted.

        It is made anew each time, and the same each time: it stands in no history, from which it would have to be erased.
        """
        if self.is_erased or not self.accepted:
            return []
        files = sum(len(row.attachments) for row in self.supplements) + sum(len(row.attachments) for row in self.appeals)
        last = self.supplements[-1] if self.supplements else None
        said = self.last_said or (Said(id=last.id, at=last.supplemented_at) if last else None)
        # Everything in it was checked when it was taken, and megabytes of rare signs take seconds to check.
        event = schemas.MatterRecorded.model_construct(
            feedback_id=self.id,
            code=self.code,
            title=self.title,
            content=self.content,
            unit=self.named_unit,
            commune=self.commune,
            answers=self.answers,
            place=self.where,
            attachments=self.attachments[: len(self.attachments) - files],
            supplements=tuple(Supplement.model_construct(**_said(row)) for row in self.supplements),
            remark=self.remark,
            appeals=tuple(Appeal.model_construct(**_said(row)) for row in self.appeals),
        )
        at = said.at if said else self.received_at
        cause = said.id if said else self.history[0].cause
        return [schemas.fact(event, cause=cause, subject=self.id, time=at, source=SOURCE, topics=(topics.MATTERS,))]

    @property
    def unshown_facts(self) -> list[Fact]:
        """The facts that did not come back from Kafka yet. Of contacts and answers nothing comes back, so they are always there."""
        shown = {step.id for step in self.timeline}
        return [fact for fact in self.facts if fact.id not in shown]

    @property
    def facts_to_repeat(self) -> list[Fact]:
        """What is published when the submission comes again by Kafka: nothing twice that stays in the lifecycle for ever.

        What the sender did later has a place in the outbox. Contacts come in their order, so that the last one counts.
        """
        first = {fact.id for fact in self.history[0].facts}
        return [fact for fact in self.unshown_facts if fact.id in first or topics.FEEDBACK not in fact.topics]

    def has_recorded(self, cause: str) -> bool:
        """Whether `cause` was handled before."""
        return any(recorded.cause == cause for recorded in self.history)
