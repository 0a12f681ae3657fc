"""What intake answers is what its OpenAPI document says, and what only the sender may see is shown to nobody else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from pydantic import SecretStr

from pakn.contracts import files
from pakn.engine.process import NO_DATABASE
from pakn.settings import IntakeSettings, Settings
from schemas.portal_submission import Submission
from services.intake import domain, rate_limits, shown
from services.intake.app import build_app
from services.intake.feedback import Feedback, Step, Supplemented
from tests.support.examples import FOLDER, clock_change, example
from tests.support.packs import VN

NOW = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def feedback() -> Feedback:
    """A feedback after a whole life: every field that a view may show is there."""
    raw = json.loads((FOLDER / "PortalSubmission.json").read_text())
    raw = {name: value for name, value in raw.items() if name in Submission.model_fields}
    submission, faults = domain.check(VN, raw)
    assert submission is not None, faults
    arrival = domain.Arrival(raw, channel="web", cause="x", submission_id="x", id_field="Idempotency-Key", received_at=NOW)
    draft = domain.draft(VN, arrival, submission, example("MatterRecorded").attachments, NOW)
    made = domain.register(VN, draft, "PAKN.20261102.0042", "secret")
    changes: dict[str, Any] = {"timeline": (Step(id="e", type="FeedbackAssigned", at=NOW, agency="da-nang"),)}
    for name in ("FeedbackAssigned", "MoreRequested", "FeedbackNotAccepted", "ReplyPublished"):
        changes |= shown.view_changes(name, example(name))
    changes |= shown.view_changes("DeadlinesChanged", clock_change("set"))
    assert set(changes) <= set(Feedback.model_fields)
    return made.model_copy(
        update=changes
        | {
            "satisfied": True,
            "unit": "Phòng Mẫu",
            "answers": example("MatterRecorded").answers,
            "appeals": example("MatterRecorded").appeals,
            "remark": "Vẫn chưa sáng.",
            "supplements": tuple(Supplemented(id="s", **dict(row)) for row in example("MatterRecorded").supplements),
        }
    )


def test_the_public_sees_every_documented_field_but_the_senders_own(feedback: Feedback) -> None:
    """A field that only the document knows is waited for in vain."""
    public, private = (set(view(feedback).model_dump(exclude_none=True)) for view in (shown.public_view, shown.private_view))
    assert private == set(shown.ShownFeedback.model_fields)
    assert public == private - shown.PRIVATE - shown.WHY_REFUSED


def test_an_officers_reason_is_the_senders_own_and_a_packs_reason_is_everybodys(feedback: Feedback) -> None:
    """A refusal's reason, with a name and a phone in it, was public by the code alone."""
    by_officer = feedback.model_copy(update={"state": "not_accepted", "reason": "Bà Mẫu, 0900000000", "right_channel": "Ông Mẫu"})
    view = shown.public_view(by_officer)
    assert (view.reason, view.right_channel) == (None, None)
    assert shown.private_view(by_officer).reason == "Bà Mẫu, 0900000000"
    of_its_class = shown.public_view(by_officer.model_copy(update={"agency": None}))
    assert (of_its_class.reason, of_its_class.right_channel) == ("Bà Mẫu, 0900000000", "Ông Mẫu")
    again = shown.registered(by_officer, "secret", "http://localhost:8001")
    assert (again.accepted, again.reason) == (True, None), "the same answer as the first time"


def test_a_public_view_holds_nothing_that_the_sender_wrote(feedback: Feedback) -> None:
    """A code can be guessed; what stands behind it without the secret must tell nothing about a person."""
    view = shown.public_view(feedback).model_dump_json()
    for secret in (feedback.title, feedback.content, *feedback.sender.model_dump().values()):
        assert secret not in view
    private = shown.private_view(feedback)
    assert private.content == feedback.content
    assert not [value for value in feedback.sender.model_dump().values() if value in private.model_dump_json()]


