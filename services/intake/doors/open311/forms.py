"""A POST of Open311 as it comes: a form of the standard's fields (urlencoded), or one with files as `media` (multipart)."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartSegment  # type: ignore[import-untyped]
from multipart import parse_options_header as parse_options

from pakn.engine.problems import Problem
from schemas.values import Fault
from services.intake.doors import bodies
from services.intake.doors.bodies import Body, FileTaker
from services.intake.doors.form_parts import file_name

_MOST_FIELDS: Final = 200
_MEDIA: Final = re.compile(r"media(\[[0-9]{0,3}\])?")
_ATTRIBUTE: Final = re.compile(r"attribute\[([^\]]{1,100})\](\[[0-9]{0,3}\])?")
# Each may stand in the form once; `title` is an extension of other servers. Ids of devices and accounts are read and not kept.
NAMES: Final = frozenset(
    {
        "api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "email", "device_id",
        "account_id", "first_name", "last_name", "phone", "title", "description", "media_url",
    }
)  # fmt: skip


class PostedForm:
    """The fields of one POST, as they come.

    `identify` is called once, before the first file and at the latest at the end, with the `api_key`, and says for which
    feedback the files are kept: whose submission it is makes its id. It may raise Problem.
    """

    def __init__(self, identify: Callable[[str | None], str]) -> None:
        self.values: dict[str, str] = {}
        self.attributes: defaultdict[str, list[str]] = defaultdict(list)
        self.faults: list[Fault] = []
        self._identify = identify
        self._identified = False

    async def read(self, content_type: str, chunks: AsyncIterator[bytes], files: FileTaker) -> Body:
        """Read the whole. Raises Problem for what is no such form, cannot be read, or is too large."""
        kind, options = parse_options(content_type)
        if kind == "multipart/form-data":
            parts = _Parts(self, files)
            await bodies.read_parts(options.get("boundary", ""), chunks, parts)
            self.identify(files)
            return Body(files=parts.body.files, faults=self.faults)
        if kind != "application/x-www-form-urlencoded":
            detail = "Send application/x-www-form-urlencoded, or multipart/form-data with files as media."
            raise Problem(415, "unsupported-media-type", detail)
        raw = await bodies.read_json(chunks)
        try:
            pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
        except ValueError:
            detail = f"The form cannot be read: send UTF-8, and at most {_MOST_FIELDS} fields."
            raise Problem(400, "broken-form", detail) from None
        for name, value in pairs:
            self.add(name, value)
        self.identify(files)
        return Body(faults=self.faults)

    def add(self, name: str, value: str) -> None:
        """Take a field. An empty one is as good as none, by the standard."""
        value = value.strip()
        if not value:
            return
        if found := _ATTRIBUTE.fullmatch(name):
            self.attributes[found[1]].append(value)
        elif name not in NAMES:
            self.faults.append(
                Fault(field=name[:80], code="unknown_field", message="is no field of Open311 that is taken here; leave it out")
            )
        elif self.values.setdefault(name, value) != value:
            self.faults.append(Fault(field=name[:80], code="sent_twice", message="stands in the form more than once; send it once"))
        elif name == "api_key" and self._identified:
            self.faults.append(Fault(field=name[:80], code="invalid", message="must come before the files"))

    def identify(self, files: FileTaker) -> None:
        """Settle whose submission it is, once."""
        if not self._identified:
            self._identified = True
            files.belong_to(self._identify(self.values.get("api_key")))


class _Parts:
    """Takes the parts of a multipart form, and holds the text of one part."""

    def __init__(self, form: PostedForm, files: FileTaker) -> None:
        self.body = Body()
        self._form = form
        self._files = files
        self._name = ""
        self._file_name: str | None = None
        self._held = bytearray()
        self._texts = 0
        self._size = 0

    def begin(self, part: MultipartSegment) -> None:
        self._name, self._file_name, self._held, self._size = part.name, file_name(part), bytearray(), 0
        if self._is_file:
            self._form.identify(self._files)

    @property
    def _is_file(self) -> bool:
        return self._file_name is not None and _MEDIA.fullmatch(self._name) is not None

    async def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._is_file:
            await self._files.write(self._file_name or "", data)
        else:
            # All texts together, so that fifty of them are not fifty times as much.
            self._texts += len(data)
            bodies.check_size(self._texts)
            self._held += data

    async def end(self) -> None:
        if self._is_file:
            # A browser sends an empty file field without a name and without content.
            if self._file_name or self._size:
                self.body.files.append(await self._files.finish(self._file_name or ""))
            return
        try:
            self._form.add(self._name, self._held.decode())
        except UnicodeDecodeError:
            raise Problem(400, "broken-form", f"The field {self._name[:80]} is not UTF-8.") from None
