"""What of intake's OpenAPI document the signatures in `http.py` do not say: bodies, refusals, schemas as they are checked.

The document is served at /schema/openapi.json, with a page at /schema, and kept in schemas/openapi.json; that of the topics is
served beside it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from litestar import Litestar, Response, get
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Schema,
    SecurityScheme,
)
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import schemas
from pakn.engine.problems import ProblemDocument
from schemas.portal_submission import Submission
from services.intake.doors.api_pages import pages
from services.intake.known_values import Agencies, Categories, Limits, ThisPortal
from services.intake.looks import ShownLooks
from services.intake.sender_acts import Objection, Rating, Supplement
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

KEY_HEADER = "Idempotency-Key"
# Characters. A shorter key may be the one that a stranger thinks of too, and would lead him to this sender's answer.
MIN_KEY, MAX_KEY = 16, 255
# The library would say "text or null"; no header is ever null.
_TEXT = {"one_of": None, "type": "string"}
Code = Annotated[str, PathParameter(description="the feedback's code, such as PAKN.20261102.0042")]
AttachmentId = Annotated[str, PathParameter(description="an id from `attachments`")]
Key = Annotated[
    str | None,
    HeaderParameter(
        name=KEY_HEADER,
        description="an id of this request that nobody can guess, such as a UUID: sent again, it has no second effect",
        schema_extra=_TEXT | {"min_length": MIN_KEY, "max_length": MAX_KEY},
    ),
]
ChannelUsed = Annotated[
    str, HeaderParameter(name="X-Channel", description="what the sender used: web, or api (which anything else counts as)")
]
Secret = Annotated[
    str | None,
    HeaderParameter(name="X-Lookup-Secret", description="the secret from the answer to the submission", schema_extra=_TEXT),
]
SecretInLink = Annotated[
    str | None,
    QueryParameter(
        name="secret",
        description="the same secret, in the link of a letter",
        schema_extra=_TEXT,
    ),
]
Token = Annotated[str, QueryParameter(description="from the link in the letter; no answer has it", schema_extra={"max_length": 64})]
KnownTag = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="the ETag of the answer that is known already", schema_extra=_TEXT),
]
UNCHANGED = {304: ResponseSpec(None, generate_examples=False, description="The content has the tag in If-None-Match")}
_PROBLEMS = {
    400: "Not JSON, a broken form, or a header that cannot be used",
    401: "The token is missing or refused",
    403: "The secret is wrong, or the case is another agency's",
    404: "Nothing has this code or id",
    408: "The body came too slowly",
    409: "Not possible in the state that the feedback is in",
    413: "The body is too large",
    415: "Neither application/json nor multipart/form-data",
    422: "Something is wrong with the content; every fault is listed",
    429: "Too many requests from this network within the hour; see Retry-After",
    503: "The database is away, or too many files are under way; see Retry-After",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The refusals of an operation: these, and those of every operation."""
    return {
        status: ResponseSpec(
            ProblemDocument, generate_examples=False, description=_PROBLEMS[status], media_type="application/problem+json"
        )
        for status in sorted({*statuses, 400, 429, 503})
    }


def _json(model: type[BaseModel], example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example}}


def _form(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"multipart/form-data": {"schema": schema}}


def _body(content: dict[str, Any]) -> type[Operation]:
    """An operation with a body that its handler parses itself, so as to list every fault at once with its code.

    The library knows one kind of body for a handler.
    """

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = cast(Any, {"required": True, "content": content})

    return WithBody


_SCHEMAS = Path(schemas.__file__).parent
_SUBMISSION = json.loads((_SCHEMAS / "examples" / "PortalSubmission.json").read_text())
_SUBMISSION = {name: value for name, value in _SUBMISSION.items() if name in Submission.model_fields and value is not None}
_SUPPLEMENT = {"content": "Cột đèn mang số 118, bên trái cổng trường."}
SUBMISSION = _body(_json(Submission, _SUBMISSION) | _form("SubmissionForm"))
SUPPLEMENT = _body(_json(Supplement, _SUPPLEMENT) | _form("SupplementForm"))
# Generators of clients take the first kind of body of an operation, so forms have operations of their own.
SUBMISSION_WITH_FILES = _body(_form("SubmissionForm"))
SUPPLEMENT_WITH_FILES = _body(_form("SupplementForm"))
RATING = _body(_json(Rating, {"satisfied": True}))
OBJECTION = _body(_json(Objection, {"content": "Đèn vẫn chưa sáng."}) | _form("ObjectionForm"))
OBJECTION_WITH_FILES = _body(_form("ObjectionForm"))
_SENT = (Submission, Supplement, Rating, Objection)
_FORMS: dict[str, type[BaseModel]] = {
    "SubmissionForm": Submission,
    "SupplementForm": Supplement,
    "ObjectionForm": Objection,
}
_LISTS = (Categories, Agencies, Limits, ThisPortal)
_ANSWERS = (
    AddressConfirmed, Registered, ShownFeedback, SupplementTaken, RatingTaken, ObjectionTaken, ShownSender, ShownLooks,
    RenewedSecret, ProblemDocument, *_LISTS,
)  # fmt: skip
_ALWAYS = {"Cache-Control": "no-store: answers hold secrets and what citizens wrote"}
_LOCATION = {"Location": "the path at which the feedback is looked up"}
_WAIT = {"Retry-After": "seconds until it is worth another try"}
_CACHED = {"ETag": "a strong tag of the content", "Cache-Control": "for how long no new question is needed"}
_OF_LISTS = ("listCategories", "listAgencies", "readLimits", "readPortal")
# The headers of an answer, by operation and status or by status.
_HEADERS: dict[tuple[str, str] | str, dict[str, str]] = {
    **{(name, "200"): _CACHED for name in _OF_LISTS},
    ("submitFeedback", "200"): _LOCATION,
    ("submitFeedback", "201"): _LOCATION,
    ("submitFeedbackWithFiles", "200"): _LOCATION,
    ("submitFeedbackWithFiles", "201"): _LOCATION,
    ("readAttachment", "200"): {
        "Content-Disposition": "attachment, with the file's name as in RFC 6266",
        "Content-Length": "bytes",
        "X-Content-Type-Options": "nosniff",
    },
    "304": _CACHED,
    "401": {"WWW-Authenticate": "Bearer"},
    "429": _WAIT,
    "503": _WAIT,
}
_NUMBERS = {"Content-Length", "Retry-After"}


