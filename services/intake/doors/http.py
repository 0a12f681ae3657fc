"""The door by HTTP: submit, look up, supplement, rate, and an agency's look at the sender of its own case.

Each handler reads a request, calls one function of the service, and answers. Errors are problem documents (RFC 9457) that
list every fault at once.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

import schemas
from pakn import links
from pakn.engine.problems import AnyRequest, Problem
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from services.intake import attachments, domain, fingerprints, shown
from services.intake.domain import Arrival
from services.intake.doors import bodies, openapi, tokens
from services.intake.doors.openapi import AttachmentId, ChannelUsed, Code, Key, Secret, SecretInLink, Token
from services.intake.doors.uploads import Uploads
from services.intake.feedback import Feedback
from services.intake.file_store import FileStore
from services.intake.files import names
from services.intake.inspection import Inspection
from services.intake.reception import Failed, Reception, Refused, Waits
from services.intake.registration import Registration
from services.intake.sender_acts import Rating, SenderActs, Supplement, Taken
from services.intake.shown import AddressConfirmed, RatingTaken, Registered, ShownFeedback, ShownSender, SupplementTaken
from services.intake.store import IntakeStore


@dataclass(frozen=True, slots=True)
class Api:
    """Everything that the routes need; `new_id` gives a fresh id."""

    pack: Pack
    store: IntakeStore
    reception: Reception
    acts: SenderActs
    inspection: Inspection
    files: FileStore
    uploads: Uploads
    time: LegalTime
    secret_key: str
    public_url: str
    new_id: Callable[[], str]

    async def submit(self, request: AnyRequest, key: Key = None, channel: ChannelUsed = "web") -> Response[Registered]:
        """Register a feedback sent as JSON, or as a form with a part `feedback` (JSON) and files `attachments`."""
        cause = schemas.derived_id("idempotency-key", _checked(key)) if key is not None else self.new_id()
        async with self.uploads.receiving(request, domain.feedback_id(cause)) as upload:
            arrival = Arrival(
                bodies.parse_object(upload.body.raw or b"", upload.body.faults),
                channel="web" if channel == "web" else "api",
                cause=cause,
                submission_id=cause,
                id_field=openapi.KEY_HEADER,
                received_at=self.time.now(),
                files=upload.body.files,
                faults=upload.body.faults,
            )
            (answer,) = await self.reception.receive([arrival])
            match answer:
                case Waits(away):
                    raise away
                case Registration():
                    upload.claim(answer.feedback.attachments)
        match answer:
            case Refused(faults):
                if any(fault.code == "id_reused" for fault in faults):
                    raise Problem(422, "idempotency-key-reused", "Send a new key with a new submission.", faults)
                raise Problem(422, "invalid-submission", "Correct every place listed in errors and send it again.", faults)
            case Failed(error):
                raise error
        registered = shown.registered(answer.feedback, self._secret(answer.feedback), self.public_url)
        headers = {"Location": links.feedback_path(registered.code)}
        return Response(registered, status_code=200 if answer.repeated else 201, headers=headers)

    async def look_up(self, code: Code, secret: Secret = None, secret_in_link: SecretInLink = None) -> ShownFeedback:
        """The public state; with the secret also the sender's own text, files and what is asked."""
        feedback = await self._find(code)
        if secret is None and secret_in_link is None:
            return shown.public_view(feedback)
        self._check_secret(feedback, secret, secret_in_link)
        return shown.private_view(feedback)

    async def supplement(
        self, request: AnyRequest, code: Code, secret: Secret = None, secret_in_link: SecretInLink = None, key: Key = None
    ) -> SupplementTaken:
        """Answer what the agency asked; JSON or a form, as at the submission."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret, secret_in_link)
        # Whether the key was used before can be told only by what comes with it, and only where there was an answer.
        if not feedback.is_asked and (key is None or not feedback.has_supplements):
            raise _not_asked(feedback)
        async with self.uploads.receiving(request, feedback.id, keep=feedback.is_asked) as upload:
            body = upload.body
            kept, faults = await self.inspection.inspect(body.files, feedback.id)
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

    async def rate(
        self, request: AnyRequest, code: Code, secret: Secret = None, secret_in_link: SecretInLink = None, key: Key = None
    ) -> RatingTaken:
        """Rate the published reply, once."""
        feedback = await self._find(code)
        self._check_secret(feedback, secret, secret_in_link)
        rating = bodies.parse_as(Rating, await self.uploads.read_json(request))
        outcome = await self.acts.rate(feedback, self._act_id(key, feedback, "rating", rating), rating)
        if outcome == "not_now":
            raise Problem(409, "cannot-be-rated", "A reply can be rated once, after it is published.")
        return RatingTaken(code=feedback.code, satisfied=rating.satisfied)

    async def confirm(self, code: Code, token: Token) -> AddressConfirmed:
        """The link of a letter: its reader has the address. A mail program that opens links by itself confirms too."""
        feedback = await self._find(code)
        if not hmac.compare_digest(token.encode(), domain.confirmation_token(self.secret_key, feedback.id).encode()):
            raise Problem(403, "wrong-token", "Follow the whole link of the letter.")
        detail = "The feedback changed at this moment or has no address any more; follow the link again."
        if await self.acts.confirm(feedback, self.secret_key) == "not_now":
            raise Problem(409, "cannot-be-confirmed", detail)
        return AddressConfirmed(code=feedback.code)

    async def sender(self, request: AnyRequest, code: Code) -> ShownSender:
        """The sender's details, for the agency that the case is assigned to now; the look is recorded first."""
        feedback = await self._find(code)
        claims = tokens.claims(request.headers.get("Authorization", ""), self.secret_key)
        _check_assigned(feedback, claims, "The sender's details are given")
        await self.store.record_look(feedback.id, claims["sub"], claims["jti"], self.time.now())
        return shown.sender_view(feedback)

    async def attachment(
        self,
        request: AnyRequest,
        code: Code,
        attachment_id: AttachmentId,
        secret: Secret = None,
        secret_in_link: SecretInLink = None,
    ) -> Response[bytes]:
        """A file of the feedback, for its sender (secret) or for the agency that the case is assigned to now (token)."""
        feedback = await self._find(code)
        if "authorization" in request.headers:
            _check_assigned(feedback, tokens.claims(request.headers.get("Authorization", ""), self.secret_key), "Files are given")
        else:
            self._check_secret(feedback, secret, secret_in_link)
        described = next((row for row in feedback.attachments if row.id == attachment_id), None)
        file = await self.files.open(attachment_id) if described else None
        if described is None or file is None:
            raise Problem(404, "unknown-attachment", "The feedback has no such file.")
        # Never shown inside the portal's own pages: what a citizen uploaded is downloaded.
        headers = {"Content-Disposition": names.disposition(described.name), "X-Content-Type-Options": "nosniff"}
        # As headers, since a stream would take its type from the route, and has no length.
        headers |= {"Content-Type": described.media_type, "Content-Length": str(file.size)}
        # The contract says what arrives: bytes.
        return Stream(file.pieces, headers=headers)  # type: ignore[return-value]

    async def _find(self, code: str) -> Feedback:
        feedback = await self.store.by_code(links.read_code(code, self.pack.header.code_prefix))
        if feedback is None:
            raise Problem(404, "unknown-code", "No feedback has this code; codes look like the one in the letter that you got.")
        return feedback

    def _check_secret(self, feedback: Feedback, secret: str | None, secret_in_link: str | None) -> None:
        given = secret or secret_in_link or ""
        if not hmac.compare_digest(given.encode(), self._secret(feedback).encode()):
            raise Problem(403, "wrong-secret", "The secret is in the answer to the submission and in the first letter.")

    def _secret(self, feedback: Feedback) -> str:
        return domain.lookup_secret(self.secret_key, feedback.id)

    def _act_id(self, key: str | None, feedback: Feedback, act: str, said: Supplement | Rating, *files: bytes) -> str:
        """The id of an act. With a key, the same act with the same values has the same id, and another one another."""
        if key is None:
            return self.new_id()
        return schemas.derived_id(feedback.id, f"{act}/{fingerprints.of(said.model_dump_json().encode(), *files)}/{_checked(key)}")

    def routes(self) -> list[ControllerRouterHandler]:
        """The routes of the citizens' side, version 1."""
        limits = self.pack.header.attachments
        max_body = limits.max_files * limits.max_bytes + bodies.MAX_JSON_BYTES
        one = "/v1/feedback/{code:str}"
        shared: dict[str, Any] = {"tags": ["feedback"]}
        with_files: dict[str, Any] = shared | {"request_max_body_size": max_body}
        again = ResponseSpec(Registered, generate_examples=False, description="Registered before, by the same Idempotency-Key")
        submit = post(
            "/v1/feedback",
            operation_id="submitFeedback",
            operation_class=openapi.SUBMISSION,
            response_description="Registered; Location says where to look it up",
            responses={200: again, **openapi.problems(408, 413, 415, 422)},
            **with_files,
        )
        look_up = get(
            one,
            operation_id="lookUpFeedback",
            summary="Look up",
            response_description="The public state; with the secret the details",
            responses=openapi.problems(403, 404),
            **shared,
        )
        supplement = post(
            f"{one}/supplements",
            operation_id="supplementFeedback",
            operation_class=openapi.SUPPLEMENT,
            status_code=202,
            response_description="Taken",
            responses=openapi.problems(403, 404, 408, 409, 413, 415, 422),
            **with_files,
        )
        rate = post(
            f"{one}/rating",
            operation_id="rateReply",
            operation_class=openapi.RATING,
            status_code=202,
            response_description="Taken",
            responses=openapi.problems(403, 404, 408, 409, 413, 422),
            **shared,
        )
        sender = get(
            f"{one}/sender",
            operation_id="readSender",
            security=[{"agency": []}],
            tags=["agencies"],
            response_description="The look is recorded",
            responses=openapi.problems(401, 403, 404),
        )
        attachment = get(
            f"{one}/attachments/{{attachment_id:str}}",
            operation_id="readAttachment",
            security=[{}, {"agency": []}],
            media_type="application/octet-stream",
            response_description="The file, in its own media type",
            responses=openapi.problems(401, 403, 404),
            **shared,
        )
        confirm = get(
            f"{one}/confirmation",
            operation_id="confirmAddress",
            summary="Confirm the mail address",
            response_description="Confirmed, now or before",
            responses=openapi.problems(403, 404, 409),
            **shared,
        )
        routes = [submit(self.submit), look_up(self.look_up), supplement(self.supplement), rate(self.rate)]
        return [*routes, confirm(self.confirm), sender(self.sender), attachment(self.attachment)]


def _checked(key: str) -> str:
    least, most = openapi.MIN_KEY, openapi.MAX_KEY
    if not least <= len(key) <= most:
        detail = f"The header {openapi.KEY_HEADER} must be {least} to {most} characters that nobody can guess; send a UUID."
        raise Problem(400, "invalid-idempotency-key", detail)
    return key


def _check_id(outcome: Taken) -> None:
    if outcome == "id_reused":
        detail = "This Idempotency-Key was used for the answer to an earlier question; send a new key with a new answer."
        raise Problem(422, "idempotency-key-reused", detail)


def _not_asked(feedback: Feedback) -> Problem:
    detail = f"The feedback is {feedback.state}; a supplement is taken while more is asked for."
    if feedback.is_erased:
        detail = "What was sent has been erased; send a new feedback."
    return Problem(409, "nothing-is-asked", detail)


def _check_assigned(feedback: Feedback, claims: dict[str, Any], what: str) -> None:
    if feedback.agency != claims["sub"]:
        raise Problem(403, "not-your-case", f"{what} to the agency that the case is assigned to now.")
