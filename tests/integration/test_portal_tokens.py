"""A portal by HTTP: it says who it is, gives its reference, is answered in its outbox, and asks for lists before it sends."""

from typing import Any

from services.intake.doors.tokens import Kind, Scope
from services.intake.token_commands import deny_tokens
from tests.integration.test_intake_portals import registered
from tests.support.outside_world import GOOD
from tests.support.system import OLD_TOKEN_KEY, System, bearer

SENT = GOOD | {"reference": "QG-2026-1", "sent_at": "2026-02-28T10:00:00+07:00"}


def sent(party: str, kind: Kind = "portal", *scopes: Scope, **more: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer(kind, party, *scopes, **more)}"}


async def test_what_a_portal_sends_by_http_is_its_own_case_and_is_told_in_its_outbox(system: System) -> None:
    headers = sent("cdvcqg") | {"Idempotency-Key": "QG-own-id-0000001"}
    made = await system.http.post("/v1/feedback", json=SENT, headers=headers)
    assert made.status_code == 201
    code = made.json()["code"]
    assert code.startswith("PAKN.20260228."), "its day of sending counts"
    answer = await registered(system, "QG-own-id-0000001")
    assert (answer.data["code"], answer.data["reference"]) == (code, "QG-2026-1")
    (submitted,) = await system.observer.wait("FeedbackSubmitted", code=code)
    assert (submitted.data["portal"], submitted.data["channel"]) == ("cdvcqg", "portal")
    await system.observer.wait("SubmissionProgressed", topic="outbox.cdvcqg", code=code, step="FeedbackAssigned")
    await system.post.portal("cdvcqg", SENT, "QG-own-id-0000001")
    await system.settled("intake")
    assert {row.data["code"] for row in system.observer.found("SubmissionRegistered", reference="QG-2026-1")} == {code}


async def test_nobody_else_gives_a_reference_or_a_day_of_sending(system: System) -> None:
    """Anybody could date back, or write into what is kept for ever."""
    refused = await system.http.post("/v1/feedback", json=SENT)
    assert refused.status_code == 422
    faults = {fault["field"]: fault["code"] for fault in refused.json()["errors"]}
    assert faults == {"reference": "unknown_sender", "sent_at": "unknown_sender"}
    for wrong in (sent("gia-lai", "agency"), {"Authorization": "Bearer x"}):
        assert (await system.http.post("/v1/feedback", json=GOOD, headers=wrong)).status_code == 401


async def test_lists_and_limits_come_in_each_language_and_are_asked_again_for_nothing(system: System) -> None:
    found: dict[str, Any] = {}
    for path in ("/v1/categories", "/v1/agencies", "/v1/limits", "/v1/portals/me"):
        headers = sent("danang-1022") if path.endswith("/me") else {}
        answer = await system.http.get(path, headers=headers)
        assert answer.status_code == 200
        tag = answer.headers["etag"]
        assert tag.startswith('"')
        assert answer.headers["cache-control"] == ("private" if headers else "public") + ", max-age=300"
        for known in (tag, f'"other", W/{tag}', "*"):
            again = await system.http.get(path, headers=headers | {"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await system.http.get(path, headers=headers | {"If-None-Match": '"other"'})).status_code == 200
        found[path] = answer.json()
    agencies = {row["id"]: row for row in found["/v1/agencies"]["agencies"]}
    assert agencies["bo-y-te"]["name"] == {"vi": "Bộ Y tế", "en": "Ministry of Health"}
    assert agencies["binh-dinh"]["successor"] == "gia-lai"
    categories = {row["id"]: row for row in found["/v1/categories"]["categories"]}
    assert all({"vi", "en"} == set(row["name"]) for row in (*agencies.values(), *categories.values()))
    assert set(categories["to-cao"]["reason"]) == {"vi", "en"}
    limits = found["/v1/limits"]
    assert (limits["title_max"], limits["files"]["max_files"], limits["reference_max"]) == (250, 5, 500)
    assert {row["id"]: row["name"]["en"] for row in limits["provinces"]}["hue"] == "Hue"
    assert limits["shown_name"] == {"name": "Nguyễn Văn Anh", "shown": "Nguyễn V. A."}
    assert found["/v1/portals/me"]["gets_lookup_secret"] is True
    assert found["/v1/portals/me"]["outbox"] == f"{system.settings.namespace}.outbox.danang-1022"
    assert (await system.http.get("/v1/portals/me")).status_code == 401
    assert (await system.http.get("/v1/portals/me", headers=sent("gone"))).status_code == 404
    assert (await system.http.post("/v1/feedback", json=GOOD, headers=sent("gone"))).status_code == 401


async def test_a_token_that_was_called_back_or_lacks_the_scope_is_refused_and_two_keys_hold_at_a_time(system: System) -> None:
    """A token lasts for months; an officer who leaves must not."""
    path = "/v1/portals/me"
    assert (await system.http.get(path, headers=sent("cdvcqg", key=OLD_TOKEN_KEY))).status_code == 200
    lacking = await system.http.get(path, headers=sent("cdvcqg", "portal", "send"))
    assert (lacking.status_code, lacking.json()["type"]) == (403, "urn:pakn:problem:scope-missing")
    assert lacking.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="read"'
    assert (await system.http.post("/v1/feedback", json=GOOD, headers=sent("cdvcqg", "portal", "read"))).status_code == 403
    unknown = OLD_TOKEN_KEY.model_copy(update={"id": "unknown"})
    assert (await system.http.get(path, headers=sent("cdvcqg", key=unknown))).status_code == 401

    await deny_tokens(system.settings, None, "stolen", "a laptop was stolen")
    assert (await system.http.get(path, headers=sent("cdvcqg", token_id="stolen"))).status_code == 401
    assert (await system.http.get(path, headers=sent("cdvcqg", token_id="another"))).status_code == 200
    await deny_tokens(system.settings, "portal", "hcm-1022", "the portal changes hands")
    assert (await system.http.get(path, headers=sent("hcm-1022"))).status_code == 401
    assert (await system.http.get(path, headers=sent("cdvcqg"))).status_code == 200
