"""What of intake's OpenAPI document the signatures in `http.py` do not say: bodies, refusals, schemas as they are checked.

The document is served at /schema/openapi.json and kept in schemas/openapi.json.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from litestar import Litestar
from litestar.datastructures import ResponseHeader
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, OpenAPIResponse, Operation, SecurityScheme
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import schemas
from pakn.engine.problems import ProblemDocument
from schemas.portal_submission import Submission
from services.intake.known_values import Agencies, Categories, Limits, ThisPortal
from services.intake.sender_acts import Rating, Supplement
from services.intake.shown import AddressConfirmed, RatingTaken, Registered, ShownFeedback, ShownSender, SupplementTaken

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
        description="the same secret, for the link in a letter; a header stays out of logs",
        schema_extra=_TEXT,
    ),
]
Token = Annotated[str, QueryParameter(description="from the link in the letter; no answer has it", schema_extra={"max_length": 64})]
KnownTag = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="the ETag of the answer that is known already", schema_extra=_TEXT),
]
CACHED = [
    ResponseHeader(name="ETag", description="a strong tag of the content", documentation_only=True),
    ResponseHeader(name="Cache-Control", description="for how long no new question is needed", documentation_only=True),
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


def _body(model: type[BaseModel], example: Any, *, files: bool) -> type[Operation]:
    """An operation with a body that its handler parses itself, so as to list every fault at once with its code.

    JSON, or where files may come with it a form: the same JSON in the part `feedback`, files in `attachments`. The library
    knows one kind of body for a handler.
    """
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if files:
        attachments = {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "number, size and types are limited by the pack; types are checked by content",
        }
        form = {"type": "object", "required": ["feedback"], "properties": {"feedback": schema, "attachments": attachments}}
        content["multipart/form-data"] = {"schema": form, "encoding": {"feedback": {"contentType": "application/json"}}}

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = cast(Any, {"required": True, "content": content})

    return WithBody


_SUBMISSION = json.loads((Path(schemas.__file__).parent / "examples" / "PortalSubmission.json").read_text())
_SUBMISSION = {name: value for name, value in _SUBMISSION.items() if name in Submission.model_fields and value is not None}
SUBMISSION = _body(Submission, _SUBMISSION, files=True)
SUPPLEMENT = _body(Supplement, {"content": "Cột đèn mang số 118, bên trái cổng trường."}, files=True)
RATING = _body(Rating, {"satisfied": True}, files=False)
_LISTS = (Categories, Agencies, Limits, ThisPortal)
_ANSWERS = (AddressConfirmed, Registered, ShownFeedback, SupplementTaken, RatingTaken, ShownSender, ProblemDocument)
_MODELS: tuple[type[BaseModel], ...] = (Submission, Supplement, Rating, *_LISTS, *_ANSWERS)


def config() -> OpenAPIConfig:
    """What the document says of the whole; only the JSON is served, since the library's pages load scripts from elsewhere."""
    token = SecurityScheme(type="http", scheme="bearer", description="an agency's token, from `pakn token AGENCY`")
    portal = SecurityScheme(type="http", scheme="bearer", description="a portal's token, from `pakn token --portal PORTAL`")
    return OpenAPIConfig(
        title="PAKN intake",
        version="1.0.0",
        description="Submit a feedback, look it up, answer the agency, rate the reply. Errors are problem documents (RFC 9457).",
        components=Components(security_schemes={"agency": token, "portal": portal}),
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[JsonRenderPlugin()],
    )


def add_schemas(app: Litestar) -> None:
    """Put pydantic's own schemas in place of the library's, which lose patterns and defaults, and those of bodies beside them."""
    _, made = models_json_schema([(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}")
    app.openapi_schema.components.schemas |= cast(Any, made["$defs"])
    # The library keeps declared headers in a set, so that each process would write them in an order of its own.
    for path in (app.openapi_schema.paths or {}).values():
        for answer in ((path.get and path.get.responses) or {}).values():
            if isinstance(answer, OpenAPIResponse) and answer.headers:
                answer.headers = dict(sorted(answer.headers.items()))
