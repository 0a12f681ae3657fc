"""What the schemas of events promise: bounds of texts for what others write, and none for what PAKN writes."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

import schemas
from pakn.contracts import event_schemas, files
from schemas import PortalSubmission
from tests.support.outside_world import GOOD

EXAMPLES = files.FOLDER / "examples"


def keywords(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key
            yield from keywords(value)
    elif isinstance(part, list):
        for row in part:
            yield from keywords(row)


@pytest.mark.parametrize("model", schemas.CATALOGUE.values(), ids=schemas.CATALOGUE)
def test_no_text_that_pakn_writes_is_bounded_so_that_others_may_write_more_one_day(model: Any) -> None:
    bounded = {"maxLength", "pattern"} <= set(keywords(files.schema_of(model)))
    assert bounded == (model.written_by == "others")


def test_a_field_that_is_called_like_a_bound_stays() -> None:
    said = event_schemas._unbounded({"properties": {"pattern": {"type": "string", "pattern": "x"}}})
    assert said == {"properties": {"pattern": {"type": "string"}}}


def test_a_fact_leaves_out_what_is_not_there() -> None:
    event = schemas.FeedbackRated.model_validate_json((EXAMPLES / "FeedbackRated.json").read_text(encoding="utf-8"))
    refused = schemas.FeedbackNotAccepted.model_validate_json((EXAMPLES / "FeedbackNotAccepted.json").read_text(encoding="utf-8"))
    for fact in (event, refused):
        made = schemas.fact(
            fact, cause="c", subject=fact.feedback_id, time=datetime.fromisoformat("2026-11-02T00:00Z"), source="/x"
        )
        assert None not in json.loads(made.data).values()
    assert refused.agency is None


def test_a_misspelt_place_is_refused_and_not_lost() -> None:
    with pytest.raises(ValidationError, match=r"place\.lat"):
        PortalSubmission.model_validate(GOOD | {"place": {"lat": 16.05, "lng": 108.2}})


def test_the_examples_tell_one_story() -> None:
    """Who tries them out one after another looks for the same id and the same day in the next one."""
    told = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in EXAMPLES.glob("*.json")}
    story = [
        ("FeedbackSubmitted", "submitted_at"), ("FeedbackAssigned", "assigned_at"), ("FeedbackAccepted", "accepted_at"),
        ("MoreRequested", "requested_at"), ("FeedbackSupplemented", "supplemented_at"), ("DeadlineWarning", "warned_at"),
        ("FeedbackOverdue", "overdue_at"), ("DeadlineMoved", "moved_at"), ("OverdueWithdrawn", "withdrawn_at"),
        ("ReplyFileStored", "stored_at"), ("FeedbackReplied", "replied_at"), ("DeadlinesChanged", "changed_at"),
        ("ActionRefused", "refused_at"), ("ReplySentBack", "sent_back_at"), ("ReplyPublished", "published_at"),
        ("FeedbackRated", "rated_at"), ("SenderActRefused", "refused_at"),
    ]  # fmt: skip
    times = [told[name][field] for name, field in story]
    assert times == sorted(times)
    ids = {name: record["headers"]["ce_id"] for name, record in told.items() if name.startswith("record-")}
    assert len(set(ids.values())) == len(ids)
    assert ids["record-PortalSubmission"] == told["SubmissionRegistered"]["submission_id"]
    assert ids["record-ReplyFile"] == told["ReplyFileStored"]["action_id"]
    assert told["record-AgencyAction-reply"]["value"]["attachments"] == [told["ReplyFileStored"]["file"]["id"]]
    actors = {told[name]["actor"] for name in ("ReplySentBack", "ReplyPublished")}
    assert told["FeedbackReplied"]["actor"] not in actors
