"""What the OpenAPI document says of Open311: the standard's addresses end in `.json` or `.xml`, which no route of the library can.

Both formats have one content; the schemas are those of JSON.
"""

from typing import Any, Final

from litestar import Litestar
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.intake.doors.open311.answers import (
    Discovery,
    Error,
    PostedRequest,
    RequestOfToken,
    Service,
    ServiceDefinition,
    ServiceRequest,
)
from services.intake.doors.open311.door import BASE
from services.intake.doors.open311.forms import NAMES
from services.intake.doors.open311.queries import MOST_DAYS, MOST_ROWS
from services.intake.doors.openapi import MAX_KEY, MIN_KEY

_MODELS: Final[tuple[type[BaseModel], ...]] = (
    Discovery,
    Error,
    PostedRequest,
    RequestOfToken,
    Service,
    ServiceDefinition,
    ServiceRequest,
)
_REF: Final = "#/components/schemas/Open311{model}"
_WORDS: Final = {
    "api_key": "a portal's token, before the files; without it the submission is anybody's",
    "service_code": "required: a category, by its id or an alias",
    "description": "required: what the matter is; the first line is the title where there is no `title`",
    "title": "an extension of the standard",
    "address_id": "is handed on with the address",
    "device_id": "is not kept",
    "account_id": "is not kept",
    "media_url": "is handed on with the text, and never opened",
}
_REFUSALS: Final = {
    "400": "Something is wrong; every fault is listed",
    "403": "The api_key is refused",
    "404": "There is no such jurisdiction, service, request or token; or the pack has no open311.yaml",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "429": "Too many requests from this network within the hour",
    "503": "The database is away, or too many files are under way",
}
_FORMAT: Final = {
    "in": "path",
    "name": "format",
    "required": True,
    "description": "the format of the answer, errors included",
    "schema": {"type": "string", "enum": ["json", "xml"]},
}


def add_to(app: Litestar) -> None:
    """Put Open311 into the application's document. Every pack has the same, since the document is released with the code."""
    document: Any = app.openapi_schema
    document.paths |= _paths()
    document.components.schemas |= _schemas()


def _schemas() -> dict[str, Any]:
    """The answers' schemas. Each field is always there, but for `extended_attributes`."""
    _, made = models_json_schema([(model, "serialization") for model in _MODELS], ref_template=_REF)
    for schema in made["$defs"].values():
        for field in schema["properties"].values():
            field.pop("default", None)
        schema["required"] = [name for name in schema["properties"] if name != "extended_attributes"]
    return {f"Open311{name}": schema for name, schema in made["$defs"].items()}


def _paths() -> dict[str, Any]:
    """The paths of Open311 as they stand in an OpenAPI document, version 3.1."""
    services, requests = _listed(Service), _listed(ServiceRequest)
    return {
        "/open311/discovery.{format}": {"get": _operation("discoverOpen311Above", "Find the interfaces", _one(Discovery), True)},
        f"{BASE}/discovery.{{format}}": {"get": _operation("discoverOpen311", "Find the interfaces", _one(Discovery), True)},
        f"{BASE}/services.{{format}}": {"get": _operation("listServices", "List services", services, True, [_jurisdiction()])},
        f"{BASE}/services/{{service_code}}.{{format}}": {
            "get": _operation(
                "readService",
                "Read a service's attributes",
                _one(ServiceDefinition),
                True,
                [_named("service_code"), _jurisdiction()],
            )
        },
        f"{BASE}/requests.{{format}}": {
            "get": _operation("listRequests", "List public cases", requests, False, [_jurisdiction(), *_arguments()]),
            "post": _post(),
        },
        f"{BASE}/requests/{{service_request_id}}.{{format}}": {
            "get": _operation(
                "readRequest", "Read a public case", requests, False, [_named("service_request_id"), _jurisdiction(), _extensions()]
            )
        },
        f"{BASE}/tokens/{{token}}.{{format}}": {
            "get": _operation(
                "readToken", "Find a case by its feedback_id", _listed(RequestOfToken), False, [_named("token"), _jurisdiction()]
            )
        },
    }


