"""The files that a reply may name: those that its own agency has stored. Pure."""

from collections.abc import Iterator

from pakn.packs.load import Pack
from schemas import agency_action
from schemas.values import Fault, StoredFile
from services.routing.case import Case


def of_agency(case: Case) -> dict[str, StoredFile]:
    """What the agency in charge has stored for its reply, by id; also before the case went to another agency and came back."""
    return {row.file.id: row.file for row in case.files if row.agency == case.agency}


def faults(pack: Pack, case: Case, action: agency_action.Reply) -> Iterator[Fault]:
    """Each fault of the files that a reply names."""
    most, known = pack.header.attachments.max_files, of_agency(case)
    if len(action.attachments) > most:
        message = f"{len(action.attachments)} files; at most {most} are taken"
        yield Fault(field="attachments", code="too_many_files", message=message)
    for index, id in enumerate(action.attachments):
        if id not in known:
            message = "no file with this id is stored for this case; post it, and wait for its ReplyFileStored"
            yield Fault(field=f"attachments.{index}", code="unknown_file", message=message)
        elif id in action.attachments[:index]:
            yield Fault(field=f"attachments.{index}", code="sent_twice", message="this file is named twice; name it once")
