"""What intake's HTTP interface takes and gives, for its OpenAPI document: bodies, headers, answers, examples.

`api.py` parses by hand, so that it can list every fault at once, and names the operations of this file on its routes;
`app.py` puts the schemas in. The document is served at /schema/openapi.json and kept in schemas/openapi.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Operation, SecurityScheme
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

import schemas
from schemas.portal_submission import Submission
from schemas.states import OpenState
from schemas.values import Attachment, Fault, FeedbackCode, FeedbackId, OpenSubmitterType, Text

SECRET_HEADER = "X-Lookup-Secret"
_EXAMPLES = Path(schemas.__file__).parent / "examples"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Supplement(_Strict):
    """The sender's answer to what the agency asked."""

    content: Text


class Rating(_Strict):
    """Whether the sender is satisfied with the published reply."""

    satisfied: bool


class Links(_Strict):
    """Where to go on."""

    self: str


class Registered(_Strict):
    """A feedback has its code. `accepted` is false when its class is outside the procedure: see reason and right_channel."""

    feedback_id: FeedbackId
    code: FeedbackCode
    lookup_secret: str = Field(description="opens the details; also in the first letter")
    accepted: bool
    submitted_at: datetime
    links: Links
    reason: str | None = None
    right_channel: str | None = None


class TimelineEntry(_Strict):
    """One step of a feedback's way."""

    type: str
    at: datetime
    agency: str | None = None


class Due(_Strict):
    """The last day for the reply and the law it stands on."""

    date: date
    article: str
    verified: bool = Field(description="false: nobody has yet compared this limit with the text of the law")


class PublicView(_Strict):
    """What anybody with the code may see: no personal data, no text of the sender's."""

    code: FeedbackCode
    state: OpenState
    category: str
    submitted_at: datetime
    agency: str | None = None
    due: Due | None = None
    reason: str | None = None
    right_channel: str | None = None
    reply: str | None = None
    document_number: str | None = None
    timeline: list[TimelineEntry]


class PrivateView(PublicView):
    """What the sender sees with the secret."""

    title: str
    content: str
    attachments: list[Attachment]
    question: str | None = Field(default=None, description="what the agency asks for")
    unit: str | None = None
    satisfied: bool | None = None


class SenderDetails(_Strict):
    """Personal data of the sender, for the agency that the case is assigned to now."""

    code: FeedbackCode
    submitter_type: OpenSubmitterType
    name: str | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None


class SupplementTaken(_Strict):
    """The supplement is stored; the case waits to be received again."""

    code: FeedbackCode
    state: OpenState


class RatingTaken(_Strict):
    """The rating is stored."""

    code: FeedbackCode
    satisfied: bool


class ProblemDocument(BaseModel):
    """RFC 9457: `title` names the kind of problem, `detail` says what to do, `errors` lists every place that is wrong."""

    status: int
    title: str
    detail: str
    errors: list[Fault] = []


_PROBLEMS = {
    400: "Not JSON, a broken form, or a header that cannot be used",
    401: "The token is missing or refused",
    403: "The secret is wrong, or the case is another agency's",
    404: "Nothing has this code or id",
    409: "Not possible in the state that the feedback is in",
    413: "The body is too large",
    415: "Neither application/json nor multipart/form-data",
    422: "Something is wrong with the content; every fault is listed",
    503: "The database is not connected; see Retry-After",
}
_PROBLEM_EXAMPLE = {
    "status": 422,
    "title": "Invalid submission",
    "detail": "Correct every place listed in errors and send it again.",
    "errors": [{"field": "sender.phone", "message": "is required here and missing"}],
}


# OpenAPI as plain dictionaries, which the library passes on as they are.
def _parameter(name: str, where: str, description: str, example: str | None = None, **limits: Any) -> dict[str, Any]:
    schema = {"type": "string", **limits}
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": description,
        "schema": schema,
        "example": example,
    }


_CODE = _parameter("code", "path", "the feedback's code", "PAKN.20261102.0042")
_ATTACHMENT_ID = _parameter("attachment_id", "path", "an id from `attachments`")
_KEY = _parameter(
    "Idempotency-Key", "header", "the sender's own id of this request: again, it has no second effect", minLength=1, maxLength=255
)
_CHANNEL = _parameter("X-Channel", "header", "what the sender used", enum=["web", "api"], default="web")
_SECRET = _parameter(SECRET_HEADER, "header", "the secret from the answer to the submission")
_SECRET_IN_LINK = _parameter("secret", "query", "the same secret, for the link in a letter; a header stays out of logs")


def _ref(*models: type[BaseModel]) -> dict[str, Any]:
    refs = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _answer(description: str, *models: type[BaseModel], example: Any = None) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(*models), "example": example}}}


