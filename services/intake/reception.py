"""The one way in: from what a door took in to a registered feedback, whichever door it was.

A door (`doors/`) reads what was sent into an `Arrival`, calls `Reception.receive`, and answers with what comes back.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from pakn import metrics
from pakn.engine.shares import Shares
from pakn.errors import TryAgain, describe
from pakn.logs import logger
from pakn.packs.load import Pack
from schemas.portal_submission import Submission
from schemas.values import Fault
from services.intake import attachments, domain, fingerprints
from services.intake.domain import Arrival, Draft, File
from services.intake.feedback import Feedback
from services.intake.files.verdict import NotNow
from services.intake.inspection import Inspected, for_ever
from services.intake.registration import Registration

log = logger(__name__)
# `Registrar.register` where a group is at hand, `GroupCommit.register` where others come in at the same time.
Register = Callable[[Sequence[Draft]], Awaitable[list[Registration]]]
# The seconds that are left.
Left = Callable[[], float]
# `Inspection.inspect`: what is to be kept of the files of the feedback with this id, which a portal or a network has sent, in the
# seconds that are left for them.
Inspect = Callable[[Sequence[File], str, str, Left], Awaitable[Inspected]]
# `FileStore.keep`: stores a file of the feedback with this id.
Keep = Callable[[File, str], Awaitable[None]]

# `IntakeStore.glance`: the feedbacks with these ids, without what was added to them later.
Load = Callable[[Iterable[str]], Awaitable[dict[str, Feedback]]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not registered: every fault at once. `code` is that of the feedback which another submission under this id became."""

    faults: tuple[Fault, ...]
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Not registered by a fault of the system's own, which no repetition mends; the arrivals beside it are."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Waits:
    """Not registered now: what it needs is away, or what its portal sent before it waits. Give it again later."""

    error: TryAgain


SHARE_SECONDS = 10.0
"""What all that one portal or agency posts may take of a batch."""
Answer = Registration | Refused | Failed | Waits


class Reception:
    """Takes submissions in: check, keep the files, register by `register`."""

    def __init__(
        self,
        pack: Pack,
        inspect: Inspect,
        keep: Keep,
        register: Register,
        load: Load,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds` only grow."""
        self._seconds = seconds
        self._pack = pack
        self._inspect = inspect
        self._keep = keep
        self._register = register
        self._load = load

    async def receive(self, arrivals: Sequence[Arrival], left: Left | None = None, shares: Shares | None = None) -> list[Answer]:
        """The answer to each arrival, in order. May be repeated: what was registered under its cause is found again.

        `left` are the seconds for looking into files; without it each portal has its share of them, and what is beyond waits.
        `shares` are those of a batch that holds more than these arrivals.

        Files are kept before the feedback that names them is. Raises PyMongoError and TryAgain when nothing is known to be
        registered, and the same arrivals are to be given once more.
        """
        prepared: list[Draft | Refused | Failed | Waits] = []
        # What a portal sends keeps its order; other portals go on.
        waiting: dict[str | None, Waits] = {}
        shares = shares or Shares(SHARE_SECONDS, self._seconds)
        for arrival in arrivals:
            with shares.taking(arrival.portal):
                of_portal = left or partial(shares.left, arrival.portal)
                found = waiting.get(arrival.portal) or await self.prepare(arrival, of_portal)
            if isinstance(found, Waits):
                waiting[arrival.portal] = found
            prepared.append(found)
            if arrival.portal and shares.is_used_up(arrival.portal):
                waiting.setdefault(arrival.portal, Waits(TryAgain("the files of this portal have had their share of the time")))
        drafts = [draft for draft in prepared if isinstance(draft, Draft)]
        registrations = iter(await self._register(drafts) if drafts else [])
        answers: list[Answer] = [
            _same_or_refused(draft, next(registrations)) if isinstance(draft, Draft) else draft for draft in prepared
        ]
        answers = await self._found_again(arrivals, answers)
        # Counted at the end, since a batch that could not be registered comes again.
        for arrival, answer in zip(arrivals, answers, strict=True):
            if isinstance(answer, Refused | Failed):
                metrics.submissions.labels(arrival.channel, "refused").inc()
        return answers

    async def _found_again(self, arrivals: Sequence[Arrival], answers: list[Answer]) -> list[Answer]:
        """What was registered once is answered with its code, although it would be refused by now: its day is long ago, the
        pack has changed. One query, and none where nothing is refused."""
        refused = {
            index: fingerprint
            for index, answer in enumerate(answers)
            if isinstance(answer, Refused) and answer.code is None and (fingerprint := self._fingerprint(arrivals[index]))
        }
        known = await self._load({arrivals[index].feedback_id for index in refused}) if refused else {}
        for index, fingerprint in refused.items():
            feedback = known.get(arrivals[index].feedback_id)
            if feedback and feedback.fingerprint == fingerprint:
                metrics.submissions.labels(arrivals[index].channel, "repeated").inc()
                answers[index] = Registration(feedback, repeated=True)
        return answers

    def _fingerprint(self, arrival: Arrival) -> str | None:
        """What a refused arrival would be known by; none where its shape or files alone are wrong: such was never taken."""
        if arrival.faults:
            return None
        given = arrival.submission
        try:
            submission = given if isinstance(given, Submission) else arrival.model.model_validate(given)
        except ValidationError:
            return None
        language = submission.language or self._pack.header.default_language
        return fingerprints.of_submission(submission, language, (file.sha256 for file in arrival.files))

    async def prepare(self, arrival: Arrival, left: Left = for_ever) -> Draft | Refused | Failed | Waits:
        """The draft that `receive` would register, or its answer where it would not. Files that came inside are kept already.

        Raises PyMongoError.
        """
        try:
            inspected = await self._inspect(arrival.files, arrival.feedback_id, arrival.portal or arrival.network, left)
            found = check(self._pack, arrival, inspected)
            if not isinstance(found, Draft):
                return Refused(found)
            for file in inspected.files:
                if file.content is not None:
                    await self._keep(file, arrival.feedback_id)
        except NotNow as error:
            return Waits(error)
        except (ValueError, LookupError, TypeError) as error:
            log.exception("arrival_failed", cause=arrival.cause, error=describe(error))
            return Failed(error)
        return found


def check(pack: Pack, arrival: Arrival, inspected: Inspected | None = None) -> Draft | tuple[Fault, ...]:
    """The draft that an arrival in order becomes, otherwise its faults: the door's, of shape, the pack's, of times, of files.

    Files that were not `inspected` are judged by name, size and first bytes.
    """
    inspected = inspected or Inspected([*arrival.files], [*attachments.check(pack, arrival.files)])
    submission, faults = domain.check(pack, arrival.submission, arrival.model)
    submitted_at, time_faults = domain.sent_time(arrival.sent_at, arrival.received_at)
    # Of a file that could not be read no other fault is known.
    unreadable = {fault.field.rpartition(".")[0] for fault in arrival.faults}
    file_faults = [fault for fault in inspected.faults if fault.field not in unreadable]
    faults = [*arrival.faults, *faults, *time_faults, *file_faults]
    if submission is None or faults:
        return tuple(faults)
    return domain.draft(pack, arrival, submission, attachments.describe(inspected.files), submitted_at)


def _same_or_refused(draft: Draft, registration: Registration) -> Registration | Refused:
    if registration.feedback.fingerprint == draft.fingerprint:
        return registration
    message = "was used before for another submission; a new submission needs a new id"
    fault = Fault(field=draft.arrival.id_field, code="id_reused", message=message)
    return Refused((fault,), registration.feedback.code)
