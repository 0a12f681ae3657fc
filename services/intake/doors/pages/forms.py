"""The forms of pages as browsers send them: fields and files, read from the stream and bounded as they come."""

from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser  # type: ignore[import-untyped]
from multipart import parse_options_header as parse_options
from pydantic import BaseModel, ValidationError

from pakn.engine.problems import Problem
from schemas.values import Fault, faults_of
from services.intake.doors.bodies import Body, FileTaker
from services.intake.doors.form_parts import file_name

_ModelT = TypeVar("_ModelT", bound=BaseModel)
MAX_PARTS: Final = 200
MAX_FIELDS_BYTES: Final = 512 * 1024


async def read(content_type: str, chunks: AsyncIterator[bytes], files: FileTaker) -> Body:
    """The fields of a form by their names, the last of each, and its files. Raises Problem for what is none, or too large."""
    kind, options = parse_options(content_type)
    if kind == "application/x-www-form-urlencoded":
        return Body(fields=await _read_fields(chunks))
    if kind != "multipart/form-data":
        raise Problem(415, "unsupported-media-type", "Send the form as a browser does.")
    try:
        return await _read_parts(options.get("boundary", ""), chunks, files)
    except ParserLimitReached:
        raise Problem(413, "too-large", f"A form may have {MAX_PARTS} parts.") from None
    except MultipartError:
        raise Problem(400, "broken-form", "The form cannot be read; send it again.") from None


async def _read_fields(chunks: AsyncIterator[bytes]) -> dict[str, str]:
    found = bytearray()
    async for chunk in chunks:
        found += chunk
        _check(len(found))
    try:
        return dict(parse_qsl(found.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MAX_PARTS, errors="replace"))
    except ValueError:
        raise Problem(413, "too-large", f"A form may have {MAX_PARTS} fields.") from None


def _check(size: int) -> None:
    if size > MAX_FIELDS_BYTES:
        raise Problem(413, "too-large", f"The fields of a form may have {MAX_FIELDS_BYTES} bytes.")


async def _read_parts(boundary: str, chunks: AsyncIterator[bytes], files: FileTaker) -> Body:
    parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
    body, part, name, size, held = Body(), None, None, 0, bytearray()
    # Left by an exception, the parser does not complain about the missing end as well.
    with parser:
        async for chunk in chunks:
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    part, name, held = event, file_name(event), bytearray()
                elif event is not None and name:
                    await files.write(name, bytes(event))
                elif event is not None and name is None:
                    held += event
                    size += len(event)
                    _check(size)
                elif event is None and name:
                    body.files.append(await files.finish(name))
                elif event is None and name is None and part is not None:
                    body.fields[part.name] = held.decode("utf-8", "replace")
    return body


def parsed(model: type[_ModelT], given: dict[str, Any]) -> tuple[_ModelT | None, list[Fault]]:
    """What a form says as a model, or its faults. Fields that were left empty count as not given."""
    try:
        return model.model_validate({name: value for name, value in given.items() if value != ""}), []
    except ValidationError as error:
        return None, faults_of(error, "body")
