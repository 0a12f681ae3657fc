"""By HTTP and by Kafka a portal sends the same, field by field: who has learnt one way knows the other."""

from typing import Any

import pytest
from pydantic import BaseModel

from schemas import PortalObjection, PortalRating, PortalSubmission, PortalSupplement
from schemas.portal_act import PortalAct
from schemas.portal_submission import Submission
from services.intake.doors import openapi
from services.intake.sender_acts import Objection, Rating, Supplement

# By HTTP files are parts of a form beside the document, and the path says which feedback is meant.
BY_KAFKA_ALONE = {"attachments", *PortalAct.model_fields}


def said(model: type[BaseModel]) -> dict[str, Any]:
    """What a model says of each of its fields."""
    schema = model.model_json_schema()
    return {name: (rule, name in schema.get("required", ())) for name, rule in schema["properties"].items()}


@pytest.mark.parametrize(
    ("by_http", "by_kafka"),
    [(Submission, PortalSubmission), (Supplement, PortalSupplement), (Rating, PortalRating), (Objection, PortalObjection)],
)
def test_a_field_is_the_same_by_both_ways(by_http: type[BaseModel], by_kafka: type[BaseModel]) -> None:
    """By HTTP there was no reference and no day of sending."""
    one, other = said(by_http), said(by_kafka)
    for name in one:
        assert one[name] == other[name], name
    assert set(other) - set(one) <= BY_KAFKA_ALONE


def test_where_a_record_holds_files_a_form_does_too() -> None:
    for operation, model in (
        (openapi.SUBMISSION, PortalSubmission),
        (openapi.SUPPLEMENT, PortalSupplement),
        (openapi.OBJECTION, PortalObjection),
    ):
        form: Any = operation(responses={})
        has_form = "multipart/form-data" in form.request_body["content"]
        assert has_form == ("attachments" in model.model_fields)