def config() -> OpenAPIConfig:
    """What the document says of the whole; the page is ours, since the library's own load scripts from elsewhere."""
    token = SecurityScheme(type="http", scheme="bearer", description="an agency's token, from `pakn token issue AGENCY`")
    portal = SecurityScheme(type="http", scheme="bearer", description="a portal's token, from `pakn token issue --portal PORTAL`")
    return OpenAPIConfig(
        title="PAKN intake",
        version="1.1.0",
        description="Submit a feedback, look it up, answer the agency, rate the reply, object. Errors are problems (RFC 9457).",
        components=Components(security_schemes={"agency": token, "portal": portal}),
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[pages.HttpPage(), JsonRenderPlugin()],
        openapi_router=pages.router(),
    )


@get("/schema/asyncapi.json", include_in_schema=False, sync_to_thread=False)
def asyncapi() -> Response[bytes]:
    """The document of the topics, as it is released with this code."""
    return Response((_SCHEMAS / "asyncapi.json").read_bytes(), media_type="application/vnd.aai.asyncapi+json")


def complete(app: Litestar) -> None:
    """Put pydantic's own schemas in place of the library's, which lose patterns, and add those of bodies, headers and files."""
    for models, finish in ((_SENT, _as_sent), (_ANSWERS, _as_answered)):
        _, made = models_json_schema([(model, "validation") for model in models], ref_template="#/components/schemas/{model}")
        for schema in made["$defs"].values():
            finish(schema)
        app.openapi_schema.components.schemas |= cast(Any, made["$defs"])
    app.openapi_schema.components.schemas |= {name: _form_schema(model) for name, model in _FORMS.items()}
    for path in (app.openapi_schema.paths or {}).values():
        for operation in filter(None, (path.get, path.post)):
            _declare_headers(operation)
            # The secret in a link is for letters that PAKN sends itself: programs use the header, which stays out of logs.
            operation.parameters = [row for row in operation.parameters or () if getattr(row, "name", "") != "secret"] or None


def _form_schema(model: type[BaseModel]) -> Any:
    attachments = {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "number, size and types are limited by the pack; types are checked by content",
    }
    # As text, since many generators take an object apart into parts of its own, or write it in their language's words.
    feedback = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{model.__name__}"},
        "description": f"the JSON of a {model.__name__}",
    }
    properties = {"feedback": feedback, "attachments": attachments}
    return {"type": "object", "required": ["feedback"], "properties": properties}


def _as_sent(schema: dict[str, Any]) -> None:
    """Say a field's default in words: a generator makes a field with a default one that every sender must fill in."""
    for field in schema.get("properties", {}).values():
        if (default := field.pop("default", None)) is not None:
            words = f"`{default}` when absent" if isinstance(default, str) else "empty when absent"
            field["description"] = "; ".join(filter(None, (field.get("description"), words)))


def _as_answered(schema: dict[str, Any]) -> None:
    """Say what is always there and what is never null: what is not there is left out of an answer."""
    for name, field in schema.get("properties", {}).items():
        options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
        if "default" in field and field.pop("default") is not None:
            schema["required"].append(name)
        elif len(options) == 1:
            del field["anyOf"]
            field |= options[0]


def _declare_headers(operation: Operation) -> None:
    name = operation.operation_id or ""
    for status, answer in (operation.responses or {}).items():
        response = cast(OpenAPIResponse, answer)
        words = (_ALWAYS if status < "300" else {}) | _HEADERS.get(status, {}) | _HEADERS.get((name, status), {})
        response.headers = {key: _header(key, text) for key, text in words.items()} or None
        if (name, status) == ("readAttachment", "200"):
            file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
            response.content = {"application/octet-stream": OpenAPIMediaType(schema=file)}


def _header(name: str, text: str) -> OpenAPIHeader:
    kind = OpenAPIType.INTEGER if name in _NUMBERS else OpenAPIType.STRING
    return OpenAPIHeader(schema=Schema(type=kind), description=text, required=True)