def _operation(name: str, summary: str, schema: dict[str, Any], is_fresh: bool, more: list[dict[str, Any]] | None = None) -> Any:
    refused = ("400", "404", "429", "503")
    kept = "for how long no new question is needed" if is_fresh else "no-store"
    return {
        "tags": ["open311"],
        "summary": summary,
        "operationId": name,
        "parameters": [_FORMAT, *(more or []), _language()],
        "responses": {"200": _answer("The answer by the standard", schema, {"Cache-Control": kept}), **_refused(*refused)},
    }


def _post() -> dict[str, Any]:
    found: dict[str, Any] = _operation("postRequest", "Submit by Open311's form", {}, False, [_key()])
    fields = {name: {"type": "string", "description": _WORDS.get(name, "as in the standard")} for name in sorted(NAMES)}
    schema = {"type": "object", "properties": fields, "required": ["service_code", "description"]}
    media = {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "files"}
    kinds = {
        "application/x-www-form-urlencoded": schema,
        "multipart/form-data": schema | {"properties": fields | {"media": media}},
    }
    posted = _listed(PostedRequest)
    stored = {"Cache-Control": "no-store"}
    return found | {
        "description": "Attributes of a service are sent as `attribute[code]`.",
        "requestBody": {"required": True, "content": {kind: {"schema": shape} for kind, shape in kinds.items()}},
        "responses": {
            "200": _answer("Registered before, by the same Idempotency-Key", posted, stored),
            "201": _answer("Registered", posted, stored),
            **_refused(*_REFUSALS),
        },
    }


def _one(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _listed(model: type[BaseModel]) -> dict[str, Any]:
    return {"type": "array", "items": _one(model)}


def _answer(words: str, schema: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {
        "description": words,
        "headers": {name: _header(name, said) for name, said in headers.items()},
        "content": {"application/json": {"schema": schema}, "text/xml": {"schema": {"type": "string"}}},
    }


def _refused(*statuses: str) -> dict[str, Any]:
    waits = {"Retry-After": "seconds until it is worth another try"}
    found = {
        status: _answer(_REFUSALS[status], _listed(Error), waits if status in ("429", "503") else {}) for status in sorted(statuses)
    }
    # What is at no address of Open311 at all is refused as anywhere else.
    found["404"]["content"]["application/problem+json"] = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return found


def _header(name: str, words: str) -> dict[str, Any]:
    kind = "integer" if name == "Retry-After" else "string"
    return {"schema": {"type": kind}, "description": words, "required": True}


def _named(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}


def _query(name: str, words: str, **schema: Any) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": False, "description": words, "schema": {"type": "string"} | schema}


def _jurisdiction() -> dict[str, Any]:
    return _query("jurisdiction_id", "another one than the pack's is not found")


def _extensions() -> dict[str, Any]:
    return _query("extensions", "`true`: with `extended_attributes`")


def _arguments() -> list[dict[str, Any]]:
    span = f"a time with its offset, or a day; a question may span {MOST_DAYS} days"
    return [
        _query("service_request_id", "several with commas between them; overrides all others"),
        _query("service_code", "several with commas between them"),
        _query("status", "`open`, `closed`, or both with a comma between them"),
        _query("start_date", f"the earliest time of submission: {span}"),
        _query("end_date", "the latest time of submission"),
        _query("updated_after", f"the earliest time of the last change, instead of start_date: {span}"),
        _query("updated_before", "the latest time of the last change"),
        _query("page", "from 1", type="integer", minimum=1),
        _query("page_size", f"{MOST_ROWS} at most, and by default", type="integer", minimum=1),
        _extensions(),
    ]


def _language() -> dict[str, Any]:
    words = "the languages that are liked best, of those of the pack"
    return {"in": "header", "name": "Accept-Language", "required": False, "description": words, "schema": {"type": "string"}}


def _key() -> dict[str, Any]:
    words = "an id of this request that nobody can guess, such as a UUID: sent again, it has no second effect"
    schema = {"type": "string", "minLength": MIN_KEY, "maxLength": MAX_KEY}
    return {"in": "header", "name": "Idempotency-Key", "required": False, "description": words, "schema": schema}
