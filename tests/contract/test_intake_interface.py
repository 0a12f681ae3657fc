"""What intake answers is what its OpenAPI document says: the views of a feedback fit the documented shapes, both ways."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import schemas
from pakn.packs.load import load_pack
from schemas.portal_submission import Submission
from services.intake import domain
from services.intake.doors import openapi

PACK = load_pack("vn")
NOW = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)
EXAMPLES = Path(schemas.__file__).parent / "examples"


def event(name: str) -> Any:
    return schemas.CATALOGUE[f"pakn.{name}.v1"].model_validate_json((EXAMPLES / f"{name}.json").read_text())


@pytest.fixture
def document() -> dict[str, Any]:
    """A feedback as intake stores it, after a whole life: every field that a view may show is there."""
    raw = json.loads((EXAMPLES / "PortalSubmission.json").read_text())
    raw = {name: value for name, value in raw.items() if name in Submission.model_fields}
    submission, faults = domain.check(PACK, raw)
    assert submission is not None, faults
    draft = domain.draft(
        PACK,
        submission,
        feedback_id=schemas.derived_id("x", "feedback"),
        cause="x",
        submission_id="x",
        attachments=event("FeedbackSubmitted").attachments,
        channel="web",
        submitted_at=NOW,
        received_at=NOW,
        raw=b"",
    )
    fields, _ = domain.register(PACK, draft, "PAKN.20261102.0042", "secret")
    for name in ("FeedbackAssigned", "MoreRequested", "FeedbackNotAccepted", "ReplyPublished", "DeadlineSet"):
        fields |= domain.view_changes(event(name))
    step = {"id": "e", "type": "FeedbackAssigned", "at": NOW, "agency": "da-nang"}
    return fields | {"satisfied": True, "unit": "Phòng Mẫu", "timeline": [step]}


def test_views_show_exactly_the_documented_fields(document: dict[str, Any]) -> None:
    """A field that only the code knows is used by nobody; one that only the document knows is waited for in vain."""
    public, private = domain.public_view(document), domain.private_view(document)
    openapi.PublicView.model_validate(public)
    openapi.PrivateView.model_validate(private)
    assert set(public) == set(openapi.PublicView.model_fields)
    assert set(private) == set(openapi.PrivateView.model_fields)


def test_a_public_view_holds_nothing_that_the_sender_wrote(document: dict[str, Any]) -> None:
    """A code can be guessed; what stands behind it without the secret must tell nothing about a person."""
    shown = json.dumps(domain.public_view(document), default=str, ensure_ascii=False)
    for secret in (document["title"], document["content"], *document["sender"].values()):
        assert secret not in shown
