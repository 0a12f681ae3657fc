"""What a request by HTTP holds: JSON, or a form with the same JSON and files."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException
from pydantic import BaseModel, ValidationError

from pakn.engine.problems import AnyRequest, Problem
from schemas.values import Fault, faults_of
from services.intake.domain import File

MAX_JSON_BYTES = 1024 * 1024
_ModelT = TypeVar("_ModelT", bound=BaseModel)


async def read(request: AnyRequest) -> tuple[bytes, list[File]]:
    """The JSON of a request, not parsed yet, and its files. Raises Problem for what is neither JSON nor a form in order."""
    kind = request.content_type[0]
    if kind == "application/json":
        body = await request.body()
        if len(body) > MAX_JSON_BYTES:
            raise Problem(413, "too-large", f"A JSON body may have {MAX_JSON_BYTES} bytes.")
        return body, []
    if kind != "multipart/form-data":
        raise Problem(415, "unsupported-media-type", "Send application/json or multipart/form-data.")
    try:
        form = await request.form()
    except HTTPException:
        raise
    except Exception as error:  # The parser raises various types on what is not a form; the sender can mend them all.
        raise Problem(400, "broken-form", "The multipart body cannot be read; send it again with a correct boundary.") from error
    if faults := [*_faults_of_parts(list(form.multi_items()))]:
        raise Problem(422, "invalid-form", "Correct every part listed in errors and send it again.", faults)
    part = form.get("feedback")
    raw = await part.read() if isinstance(part, UploadFile) else (part or "").encode() if isinstance(part or "", str) else b""
    if isinstance(part, Mapping):
        raw = json.dumps(part, ensure_ascii=False, sort_keys=True).encode()
    uploads = [value for key, value in form.multi_items() if key == "attachments" and isinstance(value, UploadFile)]
    return raw, [File(upload.filename, await upload.read()) for upload in uploads]


def _faults_of_parts(parts: Sequence[tuple[str, Any]]) -> Iterator[Fault]:
    """A part that would be left out of the feedback without a word is a fault."""
    for name, value in parts:
        if name not in ("feedback", "attachments"):
            message = "is no part of this form; send one `feedback` and files as `attachments`"
            yield Fault(field=name, code="unknown_field", message=message)
        elif name == "attachments" and not isinstance(value, UploadFile):
            yield Fault(field=name, code="wrong_type", message="is text and no file; give the part a filename")
    if sum(name == "feedback" for name, _ in parts) > 1:
        yield Fault(field="feedback", code="sent_twice", message="stands in the form more than once; send it once")


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises Problem when there is none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not-json", f"Send a JSON document; this is none: {error}"[:300]) from None
    if not isinstance(document, dict):
        raise Problem(400, "not-an-object", "Send a JSON object.")
    return document


def parse_as(model: type[_ModelT], raw: bytes, faults: Iterable[Fault] = ()) -> _ModelT:
    """The JSON in `raw` as `model`. Raises Problem with the faults of both, where there are any."""
    document, found = parse_object(raw), list(faults)
    try:
        parsed = model.model_validate(document)
    except ValidationError as error:
        found += faults_of(error, "body")
    if found:
        kind = f"invalid-{model.__name__.lower()}"
        raise Problem(422, kind, "Correct every place listed in errors and send it again.", found)
    return parsed
