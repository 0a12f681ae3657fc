"""The routes of intake's interface, version 1: paths, names, and what they may answer."""

from typing import Any

from litestar import get, post
from litestar.openapi import ResponseSpec
from litestar.types import ControllerRouterHandler

from pakn.engine.process import NO_DATABASE
from services.intake.doors import bodies, openapi
from services.intake.doors.http import Api
from services.intake.doors.lists import Lists
from services.intake.shown import Registered


def feedback(api: Api) -> list[ControllerRouterHandler]:
    """The routes of the citizens' side, version 1."""
    limits = api.pack.header.attachments
    max_body = limits.max_files * limits.max_bytes + bodies.MAX_JSON_BYTES
    one = "/v1/feedback/{code:str}"
    shared: dict[str, Any] = {"tags": ["feedback"]}
    with_files: dict[str, Any] = shared | {"request_max_body_size": max_body}
    again = ResponseSpec(Registered, generate_examples=False, description="Registered before, by the same Idempotency-Key")
    submitting: dict[str, Any] = with_files | {
        "response_description": "Registered; Location says where to look it up",
        "responses": {200: again, **openapi.problems(401, 408, 413, 415, 422)},
        "security": [{}, {"portal": []}],
    }
    submit = post("/v1/feedback", operation_id="submitFeedback", operation_class=openapi.SUBMISSION, **submitting)
    submit_with_files = post(
        "/v1/feedback/with-files",
        operation_id="submitFeedbackWithFiles",
        summary="Submit with files",
        operation_class=openapi.SUBMISSION_WITH_FILES,
        **submitting,
    )
    look_up = get(
        one,
        operation_id="lookUpFeedback",
        summary="Look up",
        response_description="The public state; with the secret the details",
        responses=openapi.problems(403, 404),
        **shared,
    )
    supplementing: dict[str, Any] = with_files | {
        "status_code": 202,
        "response_description": "Taken",
        "responses": openapi.problems(403, 404, 408, 409, 413, 415, 422),
    }
    supplement = post(f"{one}/supplements", operation_id="supplementFeedback", operation_class=openapi.SUPPLEMENT, **supplementing)
    supplement_with_files = post(
        f"{one}/supplements/with-files",
        operation_id="supplementFeedbackWithFiles",
        summary="Supplement with files",
        operation_class=openapi.SUPPLEMENT_WITH_FILES,
        **supplementing,
    )
    object_ = post(f"{one}/objections", operation_id="objectToReply", operation_class=openapi.OBJECTION, **supplementing)
    object_with_files = post(
        f"{one}/objections/with-files",
        operation_id="objectToReplyWithFiles",
        summary="Object with files",
        operation_class=openapi.OBJECTION_WITH_FILES,
        **supplementing,
    )
    rate = post(
        f"{one}/rating",
        operation_id="rateReply",
        operation_class=openapi.RATING,
        status_code=202,
        response_description="Taken",
        responses=openapi.problems(403, 404, 408, 409, 413, 422),
        **shared,
    )
    sender = get(
        f"{one}/sender",
        operation_id="readSender",
        security=[{"agency": []}],
        tags=["agencies"],
        response_description="The look is recorded",
        responses=openapi.problems(401, 403, 404),
    )
    attachment = get(
        f"{one}/attachments/{{attachment_id:str}}",
        operation_id="readAttachment",
        security=[{}, {"agency": []}],
        media_type="application/octet-stream",
        response_description="The file, in its own media type",
        responses=openapi.problems(401, 403, 404),
        **shared,
    )
    looks = get(
        f"{one}/looks",
        operation_id="listLooks",
        summary="Who has looked",
        response_description="Each look at the sender's data by others, the latest first",
        responses=openapi.problems(403, 404),
        **shared,
    )
    renew = post(
        f"{one}/secret",
        operation_id="renewSecret",
        summary="Take a new secret",
        status_code=200,
        response_description="The new one; the former one opens nothing any more",
        responses=openapi.problems(403, 404, 409),
        **shared,
    )
    # The link of a letter, and no interface for programs.
    confirm = get(f"{one}/confirmation", operation_id="confirmAddress", include_in_schema=False)
    forms = [submit_with_files(api.submit), supplement_with_files(api.supplement), object_with_files(api.object)]
    routes = [submit(api.submit), look_up(api.look_up), supplement(api.supplement), rate(api.rate), object_(api.object), *forms]
    return [
        *routes,
        confirm(api.confirm),
        sender(api.sender),
        attachment(api.attachment),
        looks(api.list_looks),
        renew(api.renew_secret),
    ]


def reference(lists: Lists) -> list[ControllerRouterHandler]:
    """The routes of what programs may ask before they send, version 1."""
    shared: dict[str, Any] = {"tags": ["reference"], "opt": {NO_DATABASE: True}}
    handlers: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("/v1/categories", "listCategories", lists.categories, {}),
        ("/v1/agencies", "listAgencies", lists.agencies, {}),
        ("/v1/limits", "readLimits", lists.limits, {}),
        ("/v1/portals/me", "readPortal", lists.this_portal, {"security": [{"portal": []}]}),
    ]
    return [
        get(
            path,
            operation_id=name,
            response_description="Good for as long as Cache-Control says; then ask with If-None-Match",
            responses=openapi.UNCHANGED | openapi.problems(*((401, 404) if more else ())),
            **shared,
            **more,
        )(handler)
        for path, name, handler, more in handlers
    ]
