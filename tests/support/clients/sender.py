"""A sender's whole life by the client that openapi-python-client has made of schemas/openapi.json, in the package `client`.

Arguments: intake's address, what to do, and the code and secret where there is a feedback. Prints one JSON document.
"""

import io
import json
import sys
import uuid
from typing import Any

from client import Client
from client.api.feedback import (
    look_up_feedback,
    rate_reply,
    read_attachment,
    submit_feedback,
    submit_feedback_with_files,
    supplement_feedback_with_files,
)
from client.models import (
    ProblemDocument,
    Rating,
    RatingTaken,
    Registered,
    Sender,
    ShownFeedback,
    Submission,
    SubmissionForm,
    Supplement,
    SupplementForm,
    SupplementTaken,
)
from client.types import File, Unset

SENDER = Sender(name="Nguyễn Văn Thử", address="1 Hùng Vương", phone="0900000000", email="thu@example.org")
FEEDBACK = Submission(category="khac", title="Đường hỏng", content="Ổ gà trên đường", province="gia-lai", sender=SENDER)


def file() -> File:
    return File(io.BytesIO(b"%PDF-1.4\n%%EOF\n"), "Đơn kiến nghị.pdf", "application/pdf")


def submit(client: Client) -> dict[str, Any]:
    key = str(uuid.uuid4())
    answers = [
        submit_feedback_with_files.sync_detailed(
            client=client,
            body=SubmissionForm(feedback=json.dumps(FEEDBACK.to_dict()), attachments=[file(), file()]),
            idempotency_key=key,
        )
        for _ in range(2)
    ]
    sent, again = (answer.parsed for answer in answers)
    assert isinstance(sent, Registered), sent
    assert isinstance(again, Registered), again
    alone = submit_feedback.sync(client=client, body=FEEDBACK)
    assert isinstance(alone, Registered), alone
    refused = submit_feedback.sync(client=client, body=Submission(category="", title="Đường hỏng", content="Ổ gà", sender=Sender()))
    assert isinstance(refused, ProblemDocument), refused
    told = [f"{fault.field}: {fault.code}" for fault in refused.errors]
    found = {"code": sent.code, "lookup_secret": sent.lookup_secret, "feedback_id": sent.feedback_id}
    return found | {"where": answers[0].headers["Location"], "same": again.code == sent.code, "refused": told}


def look_up(client: Client, code: str, secret: str) -> dict[str, Any]:
    shown = look_up_feedback.sync(code, client=client, x_lookup_secret=secret)
    assert isinstance(shown, ShownFeedback), shown
    assert not isinstance(shown.attachments, Unset)
    first = read_attachment.sync(code, shown.attachments[0].id, client=client, x_lookup_secret=secret)
    assert isinstance(first, File), first
    stranger = look_up_feedback.sync(code, client=client)
    assert isinstance(stranger, ShownFeedback), stranger
    names = [attachment.name for attachment in shown.attachments]
    found = {"state": shown.state, "steps": len(shown.timeline), "names": names, "text": first.payload.read().decode()}
    return found | {"hidden": isinstance(stranger.title, Unset)}


def supplement(client: Client, code: str, secret: str) -> dict[str, Any]:
    body = SupplementForm(feedback=json.dumps(Supplement(content="Trước số 12").to_dict()), attachments=[file()])
    taken = supplement_feedback_with_files.sync(code, client=client, body=body, x_lookup_secret=secret)
    assert isinstance(taken, SupplementTaken), taken
    return {"state": taken.state}


def rate(client: Client, code: str, secret: str) -> dict[str, Any]:
    taken = rate_reply.sync(code, client=client, body=Rating(satisfied=True), x_lookup_secret=secret)
    assert isinstance(taken, RatingTaken), taken
    return {"satisfied": taken.satisfied}


if __name__ == "__main__":
    address, act, *case = sys.argv[1:]
    do: Any = {"submit": submit, "lookUp": look_up, "supplement": supplement, "rate": rate}[act]
    print(json.dumps(do(Client(base_url=address), *case)))
