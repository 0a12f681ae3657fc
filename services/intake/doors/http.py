"""The HTTP edge of intake: submit, look up, supplement, rate, and an agency's look at the sender of its own case.

`app.py` mounts these routes; each reads a request, calls `handlers.py`, and answers. Errors are problem documents
(RFC 9457) that list every fault at once.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from pydantic import ValidationError

import schemas
from pakn import links, metrics
from pakn.engine.mongo import Document, FileBucket
from pakn.engine.problems import AnyRequest, Problem
from pakn.legal_time import LegalTime
from pakn.packs.load import Pack
from schemas.values import Fault, faults_of
from services.intake import attachments, domain
from services.intake.doors import openapi
from services.intake.doors.openapi import SECRET_HEADER, Rating, Supplement
from services.intake.registration import GroupCommit, Registration, SenderActs
from services.intake.store import IntakeStore

MAX_JSON_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Api:
    """Everything that the routes need; `new_id` gives a fresh id, `ready` says whether the database is prepared."""

    pack: Pack
    store: IntakeStore
    group_commit: GroupCommit
    acts: SenderActs
    bucket: FileBucket
    time: LegalTime
    secret_key: str
    public_url: str
    new_id: Callable[[], str]
    ready: Callable[[], bool]

    async def submit(self, request: AnyRequest) -> Response[dict[str, Any]]:
        """Register a feedback sent as JSON, or as a form with a part `feedback` (JSON) and files `attachments`."""
        self._check_ready()
        raw, files = await self._read(request)
        document = _parse_object(raw)
        submission, faults = domain.check(self.pack, document)
        faults = [*faults, *attachments.check(self.pack, files)]
        if submission is None or faults:
            metrics.submissions.labels("web", "refused").inc()
            raise Problem(422, "Invalid submission", "Correct every place listed in errors and send it again.", faults)
        key = request.headers.get("Idempotency-Key")
        if key is not None and not 1 <= len(key) <= 255:
            raise Problem(400, "Invalid Idempotency-Key", "The header must have 1 to 255 characters.")
        cause = schemas.derived_id("idempotency-key", key) if key else self.new_id()
        feedback_id = schemas.derived_id(cause, "feedback")
        described = attachments.describe(feedback_id, files)
        now = self.time.now()
        draft = domain.draft(
            self.pack,
            submission,
            feedback_id=feedback_id,
            cause=cause,
            submission_id=cause,
            attachments=described,
            channel="web" if request.headers.get("X-Channel", "web") == "web" else "api",
            submitted_at=now,
            received_at=now,
            raw=raw + b"".join(file.sha256.encode() for file in described),
        )
        await attachments.store(self.bucket, described, files)
        registration = await self.group_commit.submit(draft)
        if not registration.same:
            raise Problem(
                422,
                "Idempotency-Key reused",
                "This Idempotency-Key was used for another submission; send a new key with a new submission.",
            )
        return self._registered(registration)

    def _registered(self, registration: Registration) -> Response[dict[str, Any]]:
        code = registration.document["code"]
        body: dict[str, Any] = {
            "feedback_id": registration.document["_id"],
            "code": code,
            "lookup_secret": registration.secret,
            "accepted": registration.document["state"] != "not_accepted" or registration.document.get("agency") is not None,
            "submitted_at": registration.document["submitted_at"].isoformat(),
            "links": {"self": links.feedback(self.public_url, code)},
        }
        for field in ("reason", "right_channel"):
            if registration.document.get(field):
                body[field] = registration.document[field]
        return Response(body, status_code=200 if registration.repeated else 201, headers={"Location": links.feedback_path(code)})

    async def look_up(self, request: AnyRequest, code: FromPath[str]) -> dict[str, Any]:
        """The public state; with the secret also the sender's own text, files and what is asked."""
        document = await self._find(code)
        if SECRET_HEADER.lower() in request.headers or "secret" in request.query_params:
            self._check_secret(request, document)
            return domain.private_view(document)
        return domain.public_view(document)

    async def supplement(self, request: AnyRequest, code: FromPath[str]) -> Response[dict[str, Any]]:
        """Answer what the agency asked; JSON or a form, as at the submission."""
        document = await self._find(code)
        self._check_secret(request, document)
        raw, files = await self._read(request)
        faults: list[Fault] = attachments.check(self.pack, files)
        content = ""
        try:
            content = Supplement.model_validate(_parse_object(raw)).content
        except ValidationError as error:
            faults += faults_of(error, "body")
        if faults:
            raise Problem(422, "Invalid supplement", "Correct every place listed in errors and send it again.", faults)
        act_id = self._act_id(request, document, "supplement", raw + b"".join(_digest(file) for file in files))
        repeated = self._repeated(document, act_id)
        if repeated and document["state"] == "waiting_for_supplement":
            detail = "This Idempotency-Key was used for the answer to an earlier question; send a new key with a new answer."
            raise Problem(422, "Idempotency-Key reused", detail)
        described = attachments.describe(document["_id"], files, batch=f"-{act_id[:8]}")
        await attachments.store(self.bucket, described, files)
        done = repeated or await self.acts.supplement(document, act_id, content, described)
        if not done:
            raise Problem(
                409, "Nothing is asked", f"The feedback is {document['state']}; a supplement is taken while more is asked for."
            )
        return Response({"code": code, "state": "supplemented"}, status_code=202)

    async def rate(self, request: AnyRequest, code: FromPath[str]) -> Response[dict[str, Any]]:
        """Rate the published reply, once."""
        document = await self._find(code)
        self._check_secret(request, document)
        try:
            raw = await request.body()
            rating = Rating.model_validate(_parse_object(raw))
        except ValidationError as error:
            detail = "Send {'satisfied': true} or {'satisfied': false}."
            raise Problem(422, "Invalid rating", detail, faults_of(error, "body")) from None
        act_id = self._act_id(request, document, "rating", raw)
        if not (self._repeated(document, act_id) or await self.acts.rate(document, act_id, rating.satisfied)):
            raise Problem(409, "Cannot be rated", "A reply can be rated once, after it is published.")
        return Response({"code": code, "satisfied": rating.satisfied}, status_code=202)

    async def sender(self, request: AnyRequest, code: FromPath[str]) -> dict[str, Any]:
        """The sender's details, for the agency that the case is assigned to now; the look is recorded first."""
        document = await self._find(code)
        claims = self._claims(request)
        if document.get("agency") != claims["sub"]:
            raise Problem(403, "Not your case", "The sender's details are given to the agency that the case is assigned to now.")
        await self.store.record_look(document["_id"], claims["sub"], claims["jti"], self.time.now())
        return {"code": code, "submitter_type": document["submitter_type"], **document["sender"]}

    async def attachment(self, request: AnyRequest, code: FromPath[str], attachment_id: FromPath[str]) -> Response[bytes]:
        """A file of the feedback, for its sender (secret) or for the agency that the case is assigned to now (token)."""
        document = await self._find(code)
        if "authorization" in request.headers:
            if document.get("agency") != self._claims(request)["sub"]:
                raise Problem(403, "Not your case", "Files are given to the agency that the case is assigned to now.")
        else:
            self._check_secret(request, document)
        described = next((row for row in document["attachments"] if row["id"] == attachment_id), None)
        content = await attachments.read(self.bucket, attachment_id) if described else None
        if described is None or content is None:
            raise Problem(404, "Unknown attachment", "The feedback has no such file.")
        # Never shown inside the portal's own pages: what a citizen uploaded is downloaded.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=described["media_type"], headers=headers)

    async def _read(self, request: AnyRequest) -> tuple[bytes, list[attachments.File]]:
        kind = request.content_type[0]
        if kind == "application/json":
            body = await request.body()
            if len(body) > MAX_JSON_BYTES:
                raise Problem(413, "Too large", f"A JSON body may have {MAX_JSON_BYTES} bytes.")
            return body, []
        if kind != "multipart/form-data":
            raise Problem(415, "Unsupported media type", "Send application/json or multipart/form-data.")
        try:
            form = await request.form()
        except HTTPException:
            raise
        except Exception as error:  # The parser raises various types on what is not a form; the sender can mend them all.
            raise Problem(
                400, "Broken form", "The multipart body cannot be read; send it again with a correct boundary."
            ) from error
        _check_parts(list(form.multi_items()))
        part = form.get("feedback")
        raw = await part.read() if isinstance(part, UploadFile) else (part or "").encode() if isinstance(part or "", str) else b""
        if isinstance(part, Mapping):
            raw = json.dumps(part, ensure_ascii=False, sort_keys=True).encode()
        uploads = [value for key, value in form.multi_items() if key == "attachments" and isinstance(value, UploadFile)]
        return raw, [attachments.File(upload.filename, await upload.read()) for upload in uploads]

    async def _find(self, code: str) -> Document:
        self._check_ready()
        document = await self.store.by_code(code)
        if document is None:
            raise Problem(404, "Unknown code", "No feedback has this code; codes look like the one in the letter that you got.")
        return document

    def _check_ready(self) -> None:
        if not self.ready():
            raise Problem(
                503, "Not ready", "The database is not connected yet; try again in a few seconds.", headers={"Retry-After": "5"}
            )

    def _check_secret(self, request: AnyRequest, document: Document) -> None:
        given = request.headers.get(SECRET_HEADER) or request.query_params.get("secret", "")
        if not hmac.compare_digest(str(given).encode(), domain.lookup_secret(self.secret_key, document["_id"]).encode()):
            raise Problem(403, "Wrong secret", "The secret is in the answer to the submission and in the first letter.")

    def _claims(self, request: AnyRequest) -> dict[str, Any]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(401, "Token missing", "Send `Authorization: Bearer TOKEN`.", headers={"WWW-Authenticate": "Bearer"})
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.secret_key, algorithms=["HS256"], audience="pakn-agency", options={"require": ["sub", "jti", "exp"]}
            )
        except jwt.InvalidTokenError as error:
            raise Problem(
                401, "Token refused", f"{error}; ask the operator for a new one.", headers={"WWW-Authenticate": "Bearer"}
            ) from None
        return claims

    def _act_id(self, request: AnyRequest, document: Document, act: str, raw: bytes) -> str:
        """The id of an act. With a key, the same act with the same content has the same id, and another one another."""
        key = request.headers.get("Idempotency-Key")
        return schemas.derived_id(document["_id"], f"{act}/{domain.fingerprint(raw)}/{key}") if key else self.new_id()

    @staticmethod
    def _repeated(document: Document, act_id: str) -> bool:
        return any(entry["cause"] == act_id for entry in document["history"])

    def routes(self) -> list[ControllerRouterHandler]:
        """The routes of the citizens' side, version 1."""
        limits = self.pack.header.attachments
        max_body = limits.max_files * limits.max_bytes + MAX_JSON_BYTES
        citizens, agencies = ["feedback"], ["agencies"]
        one = "/v1/feedback/{code:str}"
        return [
            post("/v1/feedback", request_max_body_size=max_body, tags=citizens, operation_class=openapi.SUBMIT)(self.submit),
            get(one, tags=citizens, operation_class=openapi.LOOK_UP)(self.look_up),
            post(f"{one}/supplements", request_max_body_size=max_body, tags=citizens, operation_class=openapi.SUPPLEMENT)(
                self.supplement
            ),
            post(f"{one}/rating", tags=citizens, operation_class=openapi.RATE)(self.rate),
            get(f"{one}/sender", tags=agencies, operation_class=openapi.SENDER)(self.sender),
            get(f"{one}/attachments/{{attachment_id:str}}", tags=citizens, operation_class=openapi.ATTACHMENT)(self.attachment),
        ]


