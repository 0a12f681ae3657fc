"""What a request by HTTP holds: JSON, or a form with the same JSON and files. Read from the stream, and bounded as it comes."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser  # type: ignore[import-untyped]
from multipart import parse_options_header as parse_options
from pydantic import BaseModel, ValidationError

from pakn.engine.json_bounds import why_too_large
from pakn.engine.problems import Problem
from schemas.values import Fault, faults_of
from services.intake.domain import File
from services.intake.doors.form_parts import file_name

MAX_JSON_BYTES = 1024 * 1024
MAX_PARTS = 50
_MOST_FIELDS = 1000
# The parts of a list, as clients for PHP and Ruby and some for JavaScript name them.
_OF_A_LIST = re.compile(r"attachments\[[0-9]{0,3}\]")
_ModelT = TypeVar("_ModelT", bound=BaseModel)


@dataclass(slots=True)
class Body:
    """The JSON of a request, not parsed yet, or the fields of a page's form; its files, and what is wrong with its parts."""

    raw: bytes | None = None
    fields: dict[str, str] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class FileTaker(Protocol):
    """Takes the files of a form, one after the other, as they come."""

    def belong_to(self, feedback_id: str) -> None:
        """Keep the files that come from now on for this feedback."""

    async def write(self, name: str, data: bytes) -> None:
        """Take bytes of the current file."""

    async def finish(self, name: str) -> File:
        """End the current file."""


class Form(Protocol):
    """Takes the parts of a form, one after the other, as they come. Each method may raise Problem."""

    def begin(self, part: MultipartSegment) -> None:
        """Begin with a part."""

    async def add(self, data: bytes) -> None:
        """Take bytes of the current part."""

    async def end(self) -> None:
        """End the current part."""


# Reads a body of this content type from chunks that are not empty, its files into a taker. Raises Problem.
Read = Callable[[str, AsyncIterator[bytes], FileTaker], Awaitable[Body]]


async def read(content_type: str, chunks: AsyncIterator[bytes], files: FileTaker) -> Body:
    """Read JSON or a form from chunks that are not empty.

    Raises Problem for what is neither JSON nor a form, cannot be read, or is too large.
    """
    kind, options = parse_options(content_type)
    if kind == "application/json":
        return Body(await read_json(chunks))
    if kind != "multipart/form-data":
        raise Problem(415, "unsupported-media-type", "Send application/json or multipart/form-data.")
    form = _Form(files)
    await read_parts(options.get("boundary", ""), chunks, form)
    body = form.body
    if body.raw is None:
        missing = Fault(field="feedback", code="missing", message="is required and missing: the part with the JSON")
        raise Problem(422, "invalid-form", "Correct every part listed in errors and send it again.", [*body.faults, missing])
    return body


async def read_parts(boundary: str, chunks: AsyncIterator[bytes], form: Form) -> None:
    """Give a form the parts of a multipart body. Raises Problem for one that cannot be read or has too many parts."""
    try:
        # Not strict: then an end of line that comes after the last boundary in a packet of its own is no fault.
        parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
        # Left by an exception, the parser does not complain about the missing end as well.
        with parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        form.begin(event)
                    elif event is None:
                        await form.end()
                    else:
                        await form.add(bytes(event))
    except ParserLimitReached:
        detail = f"A form may have {MAX_PARTS} parts, and each of them 8 header lines of 4 KB."
        raise Problem(413, "too-large", detail) from None
    except MultipartError:
        detail = "The multipart body cannot be read; send it again with a correct boundary."
        raise Problem(400, "broken-form", detail) from None


async def read_json(chunks: AsyncIterator[bytes]) -> bytes:
    """A body of JSON, not parsed. Raises Problem as soon as it is larger than is taken."""
    found = bytearray()
    async for chunk in chunks:
        found += chunk
        check_size(len(found))
    return bytes(found)


def check_size(size: int) -> None:
    """Raises Problem where so many bytes of JSON, or of a form's texts, are more than is taken."""
    if size > MAX_JSON_BYTES:
        raise Problem(413, "too-large", f"The JSON, or all texts of a form, may have {MAX_JSON_BYTES} bytes.")


class _Form:
    """Takes a form part by part, and holds the JSON of one part."""

    def __init__(self, files: FileTaker) -> None:
        self.body = Body()
        self._files = files
        self._name = ""
        self._file_name: str | None = None
        self._size = 0
        self._held = bytearray()

    def begin(self, part: MultipartSegment) -> None:
        name = "attachments" if _OF_A_LIST.fullmatch(part.name) else part.name
        self._name, self._file_name, self._size, self._held = name, file_name(part), 0, bytearray()

    async def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._name == "feedback":
            self._held += data
            check_size(len(self._held))
        elif self._name == "attachments" and self._file_name is not None:
            await self._files.write(self._file_name, data)

    async def end(self) -> None:
        match self._name:
            case "feedback" if self.body.raw is None:
                self.body.raw = bytes(self._held)
            case "feedback":
                self._fault("feedback", "sent_twice", "stands in the form more than once; send it once")
            case "attachments" if self._file_name is None:
                self._fault("attachments", "wrong_type", "is text and no file; give the part a filename")
            case "attachments":
                # A browser sends an empty file field without a name and without content.
                if self._file_name or self._size:
                    self.body.files.append(await self._files.finish(self._file_name or ""))
            case other:
                # What would be left out of the feedback without a word is a fault.
                message = "is no part of this form; send one `feedback` and files as `attachments`"
                self._fault(other[:80], "unknown_field", message)

    def _fault(self, name: str, code: str, message: str) -> None:
        self.body.faults.append(Fault(field=name, code=code, message=message))


def parse_object(raw: bytes, faults: Sequence[Fault] = ()) -> dict[str, Any]:
    """The JSON object in `raw`. Raises Problem when there is none, with the `faults` found before."""
    if reason := why_too_large(raw):
        raise Problem(413, "too-large", f"Send a smaller document: {reason}.", faults)
    try:
        document = json.loads(raw)
    except json.JSONDecodeError as error:
        place = f"it breaks at line {error.lineno}, column {error.colno}"
        raise Problem(400, "not-json", f"Send a JSON document; this is none: {place}.", faults) from None
    except (ValueError, RecursionError):
        detail = "Send a JSON document in UTF-8, without numbers of thousands of digits and without hundreds of levels."
        raise Problem(400, "not-json", detail, faults) from None
    if not isinstance(document, dict):
        raise Problem(400, "not-an-object", "Send a JSON object.", faults)
    fields = len(document) + sum(len(inner) for inner in document.values() if isinstance(inner, dict | list))
    if fields > _MOST_FIELDS:
        # Each would be a fault, and tens of thousands of them take a tenth of a second to tell.
        detail = f"Send a smaller document: it has {fields} fields; at most {_MOST_FIELDS} are read."
        raise Problem(413, "too-large", detail, faults)
    return document


def parse_as(model: type[_ModelT], raw: bytes, faults: Iterable[Fault] = ()) -> _ModelT:
    """The JSON in `raw` as `model`. Raises Problem with the faults of both, where there are any."""
    found = [*faults]
    document = parse_object(raw, found)
    try:
        parsed = model.model_validate(document)
    except ValidationError as error:
        found += faults_of(error, "body")
    if found:
        kind = f"invalid-{model.__name__.lower()}"
        raise Problem(422, kind, "Correct every place listed in errors and send it again.", found)
    return parsed
