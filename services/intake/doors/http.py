"""The door by HTTP: submit, look up, supplement, rate, object, and an agency's look at the sender of its own case.

Each handler reads a request, calls one function of the service, and answers. Errors are problem documents (RFC 9457) that
list every fault at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response

import schemas
from pakn import links
from pakn.engine.problems import AnyRequest, Problem
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from schemas.values import Attachment, Fault
from services.intake import appeals, attachments, domain, fingerprints, looks, sender_acts, shown
from services.intake.domain import Arrival
from services.intake.doors import bodies, openapi, outer, submissions
from services.intake.doors.downloads import download
from services.intake.doors.openapi import AttachmentId, ChannelUsed, Code, Key, Secret, SecretInLink, Token
from services.intake.doors.submissions import SentId
from services.intake.doors.tokens import Bearer, Scope, Tokens, portal_of
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.file_store import FileStore
from services.intake.inspection import Inspection
from services.intake.look_up import LookUp
from services.intake.looks import Looks, ShownLooks
from services.intake.reception import Failed, Reception, Refused
from services.intake.sender_acts import Objection, Rating, SenderActs, Supplement, Taken
from services.intake.shown import (
    AddressConfirmed,
    ObjectionTaken,
    RatingTaken,
    Registered,
    RenewedSecret,
    ShownFeedback,
    ShownSender,
    SupplementTaken,
)


@dataclass(frozen=True, slots=True)
class Api:
    """Everything that the routes need; `new_id` gives a fresh id."""

    pack: Pack
    looks: Looks
    look_ups: LookUp
    reception: Reception
    acts: SenderActs
    inspection: Inspection
    files: FileStore
    uploads: Uploads
    time: LegalTime
    tokens: Tokens
    secret_key: str
    public_url: str
    new_id: Callable[[], str]

    async def submit(self, request: AnyRequest, key: Key = None, channel: ChannelUsed = "web") -> Response[Registered]:
        """Register a feedback sent as JSON, or as a form with a part `feedback` (JSON) and files `attachments`."""
        portal = await self._portal(request)
        sent = SentId.of(key, self.new_id, portal)
        async with self.uploads.receiving(request, domain.feedback_id(sent.cause)) as upload:
            raw = bodies.parse_object(upload.body.raw or b"", upload.body.faults)
            around = outer.read(raw)
            arrival = Arrival(
                raw,
                channel="portal" if portal else "web" if channel == "web" else "api",
                cause=sent.cause,
                submission_id=sent.submission,
                portal=portal,
                reference=around.reference,
                sent_at=around.sent_at,
                id_field=openapi.KEY_HEADER,
                received_at=self.time.now(),
                files=upload.body.files,
                network=upload.party,
                faults=[*upload.body.faults, *(() if portal else _of_portals(raw))],
            )
            answer = await submissions.register(self.reception, upload, arrival)
        match answer:
            case Refused(faults):
                if any(fault.code == "id_reused" for fault in faults):
                    raise Problem(422, "idempotency-key-reused", "Send a new key with a new submission.", faults)
                raise Problem(422, "invalid-submission", "Correct every place listed in errors and send it again.", faults)
            case Failed(error):
                raise error
        registered = shown.registered(answer.feedback, self.look_ups.secret_of(answer.feedback), self.public_url)
        headers = {"Location": links.feedback_path(registered.code)}
        return Response(registered, status_code=200 if answer.repeated else 201, headers=headers)

    async def look_up(self, code: Code, secret: Secret = None, secret_in_link: SecretInLink = None) -> ShownFeedback:
        """The public state; with the secret also the sender's own text, files and what is asked."""
        feedback = await self._find(code)
        if secret is None and secret_in_link is None:
            return shown.public_view(feedback)
        self._check_secret(feedback, secret, secret_in_link)
        return shown.private_view(feedback)

    async def supplement(self, request: AnyRequest, code: Code, secret: Secret = None, key: Key = None) -> SupplementTaken:
        """Answer what the agency asked; JSON or a form, as at the submission."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret)
        # Whether the key was used before can be told only by what comes with it, and only where there was an answer.
        if not feedback.is_asked and (key is None or not feedback.has_supplements):
            raise _not_asked(feedback)
        async with self.uploads.receiving(request, feedback.id, keep=feedback.is_asked) as upload:
            body = upload.body
            kept, faults = await self.inspection.inspect(body.files, feedback.id, upload.party, upload.left)
            supplement = bodies.parse_as(Supplement, body.raw or b"", [*body.faults, *faults])
            said = sorted(f"{file.sha256}/{file.name}\0".encode() for file in body.files)
            outcome = await self.acts.supplement(
                feedback, self._act_id(key, feedback, "supplement", supplement, *said), supplement, kept
            )
            if outcome == "not_now":
                raise _not_asked(feedback)
            _check_id(outcome)
            upload.claim(attachments.describe(kept))
        return SupplementTaken(code=feedback.code)

    async def rate(self, request: AnyRequest, code: Code, secret: Secret = None, key: Key = None) -> RatingTaken:
        """Rate the published reply, once."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret)
        rating = bodies.parse_as(Rating, await self.uploads.read_json(request))
        outcome = await self.acts.rate(feedback, self._act_id(key, feedback, "rating", rating), rating)
        if outcome == "not_now":
            raise Problem(409, "cannot-be-rated", sender_acts.why_not_rated(feedback))
        return RatingTaken(code=feedback.code, satisfied=rating.satisfied)

    async def object(self, request: AnyRequest, code: Code, secret: Secret = None, key: Key = None) -> ObjectionTaken:
        """Object to the reply or to the delay, where the pack allows it; JSON or a form, as at the submission."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret)
        ground = appeals.ground_at(self.pack.header, feedback, self.time.now())
        # One that was taken before is known by its key and its content alone.
        if ground is None and (key is None or not feedback.appeals):
            raise self._no_objection(feedback)
        async with self.uploads.receiving(request, feedback.id, keep=ground is not None) as upload:
            body = upload.body
            kept, faults = await self.inspection.inspect(body.files, feedback.id, upload.party, upload.left)
            objection = bodies.parse_as(Objection, body.raw or b"", [*body.faults, *faults])
            said = sorted(f"{file.sha256}/{file.name}\0".encode() for file in body.files)
            act_id = self._act_id(key, feedback, "objection", objection, *said)
            if await self.acts.object(feedback, act_id, ground, objection, kept) == "not_now":
                raise self._no_objection(feedback)
            upload.claim(attachments.describe(kept))
        return ObjectionTaken(code=feedback.code)

    async def confirm(self, code: Code, token: Token) -> AddressConfirmed:
        """The link of a letter: its reader has the address. A mail program that opens links by itself confirms too."""
        feedback = await self._find(code)
        if not self.look_ups.confirms(feedback, token):
            raise Problem(403, "wrong-token", "Follow the whole link of the letter.")
        detail = "The feedback changed at this moment or has no address any more; follow the link again."
        if await self.acts.confirm(feedback, self.secret_key) == "not_now":
            raise Problem(409, "cannot-be-confirmed", detail)
        return AddressConfirmed(code=feedback.code)

    async def sender(self, request: AnyRequest, code: Code) -> ShownSender:
        """The sender's details, for the agency that the case is assigned to now; the look is recorded first."""
        feedback = await self._find(code)
        agency = await self._agency(request, "senders")
        _check_assigned(feedback, agency.party, "The sender's details are given")
        await self.looks.record([feedback.id], "details", "agency", **_who(agency))
        return shown.sender_view(feedback)

    async def renew_secret(self, code: Code, secret: Secret = None) -> RenewedSecret:
        """A new look-up secret; the one that was sent opens nothing from then on."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret)
        renewed = await self.acts.renew(feedback, self.secret_key)
        if renewed is None:
            detail = "The feedback is new or changed at this moment, or its details are erased; look it up, then try again."
            raise Problem(409, "cannot-be-renewed", detail)
        return RenewedSecret(code=feedback.code, lookup_secret=self.look_ups.secret_of(renewed))

    async def list_looks(self, code: Code, secret: Secret = None) -> ShownLooks:
        """Who has looked at the sender's data, with the secret."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret)
        return looks.shown(feedback.code, *await self.looks.of(feedback.id), officers=self.pack.header.looks_name_officers)

    async def attachment(
        self,
        request: AnyRequest,
        code: Code,
        attachment_id: AttachmentId,
        secret: Secret = None,
        secret_in_link: SecretInLink = None,
    ) -> Response[bytes]:
        """A file of the feedback, for its sender (secret) or the agency in charge (token); of the published reply, for anybody."""
        feedback = await self._find(code)
        allowed: tuple[Attachment, ...] = feedback.reply_attachments
        look: dict[str, str | None] | None = None
        if attachment_id in {row.id for row in allowed}:
            pass  # It is public, whoever asks.
        elif "authorization" in request.headers:
            bearer = await self._agency(request, "files")
            _check_assigned(feedback, bearer.party, "Files are given")
            if attachment_id in {row.id for row in feedback.attachments}:
                look = _who(bearer)
            allowed += (*feedback.attachments, *(file for file in feedback.reply_files if file.agency == bearer.party))
        else:
            self._check_secret(feedback, secret, secret_in_link)
            allowed += feedback.attachments
        file = await download(self.files, allowed, attachment_id)
        if look is not None:
            # Not before it is found, and before any of it goes out.
            await self.looks.record([feedback.id], "file", "agency", file=attachment_id, **look)
        # The contract says what arrives: bytes.
        return file  # type: ignore[return-value]

    async def _agency(self, request: AnyRequest, scope: Scope) -> Bearer:
        return await self.tokens.bearer(request.headers.get("Authorization", ""), "agency", scope)

    async def _portal(self, request: AnyRequest) -> str | None:
        """Which portal sends; none without a token. What it sends by HTTP and by Kafka under one id is one submission."""
        given = request.headers.get("authorization")
        return None if given is None else portal_of(self.pack, await self.tokens.bearer(given, "portal", "send"))

    async def _find(self, code: str) -> Feedback:
        feedback = await self.look_ups.find(code)
        if feedback is None:
            raise Problem(404, "unknown-code", "No feedback has this code; codes look like the one in the letter that you got.")
        return feedback

    def _check_secret(self, feedback: Feedback, secret: str | None, secret_in_link: str | None = None) -> None:
        if not self.look_ups.opens(feedback, secret or secret_in_link or ""):
            detail = "Send the right secret in X-Lookup-Secret; it is in the answer to the submission and in the first letter."
            raise Problem(403, "wrong-secret", detail)

    def _no_objection(self, feedback: Feedback) -> Problem:
        return Problem(409, "no-objection-now", appeals.why_not(self.pack.header, feedback))

    def _act_id(self, key: str | None, feedback: Feedback, act: str, said: Supplement | Rating | Objection, *files: bytes) -> str:
        """The id of an act. With a key, the same act with the same values has the same id, and another one another."""
        if key is None:
            return self.new_id()
        return schemas.derived_id(
            feedback.id, f"{act}/{fingerprints.of(said.model_dump_json().encode(), *files)}/{submissions.checked_key(key)}"
        )


def _of_portals(raw: dict[str, Any]) -> list[Fault]:
    """Faults of fields that anybody might use to date back, or to write into what is kept for ever."""
    message = "is taken from portals only: send a portal's token, or leave it out"
    given = (name for name in ("reference", "sent_at") if raw.get(name) is not None)
    return [Fault(field=name, code="unknown_sender", message=message) for name in given]


def _who(bearer: Bearer) -> dict[str, str | None]:
    """Who looks, by a token of an agency: the agency, the token, and the officer where it names one."""
    return {"agency": bearer.party, "token_id": bearer.token_id, "officer": bearer.officer}


def _check_id(outcome: Taken) -> None:
    if outcome == "id_reused":
        detail = "This Idempotency-Key was used for the answer to an earlier question; send a new key with a new answer."
        raise Problem(422, "idempotency-key-reused", detail)


def _not_asked(feedback: Feedback) -> Problem:
    return Problem(409, "nothing-is-asked", sender_acts.why_not_asked(feedback))


def _check_assigned(feedback: Feedback, agency: str, what: str) -> None:
    if feedback.agency != agency:
        raise Problem(403, "not-your-case", f"{what} to the agency that the case is assigned to now.")
