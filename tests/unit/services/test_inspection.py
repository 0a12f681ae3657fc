"""What is kept of the files of a request: each looked into, images as their picture alone, and marked by the scanner."""

import hashlib
from dataclasses import replace

import pytest

from pakn.packs.load import Pack
from services.intake import attachments
from services.intake.domain import File, whole_file
from services.intake.files.images import Images
from services.intake.inspection import Inspection
from tests.support.files import DOCX, PDF, archive
from tests.support.packs import VN
from tests.support.photos import SECRET, photo

RULES = VN.header.attachments.model_copy(update={"keep_originals": True})
KEEPING = VN.model_copy(update={"header": VN.header.model_copy(update={"attachments": RULES})})


class Store:
    """Files by their ids."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def read(self, file_id: str) -> bytes | None:
        return self.files.get(file_id)

    async def find(self, file_id: str) -> tuple[int, str] | None:
        found = self.files.get(file_id)
        return found and (len(found), hashlib.sha256(found).hexdigest())

    async def keep(self, file: File, _feedback_id: str) -> None:
        assert file.content is not None
        self.files[file.id] = file.content


def streamed(store: Store, name: str, content: bytes) -> File:
    """A file that came in by a form: its bytes are in the store alone."""
    file = whole_file("f", 0, name, content)
    store.files[file.id] = content
    return replace(file, content=None)


def inspection(store: Store, pack: Pack = VN) -> Inspection:
    return Inspection(pack, store, Images(10_000_000))


@pytest.mark.parametrize("held", [True, False])
async def test_of_a_photo_the_picture_alone_is_kept_whichever_door_it_came_by(held: bool) -> None:
    store, content = Store(), photo("image/jpeg")
    sent = whole_file("f", 0, "a.jpg", content) if held else streamed(store, "a.jpg", content)
    files, faults = await inspection(store).inspect([sent], "f")
    assert faults == []
    (kept,) = files
    written = store.files[kept.id]
    assert SECRET in content
    assert SECRET not in written
    assert (kept.id, kept.size, kept.sha256) == (attachments.picture_id(sent.id), len(written), hashlib.sha256(written).hexdigest())
    assert kept.content is None, "it is stored already"


async def test_a_record_that_comes_again_finds_the_picture_that_its_feedback_names() -> None:
    store = Store()
    sent = whole_file("f", 0, "a.jpg", photo("image/jpeg"))
    store.files[attachments.picture_id(sent.id)] = b"as another release wrote it"
    ((kept,), _) = await inspection(store).inspect([sent], "f")
    assert kept.sha256 == hashlib.sha256(b"as another release wrote it").hexdigest()


async def test_a_pack_may_keep_originals() -> None:
    store = Store()
    sent = streamed(store, "a.jpg", photo("image/jpeg"))
    assert (await inspection(store, KEEPING).inspect([sent], "f")).files == [sent]
    assert (await Inspection(KEEPING, store, Images(100)).inspect([sent], "f")).files == [sent], "only its picture is too large"
    broken = streamed(store, "a.jpg", b"\xff\xd8\xff\xe0 broken")
    assert [fault.code for fault in (await inspection(store, KEEPING).inspect([broken], "f")).faults] == ["file_content_differs"]


async def test_each_file_has_its_own_fault_and_the_others_are_as_they_were() -> None:
    store = Store()
    names = {"a.docx": DOCX, "b.docx": archive({"a.exe": b"MZ"}), "c.pdf": PDF, "d.png": b"\x89PNG\r\n\x1a\n"}
    sent = [streamed(store, name, content) for name, content in names.items()]
    sent.append(whole_file("f", 4, "e.exe", b"MZ"))
    files, faults = await inspection(store).inspect(sent, "f")
    assert files == sent
    assert sorted((fault.field, fault.code) for fault in faults) == [
        ("attachments.1", "file_not_safe"),
        ("attachments.3", "file_content_differs"),
        ("attachments.4", "file_type_not_taken"),
    ]
