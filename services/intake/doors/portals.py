"""The portals' door: submissions come in by their topics, and lifecycle facts bring what is shown up to date.

What a portal sent wrongly is answered in its own topic with every fault.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

import schemas
from pakn import metrics
from pakn.engine.kafka import Record
from pakn.engine.received import GivenUp, Outcome, Received, appended_at, place_of
from pakn.engine.shares import Shares
from pakn.errors import GiveUp, describe
from pakn.legal_time import LegalTime
from pakn.logs import logger
from pakn.packs.load import Pack
from schemas import Fact, topics
from schemas.portal_submission import PortalSubmission
from schemas.values import Fault, first_faults
from services.intake import attachments, domain, portal_news, reception, shown
from services.intake.domain import Arrival
from services.intake.doors import agency_files, outer, portal_acts
from services.intake.doors.outer import Outer
from services.intake.feedback import SOURCE, Step
from services.intake.files.verdict import NotNow
from services.intake.reception import Failed, Reception, Refused, Waits
from services.intake.registration import Registration
from services.intake.store import IntakeStore, Known, Projection

log = logger(__name__)
WANTED = shown.SHOWN | {"PortalSubmission", agency_files.NAME} | portal_acts.NAMES
# The facts that change what is published.
_PUBLISH = frozenset({"ReplyPublished"})
Taken = Awaitable[tuple[list[Fact], bool]]
# Takes an act in the seconds that are left for its files: the facts to publish, and whether it was taken before.
Take = Callable[[Received, reception.Left], Taken]
# `kafka.publish`: publishes facts, and returns when Kafka has them.
Publish = Callable[[Sequence[Fact]], Awaitable[None]]
# `Publications.refresh`: what is published of the feedbacks with these ids has changed. Raises PyMongoError.
Refresh = Callable[[set[str]], Awaitable[None]]


class IntakeHandler:
    """One batch: show what the lifecycle says, and tell portals of it; then register what portals posted, then take acts.

    What is posted may take seconds of each party's share, for which no citizen and no other portal is to wait.
    """

    def __init__(
        self,
        pack: Pack,
        store: IntakeStore,
        reception: Reception,
        takes: Mapping[str, Take],
        publish: Publish,
        time: LegalTime,
        seconds: Callable[[], float] = monotonic,
        refresh: Refresh | None = None,
        note: Publish | None = None,
    ) -> None:
        """`takes` says who takes an act, by the name of its event; `refresh` brings the published replies up to date;
        `note` takes what portals hear before it is published, and may be given the same again.

        `seconds` only grow.
        """
        self._refresh = refresh
        self._note = note
        self._takes = takes
        self._publish = publish
        self._told: frozenset[str] = frozenset()
        self._seconds = seconds
        self._pack = pack
        self._store = store
        self._reception = reception
        self._time = time

    async def handle(self, batch: Sequence[Received]) -> Outcome:
        """Safe to call again: a submission is found by the id derived from its portal's own id."""
        await self._tell(await self._project([received for received in batch if received.envelope.name in shown.SHOWN]))
        outcome = Outcome()
        posted = [received for received in batch if isinstance(received.event, PortalSubmission)]
        made: set[str] = set()
        again: set[str] = set()
        shares = Shares(reception.SHARE_SECONDS, self._seconds)
        answers = await self._reception.receive([self._read(row) for row in posted], shares=shares)
        for received, answer in zip(posted, answers, strict=True):
            match answer:
                case Refused(faults, code):
                    outcome.given_up.append((received, GiveUp("invalid", faults=faults, code=code)))
                case Failed(error):
                    outcome.given_up.append((received, GiveUp("unexpected", describe(error))))
                case Waits():
                    outcome.waiting.append(received)
                case Registration():
                    outcome.repeated += answer.repeated
                    if answer.repeated:
                        again.add(answer.feedback.id)
                    else:
                        made.add(answer.feedback.id)
                        outcome.facts += answer.feedback.facts
            # Requests have their turn.
            await asyncio.sleep(0)
        if again := again - made:
            await self._repeat(again)
        # Submissions come first here, also those that were posted behind an act, and come again with it. So one act is taken
        # also where they have used up the share.
        shares = shares.rest()
        for received in batch:
            if take := self._takes.get(received.envelope.name):
                waits = any(row.topic == received.topic and row.offset < received.offset for row in outcome.waiting)
                # What a party sends keeps its order.
                party = _party(received)
                if waits or shares.is_used_up(party):
                    outcome.waiting.append(received)
                    continue
                with shares.taking(party):
                    await self._take(partial(take, received, partial(shares.left, party)), received, outcome)
        return outcome

    async def _repeat(self, feedback_ids: Iterable[str]) -> None:
        """Publish again what these led to, once a batch and a few at a time: a record of 200 bytes may bring megabytes."""
        for group in await self._store.groups(feedback_ids):
            known = await self._store.load(group)
            await self._publish([fact for feedback in known.values() for fact in feedback.facts_to_repeat])

    async def _tell(self, told: Sequence[Fact]) -> None:
        """Publish what portals hear, once for the tries of one batch: a try that fails later would tell them again each time."""
        if new := [fact for fact in told if fact.id not in self._told]:
            if self._note:
                await self._note(new)
            await self._publish(new)
        self._told = frozenset(fact.id for fact in told)

    async def _take(self, take: Callable[[], Taken], received: Received, outcome: Outcome) -> None:
        try:
            facts, repeated = await take()
        except GiveUp as reason:
            outcome.given_up.append((received, reason))
        except NotNow:
            outcome.waiting.append(received)
        except (ValueError, LookupError, TypeError) as error:
            log.exception("act_failed", event_id=received.envelope.id, error=describe(error))
            outcome.given_up.append((received, GiveUp("unexpected", describe(error))))
        else:
            outcome.repeated += repeated
            outcome.facts += facts

    def _read(self, received: Received) -> Arrival:
        submission = received.event
        assert isinstance(submission, PortalSubmission)
        return self._arrival(received.topic.party, received.envelope.id, submission, submission, received.record)

    def _arrival(
        self,
        portal: str,
        own_id: str,
        submission: PortalSubmission | Mapping[str, Any],
        around: PortalSubmission | Outer,
        record: Record,
    ) -> Arrival:
        cause = _cause(portal, own_id, record)
        files, faults = attachments.decode_inline(domain.feedback_id(cause), around.attachments)
        return Arrival(
            submission,
            channel="portal",
            cause=cause,
            submission_id=own_id,
            id_field="ce_id",
            received_at=self._time.at(appended_at(record)),
            model=PortalSubmission,
            files=files,
            portal=portal,
            reference=around.reference,
            sent_at=around.sent_at,
            faults=faults,
        )

    async def _project(self, batch: Sequence[Received]) -> list[Fact]:
        """Show what the lifecycle says; what portals must hear of it."""
        by_case: dict[str, list[Received]] = defaultdict(list)
        for received in batch:
            by_case[received.envelope.subject].append(received)
        # A repeated fact may come after later ones, and must not turn the shown state back.
        known = await self._store.known(by_case)
        projections = [_projection(case_id, events, known[case_id]) for case_id, events in by_case.items() if case_id in known]
        await self._store.project([projection for projection in projections if projection.steps])
        if self._refresh:
            await self._refresh({received.envelope.subject for received in batch if received.envelope.name in _PUBLISH})
        # Told again with each repetition, since a crash may have come between showing and telling.
        told = [
            portal_news.news(case, received.envelope.name, received.event, received.envelope.id, received.envelope.time)
            for received in batch
            if (row := known.get(received.envelope.subject)) and (case := row.portal_case)
        ]
        return [fact for fact in told if fact is not None]

    def refuse(self, given_up: GivenUp) -> list[Fact]:
        """The answer to a portal or an agency whose record was given up; other topics get none."""
        if given_up.topic.family == topics.FILES:
            cause = _cause(given_up.topic.topic, given_up.own_id, given_up.record)
            return [agency_files.refusal(given_up, cause, self._time)]
        if given_up.topic.family != topics.INBOX:
            return []
        portal, own_id, record = given_up.topic.party, given_up.own_id, given_up.record
        if (name := given_up.name) in portal_acts.NAMES:
            return [portal_acts.refusal(given_up, name, _cause(portal, own_id, record), self._time)]
        faults = given_up.faults
        if given_up.received is None:
            metrics.submissions.labels("portal", "refused").inc()
            if given_up.reason.reason == "invalid":
                faults = self._all_faults(portal, own_id, given_up.data, record) or faults
        now = self._time.at(appended_at(record))
        cause = _cause(portal, own_id, record)
        event = schemas.SubmissionRefused(
            submission_id=own_id,
            reference=outer.read(given_up.data).reference,
            portal=portal,
            code=given_up.reason.code,
            faults=first_faults(faults, "record"),
            record=place_of(record),
            refused_at=now,
        )
        return [
            schemas.fact(
                event,
                cause=cause,
                subject=schemas.shown_id(own_id, place_of(record).text),
                time=now,
                source=SOURCE,
                topics=(topics.outbox(portal),),
                discriminator=given_up.place,
            )
        ]

    def _all_faults(self, portal: str, own_id: str, raw: Mapping[str, Any], record: Record) -> tuple[Fault, ...]:
        """The faults of shape and the pack's together, so that a portal can mend everything at once."""
        if not raw:
            return ()
        found = reception.check(self._pack, self._arrival(portal, own_id, raw, outer.read(raw), record))
        return found if isinstance(found, tuple) else ()


def _projection(case_id: str, events: Sequence[Received], stored: Known) -> Projection:
    fields: dict[str, Any] = {}
    steps: list[Step] = []
    news: list[datetime] = []
    known = {**stored.steps}
    for received in events:
        envelope = received.envelope
        if envelope.id in known:
            continue
        known[envelope.id] = envelope.name  # The repetition may stand in the same batch.
        changes = shown.view_changes(envelope.name, received.event, stored.reply_files)
        if not changes and envelope.name in ("DeadlinesChanged", "DeadlineMoved"):
            continue
        fields |= changes
        if shown.is_news_to_all(envelope.name, changes):
            news.append(envelope.time)
        agency = getattr(received.event, "agency", None)
        steps.append(Step(id=envelope.id, type=envelope.name, at=envelope.time, agency=agency))
    return Projection(case_id, fields, steps, shown.dropped(known), max(news, default=None))


def _party(received: Received) -> str:
    """Whose share a record takes: a portal's own, as of its submissions, or that of an agency, which may have the same id."""
    topic = received.topic
    return topic.party if topic.family == topics.INBOX else topic.topic


def _cause(portal: str, own_id: str, record: Record) -> str:
    return schemas.derived_id(portal, own_id or f"{record.partition}/{record.offset}")
