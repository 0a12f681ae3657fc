"""A released OpenAPI document binds the next ones: what programs send stays taken, and what they read stays there."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import schemas
from pakn.contracts import files, http_compatibility

DOCUMENT: dict[str, Any] = json.loads((files.FOLDER / "openapi.json").read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    change(document["paths"], document["components"]["schemas"])
    return document


def test_a_document_serves_the_programs_of_its_own() -> None:
    assert http_compatibility.incompatible(DOCUMENT, copy.deepcopy(DOCUMENT)) == []
    assert not http_compatibility.changed(DOCUMENT, changed(lambda paths, _: paths["/v1/limits"]["get"].update(summary="x")))


BREAKING: dict[str, tuple[Change, str]] = {
    "an operation goes": (lambda paths, _: paths.pop("/v1/limits"), "GET /v1/limits: is gone"),
    "a header is required": (
        lambda paths, _: paths["/v1/feedback"]["post"]["parameters"][0].update(required=True),
        "POST /v1/feedback: header Idempotency-Key is required now",
    ),
    "a parameter goes": (
        lambda paths, _: paths["/v1/feedback/{code}"]["get"]["parameters"].pop(),
        "GET /v1/feedback/{code}: ",
    ),
    "a body is bounded more": (
        lambda _, schemas: schemas["Supplement"]["properties"]["content"].update(maxLength=5),
        "POST /v1/feedback/{code}/supplements body /properties/content/maxLength: ",
    ),
    "a form's part is bounded more": (
        lambda _, schemas: schemas["Supplement"]["properties"]["content"].update(maxLength=5),
        "POST /v1/feedback/{code}/supplements/with-files body /properties/feedback/contentSchema/properties/content/maxLength: ",
    ),
    "forms are no longer taken": (
        lambda paths, _: paths["/v1/feedback"]["post"]["requestBody"]["content"].pop("multipart/form-data"),
        "POST /v1/feedback: a body of multipart/form-data is no longer taken",
    ),
    "a field goes": (
        lambda _, schemas: schemas["ShownFeedback"]["properties"].pop("reply"),
        "GET /v1/feedback/{code} 200 /properties/reply: is gone",
    ),
    "a field may be missing": (
        lambda _, schemas: schemas["Registered"]["required"].remove("code"),
        "POST /v1/feedback 201 /required/code: is no longer required",
    ),
}


@pytest.mark.parametrize("what", BREAKING)
def test_what_breaks_a_program_is_named_with_its_operation(what: str) -> None:
    change, said = BREAKING[what]
    found = http_compatibility.incompatible(DOCUMENT, changed(change))
    assert any(fault.startswith(said) for fault in found), found


def test_operations_optional_fields_and_statuses_may_come() -> None:
    def more(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
        paths["/v1/more"] = paths["/v1/limits"]
        paths["/v1/feedback"]["post"]["responses"]["418"] = {}
        paths["/v1/limits"]["get"]["parameters"].append({"in": "query", "name": "since", "schema": {"type": "string"}})
        for name in ("ShownFeedback", "Submission"):
            schemas[name]["properties"]["more"] = {"type": "string"}

    document = changed(more)
    assert http_compatibility.incompatible(DOCUMENT, document) == []
    assert http_compatibility.changed(DOCUMENT, document)


def test_a_release_holds_the_next_documents_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in schemas.CATALOGUE.values():
        monkeypatch.setattr(model, "version", f"{model.major()}.0")
    first = copy.deepcopy(DOCUMENT)
    first["info"]["version"] = "1.0.0"
    monkeypatch.setattr(files, "openapi", lambda: first)
    files.release(tmp_path)
    now = changed(lambda paths, _: paths.update({"/v1/more": paths["/v1/limits"]}))
    minor = 0
    now["info"]["version"] = "1.0.0"
    monkeypatch.setattr(files, "openapi", lambda: now)
    with pytest.raises(files.NotReleasable, match=rf"OpenAPI 1\.{minor} is released with other rules: raise its version"):
        files.release(tmp_path)
    now["info"]["version"] = f"1.{minor + 1}.0"
    assert files.release(tmp_path) == [f"openapi-1.{minor + 1}.json"]
    now["info"]["version"] = f"1.{minor + 2}.0"
    del now["paths"]["/v1/more"]
    with pytest.raises(files.NotReleasable, match=rf"OpenAPI 1\.{minor + 2} breaks programs: GET /v1/more: is gone"):
        files.release(tmp_path)
    now["info"]["version"] = f"1.{minor + 3}.0"
    assert any(f"the newest that is released is 1.{minor + 1}" in line for line in files.differences(tmp_path))
