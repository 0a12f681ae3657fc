"""The Kafka edge of intake: portals' submissions come in by their topics, lifecycle facts bring the shown state up to date.

`app.py` subscribes; `handlers.py` registers. What a portal sent wrongly is answered in its own topic with every fault.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

import schemas
from pakn import metrics
from pakn.engine.case_store import all_recorded_facts
from pakn.engine.kafka import Record
from pakn.engine.mongo import Document, FileBucket
from pakn.engine.turn import Outcome, Received
from pakn.errors import GiveUp, describe
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.packs.load import Pack
from schemas import Fact, topics
from schemas.portal_submission import InlineFile, PortalSubmission
from schemas.states import STATE_AFTER
from schemas.topics import TopicName
from schemas.values import Fault
from services.intake import attachments, domain
from services.intake.registration import Registrar
from services.intake.store import IntakeStore

log = logger(__name__)
SHOWN = frozenset({*STATE_AFTER, "FeedbackReturned", "FeedbackTransferred", "DeadlineSet", "DeadlineMoved"})
WANTED = SHOWN | {"PortalSubmission"}


class _Outer(BaseModel):
    """What a portal puts around a submission, read for itself where the submission inside is wrong."""

    sent_at: AwareDatetime | None = None
    attachments: tuple[InlineFile, ...] = ()


class IntakeHandler:
    """One batch: register what portals posted, then show what the lifecycle says."""

    def __init__(self, pack: Pack, store: IntakeStore, registrar: Registrar, bucket: FileBucket, time: LegalTime) -> None:
        self._pack = pack
        self._store = store
        self._registrar = registrar
        self._bucket = bucket
        self._time = time

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Safe to call again: a submission is found by the id derived from its portal's own id."""
        outcome = Outcome()
        drafts: list[tuple[Received, domain.Draft]] = []
        for received in batch:
            if received.envelope.name == "PortalSubmission":
                try:
                    drafts.append((received, await self._draft(received)))
                except GiveUp as reason:
                    outcome.given_up.append((received, reason))
                except (ValueError, LookupError, TypeError) as error:
                    # A fault of ours, which no repetition mends: it must not stop the portals behind it.
                    log.exception("draft_failed", event_id=received.envelope.id)
                    outcome.given_up.append((received, GiveUp("unexpected", describe(error))))
        if drafts:
            registrations = await self._registrar.register([draft for _, draft in drafts])
            for (received, _), registration in zip(drafts, registrations, strict=True):
                outcome.repeated += registration.repeated
                if registration.same:
                    outcome.facts += all_recorded_facts(registration.document)
                else:
                    fault = Fault(field="ce_id", message="was used before for another submission; a new submission needs a new id")
                    outcome.given_up.append((received, _refusal([fault])))
        await self._project([received for received in batch if received.envelope.name in SHOWN])
        return outcome

    async def _draft(self, received: Received) -> domain.Draft:
        portal = received.topic.party
        assert isinstance(received.event, PortalSubmission)
        raw: dict[str, Any] = json.loads(received.record.value or b"{}")
        submission, faults = domain.check(self._pack, raw, PortalSubmission)
        received_at = self._time.at(received.appended_at)
        submitted_at, time_faults = domain.sent_time(received.event.sent_at, received_at)
        files, file_faults = self._files(received.event.attachments)
        faults = [*faults, *time_faults, *file_faults]
        if submission is None or faults:
            raise _refusal(faults)
        cause = schemas.derived_id(portal, received.envelope.id)
        feedback_id = schemas.derived_id(cause, "feedback")
        described = attachments.describe(feedback_id, files)
        await attachments.store(self._bucket, described, files)
        return domain.draft(
            self._pack,
            submission,
            feedback_id=feedback_id,
            cause=cause,
            submission_id=received.envelope.id,
            attachments=described,
            channel="portal",
            portal=portal,
            reference=received.event.reference,
            submitted_at=submitted_at,
            received_at=received_at,
            raw=received.record.value or b"",
        )

    def _files(self, inline: Sequence[InlineFile]) -> tuple[list[attachments.File], list[Fault]]:
        files, faults = attachments.decode_inline(inline)
        unreadable = {fault.field.rpartition(".")[0] for fault in faults}
        return files, [*faults, *(fault for fault in attachments.check(self._pack, files) if fault.field not in unreadable)]

    async def _project(self, batch: Sequence[Received]) -> None:
        by_case: dict[str, list[Received]] = defaultdict(list)
        for received in batch:
            by_case[received.envelope.subject].append(received)
        # A repeated fact may come after later ones, and must not turn the shown state back.
        shown = await self._store.shown_facts(by_case)
        views: list[tuple[str, Document, list[Document]]] = []
        for case_id, events in by_case.items():
            known = shown.get(case_id, set())
            fields: Document = {}
            rows: list[Document] = []
            for received in events:
                envelope = received.envelope
                if envelope.id in known:
                    continue
                known.add(envelope.id)  # The repetition may stand in the same batch.
                changes = domain.view_changes(received.event)
                if state := STATE_AFTER.get(envelope.name):
                    changes["state"] = state
                if not changes and envelope.name in ("DeadlineSet", "DeadlineMoved"):
                    continue
                fields |= changes
                agency = getattr(received.event, "agency", None)
                rows.append({"id": envelope.id, "type": envelope.name, "at": envelope.time, "agency": agency})
            if rows:
                views.append((case_id, fields, rows))
        await self._store.project(views)

    def refuse(self, received: Received | None, record: Record, reason: GiveUp) -> list[Fact]:
        """The answer to a portal whose record was given up; other topics get none."""
        _, family, portal = TopicName.parse(record.topic)
        if family != topics.INBOX:
            return []
        own_id = received.envelope.id if received else _header(record, "ce_id")
        faults = self._all_faults(record) if received is None and reason.reason == "invalid" else reason.faults
        faults = faults or (Fault(field="record", message=str(reason)[:1000]),)
        reference = getattr(received.event, "reference", None) if received else None
        # The record's own time, so that a batch that comes again gives the same answer.
        now = self._time.at(datetime.fromtimestamp(record.timestamp / 1000, UTC))
        cause = schemas.derived_id(portal, own_id or f"{record.partition}/{record.offset}")
        event = schemas.SubmissionRefused(submission_id=own_id, reference=reference, portal=portal, faults=faults, refused_at=now)
        metrics.submissions.labels("portal", "refused").inc()
        return [
            schemas.fact(
                event,
                cause=cause,
                subject=cause,
                time=now,
                source=domain.SOURCE,
                topics=(topics.outbox(portal),),
                discriminator=f"{record.partition}/{record.offset}",
            )
        ]

    def _all_faults(self, record: Record) -> tuple[Fault, ...]:
        """The faults of shape and the pack's together, so that a portal can mend everything at once."""
        try:
            raw = json.loads(record.value or b"")
        except (ValueError, RecursionError) as error:
            return (Fault(field="body", message=f"is not JSON: {error}"[:500]),)
        if not isinstance(raw, dict):
            return (Fault(field="body", message="must be a JSON object"),)
        faults = domain.check(self._pack, raw, PortalSubmission)[1]
        try:
            outer = _Outer.model_validate(raw)
        except ValidationError:
            return tuple(faults)  # Where these are wrong in shape, the check above has said so.
        received_at = self._time.at(datetime.fromtimestamp(record.timestamp / 1000, UTC))
        return (*faults, *domain.sent_time(outer.sent_at, received_at)[1], *self._files(outer.attachments)[1])


def _header(record: Record, name: str) -> str:
    return next((value.decode(errors="replace") for key, value in record.headers if key == name and value), "")[:1000]


def _refusal(faults: Sequence[Fault]) -> GiveUp:
    return GiveUp("invalid", "; ".join(f"{fault.field}: {fault.message}" for fault in faults), tuple(faults))