def test_every_operation_has_a_name_and_describes_its_refusals() -> None:
    """Generated clients take their methods from operation ids; what is not described, they cannot read."""
    operations = [operation for path in files.openapi()["paths"].values() for operation in path.values()]
    assert {operation["operationId"] for operation in operations} == {
        "submitFeedback", "submitFeedbackWithFiles", "lookUpFeedback", "supplementFeedback", "supplementFeedbackWithFiles",
        "rateReply", "objectToReply", "objectToReplyWithFiles", "readSender", "readAttachment", "listLooks", "renewSecret",
        "listCategories", "listAgencies", "readLimits", "readPortal",
        "discoverOpen311", "discoverOpen311Above", "listServices", "readService", "listRequests", "readRequest", "readToken",
        "postRequest",
    }  # fmt: skip
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    errors = {"type": "array", "items": {"$ref": "#/components/schemas/Open311Error"}}
    of_open311 = {"application/json": {"schema": errors}, "text/xml": {"schema": {"type": "string"}}}
    for operation in operations:
        refusals = {status: answer["content"] for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "429", "503"} <= set(refusals)
        expected = of_open311 if "open311" in operation["tags"] else problem
        assert all(content == expected for status, content in refusals.items() if status != "404" or expected == problem)
        if operation["operationId"].startswith(("submit", "supplement", "rate", "object")):
            assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}


def test_no_program_is_told_to_send_a_secret_in_an_address_or_to_confirm_one() -> None:
    """Addresses stand in logs; and who confirms by GET confirms whatever a mail scanner opens."""
    assert not any("confirmation" in path for path in files.openapi()["paths"])
    sent = {row["name"] for operation in operations().values() for row in operation.get("parameters", ()) if row["in"] == "query"}
    assert sent == {
        "jurisdiction_id", "service_request_id", "service_code", "status", "start_date", "end_date", "updated_after",
        "updated_before", "page", "page_size", "extensions",
    }, "of Open311, whose key is in the body"  # fmt: skip


def test_schemas_of_the_document_are_as_exact_as_what_is_checked() -> None:
    """The library's own schemas lose patterns, and a client that trusts them is refused."""
    components = files.openapi()["components"]["schemas"]
    assert "pattern" in components["Registered"]["properties"]["code"]
    assert components["Submission"]["additionalProperties"] is False
    assert "errors" in components["ProblemDocument"]["required"]


def operations() -> dict[str, Any]:
    return {operation["operationId"]: operation for path in files.openapi()["paths"].values() for operation in path.values()}


def test_no_operation_escapes_the_limits_of_a_network() -> None:
    """Limits go by the names of operations: one that is added without its limit could be asked without end."""
    links_of_letters = {"confirmAddress"}
    assert set(rate_limits.COUNTED) == {*operations(), *links_of_letters}


def test_no_page_that_asks_the_database_escapes_the_limits_of_a_network() -> None:
    """Pages stand in no document, so that nobody would miss one."""
    app = build_app(Settings(intake=IntakeSettings(secret_key=SecretStr("k" * 32)))).app
    handlers = {handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers}
    pages = {str(handler.operation_id) for handler in handlers if str(handler.operation_id).startswith("page")}
    alone = {str(handler.operation_id) for handler in handlers if handler.opt.get(NO_DATABASE)}
    assert len(pages) > 10
    assert pages - alone == set(rate_limits.PAGES)


def test_headers_on_which_a_client_acts_are_declared() -> None:
    """A generated client hands out declared headers only: where to look, and when to come back."""
    for name, operation in operations().items():
        for status, answer in operation["responses"].items():
            declared = {key for key, header in answer.get("headers", {}).items() if header["required"]}
            assert ("Retry-After" in declared) == (status in ("429", "503"))
            assert ("WWW-Authenticate" in declared) == (status == "401")
            assert ("Location" in declared) == (name.startswith("submit") and status in ("200", "201"))
            assert ("Cache-Control" in declared) == (status < "300" or status == "304")


def test_a_default_makes_no_field_required_for_a_sender_and_each_for_a_reader() -> None:
    """TypeScript's generators make a field with a default one that must be sent; answers leave nothing out that has one."""
    made = files.openapi()["components"]["schemas"]
    assert '"default":' not in json.dumps(made)
    assert made["Submission"]["required"] == ["category", "title", "content"]
    assert "scanned" in made["Attachment"]["required"]
    assert "state" in made["SupplementTaken"]["required"]
    assert "null" not in json.dumps([made[name] for name in ("Registered", "ShownFeedback", "ShownSender", "TimelineEntry")])