def _check_parts(parts: Sequence[tuple[str, Any]]) -> None:
    """A part that would be left out of the feedback without a word is a fault."""
    faults = [
        Fault(field=name, message="is no part of this form; send one `feedback` and files as `attachments`")
        for name, _ in parts
        if name not in ("feedback", "attachments")
    ]
    faults += [
        Fault(field="attachments", message="is text and no file; give the part a filename")
        for name, value in parts
        if name == "attachments" and not isinstance(value, UploadFile)
    ]
    if sum(name == "feedback" for name, _ in parts) > 1:
        faults.append(Fault(field="feedback", message="stands in the form more than once; send it once"))
    if faults:
        raise Problem(422, "Invalid form", "Correct every part listed in errors and send it again.", faults)


def _digest(file: attachments.File) -> bytes:
    return hashlib.sha256(file.name.encode() + b"\0" + file.content).digest()


def _parse_object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Not JSON", f"The feedback is not JSON: {error}"[:300]) from None
    if not isinstance(document, dict):
        raise Problem(400, "Not an object", "The feedback must be a JSON object.")
    return document


def sign_agency_token(secret_key: str, agency: str, token_id: str, expires_at: Any) -> str:
    """A bearer token by which `agency` may read the senders of its own cases until `expires_at`."""
    return jwt.encode({"sub": agency, "jti": token_id, "exp": expires_at, "aud": "pakn-agency"}, secret_key, algorithm="HS256")