def _body(model: type[BaseModel], example: Any, *, files: bool) -> dict[str, Any]:
    """JSON, or where files may come with it a form: the same JSON in the part `feedback`, files in `attachments`."""
    content: dict[str, Any] = {"application/json": {"schema": _ref(model), "example": example}}
    if files:
        attachments = {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "number, size and types are limited by the pack; types are checked by content",
        }
        form = {"type": "object", "required": ["feedback"], "properties": {"feedback": _ref(model), "attachments": attachments}}
        content["multipart/form-data"] = {"schema": form, "encoding": {"feedback": {"contentType": "application/json"}}}
    return {"required": True, "content": content}


def _operation(
    answers: Mapping[int, dict[str, Any]],
    problems: Sequence[int],
    parameters: Sequence[dict[str, Any]],
    body: dict[str, Any] | None = None,
    security: Sequence[dict[str, list[str]]] = (),
) -> type[Operation]:
    responses = {str(status): answer for status, answer in answers.items()}
    for status in sorted({*problems, 503}):
        content = {"schema": _ref(ProblemDocument), "example": _PROBLEM_EXAMPLE if status == 422 else None}
        responses[str(status)] = {"description": _PROBLEMS[status], "content": {"application/problem+json": content}}

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = cast(Any, list(parameters))
            self.request_body = cast(Any, body)
            self.responses = cast(Any, responses)
            self.security = list(security) or None

    return Described


_SUBMISSION = json.loads((Path(schemas.__file__).parent / "examples" / "PortalSubmission.json").read_text())
_SUBMISSION = {name: value for name, value in _SUBMISSION.items() if name in Submission.model_fields and value is not None}
_REGISTERED = {
    "feedback_id": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05",
    "code": "PAKN.20261102.0042",
    "lookup_secret": "0f1e2d3c4b5a69788796a5b4",
    "accepted": True,
    "submitted_at": "2026-11-02T01:12:05+00:00",
    "links": {"self": "http://localhost:8001/v1/feedback/PAKN.20261102.0042"},
}
SUBMIT = _operation(
    {
        201: _answer("Registered", Registered, example=_REGISTERED),
        200: _answer("Registered before, by the same Idempotency-Key", Registered, example=_REGISTERED),
    },
    (400, 413, 415, 422),
    (_KEY, _CHANNEL),
    _body(Submission, _SUBMISSION, files=True),
)
LOOK_UP = _operation(
    {200: _answer("The public state; with the secret the details", PrivateView, PublicView)},
    (403, 404),
    (_CODE, _SECRET, _SECRET_IN_LINK),
)
SUPPLEMENT = _operation(
    {202: _answer("Taken", SupplementTaken)},
    (400, 403, 404, 409, 413, 415, 422),
    (_CODE, _SECRET, _SECRET_IN_LINK, _KEY),
    _body(Supplement, {"content": "Cột đèn mang số 118, bên trái cổng trường."}, files=True),
)
RATE = _operation(
    {202: _answer("Taken", RatingTaken)},
    (400, 403, 404, 409, 422),
    (_CODE, _SECRET, _SECRET_IN_LINK, _KEY),
    _body(Rating, {"satisfied": True}, files=False),
)
SENDER = _operation({200: _answer("The look is recorded", SenderDetails)}, (401, 403, 404), (_CODE,), None, [{"agency": []}])
ATTACHMENT = _operation(
    {200: {"description": "The file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}},
    (401, 403, 404),
    (_CODE, _ATTACHMENT_ID, _SECRET, _SECRET_IN_LINK),
    None,
    [{}, {"agency": []}],
)
_ANSWERS = (Registered, PublicView, PrivateView, SenderDetails, SupplementTaken, RatingTaken, ProblemDocument)
_MODELS: tuple[type[BaseModel], ...] = (Submission, Supplement, Rating, *_ANSWERS)


def config() -> OpenAPIConfig:
    """The document without its schemas; only the JSON is served, since the library's pages load scripts from elsewhere."""
    token = SecurityScheme(type="http", scheme="bearer", description="an agency's token, from `pakn token AGENCY`")
    return OpenAPIConfig(
        title="PAKN intake",
        version="1.0.0",
        description="Submit a feedback, look it up, answer the agency, rate the reply. Errors are problem documents (RFC 9457).",
        components=Components(security_schemes={"agency": token}),
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[JsonRenderPlugin()],
    )


def add_schemas(app: Litestar) -> None:
    """Put the schemas that the operations refer to into the document; the library keeps only those it made itself."""
    _, made = models_json_schema([(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}")
    app.openapi_schema.components.schemas |= cast(Any, made["$defs"])
