"""The interfaces as pages: they ask no other host, let nobody send anything, and show what the contracts say."""

import html
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

import schemas
from pakn.settings import IntakeSettings, Settings
from services.intake.app import build_app
from services.intake.doors.api_pages import catalogue
from tests.support.examples import FOLDER

PAGES = ("/schema", "/schema/events")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Intake's answers without its servers: what the pages show needs none."""
    app = build_app(Settings(intake=IntakeSettings(secret_key=SecretStr("nothing is signed with this secret key")))).app
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_for_files_of_this_host_only_and_each_is_there(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', page.text)) - {"data:,"}
    assert {"/schema/files/api.css", "/schema/openapi.json", "/schema/asyncapi.json"} <= named
    for target in named:
        assert target.startswith("/schema")
        answer = await http.get(target)
        assert answer.status_code == 200, target
        if target.startswith("/schema/files/"):
            assert answer.headers["x-content-type-options"] == "nosniff"
    start = (await http.get("/schema/files/start.js")).text
    assert re.findall(r"https?:|//[a-z]", page.text + start.partition("\n")[2]) == [], "no other address stands in them"


@pytest.mark.parametrize("path", PAGES)
async def test_the_browser_is_told_to_ask_nobody_else_and_to_run_no_script_of_a_page(http: httpx.AsyncClient, path: str) -> None:
    """Only Swagger UI may write styles into its elements, on its page alone."""
    page = await http.get(path)
    rules = dict(rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert rules.get("script-src", "'none'") == ("'self'" if path == "/schema" else "'none'")
    assert rules["style-src"] == ("'self' 'unsafe-inline'" if path == "/schema" else "'self'")
    assert "*" not in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*\ssrc=)|\son\w+=|<form|<input|style=", page.text) == []


async def test_nothing_can_be_sent_from_the_page_of_the_interface(http: httpx.AsyncClient) -> None:
    """A page that publishes for whoever opens it would be a door without a lock."""
    start = (await http.get("/schema/files/start.js")).text
    for setting in ("supportedSubmitMethods: []", "validatorUrl: null", "queryConfigEnabled: false", "authorizeBtn: nothing"):
        assert setting in start


async def test_a_file_is_not_sent_again_to_who_has_it_and_no_other_file_is_there(http: httpx.AsyncClient) -> None:
    first = await http.get("/schema/files/swagger-ui-bundle.js")
    assert len(first.content) > 1_000_000
    again = await http.get("/schema/files/swagger-ui-bundle.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("swagger-editor.js", "..%2Fpages.py", "oauth2-redirect.html"):
        assert (await http.get(f"/schema/files/{name}")).status_code == 404


async def test_the_catalogue_has_every_event_with_its_fields_and_its_example(http: httpx.AsyncClient) -> None:
    page = (await http.get("/schema/events")).text
    shown = {section.partition('"')[0]: html.unescape(section) for section in page.split('<h2 id="')[1:]}
    assert set(shown) == {model.event_name() for model in schemas.CATALOGUE.values()} | {"DeadLetter"}
    for model in schemas.CATALOGUE.values():
        section = shown[model.event_name()]
        properties = model.model_json_schema().get("properties", {})
        assert [name for name in properties if f"<code>{name}</code>" not in section] == []
        example = json.loads((FOLDER / f"{model.event_name()}.json").read_text())
        assert json.dumps(example, indent=2, ensure_ascii=False) in section
        assert "<li><code>" in section, "no topic carries it"


def test_fields_inside_objects_lists_and_alternatives_are_shown_and_what_holds_itself_ends() -> None:
    schema = {
        "properties": {
            "at": {"type": "string", "format": "date-time", "description": "When."},
            "places": {"type": "array", "items": {"$ref": "#/components/schemas/Place"}},
            "act": {"oneOf": [{"$ref": "#/components/schemas/One"}]},
        },
        "required": ["at"],
    }
    parts = {
        "Place": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}]}}},
        "One": {"title": "One", "type": "object", "properties": {"kind": {"const": "one"}}},
        "Whole": schema,
    }
    message = {"name": "pakn.Whole.v1", "summary": "All.", "payload": {"$ref": "#/components/schemas/Whole"}}
    document = {"components": {"messages": {"Whole": message}, "schemas": parts}, "operations": {}, "channels": {}}
    (event,) = catalogue.events(document)
    assert [(field.name, field.type, field.required) for field in event.fields] == [
        ("at", "string, date-time", True),
        ("places", "list of object", False),
        ("places[].next", "object", False),
        ("act", "one of several", False),
        ("act.(One) kind", '"one"', False),
    ]
    assert event.fields[0].meaning == "When"
