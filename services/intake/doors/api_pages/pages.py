"""The interfaces as pages for people: OpenAPI by Swagger UI at /schema, the event catalogue at /schema/events.

All files come from here, and the pages forbid the browser to ask anybody else. Nothing can be sent from them.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jinja2
from litestar import Response, Router, get
from litestar.datastructures import ResponseHeader
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

import schemas
from pakn.engine.problems import AnyRequest, Problem
from pakn.engine.process import NO_DATABASE
from services.intake.doors.api_pages import catalogue

_HERE: Final = Path(__file__).parent
_NOBODY_ELSE: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI writes styles into its elements.
SWAGGER_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    + _NOBODY_ELSE
)
POLICY: Final = "default-src 'none'; style-src 'self'; img-src data:; " + _NOBODY_ELSE
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(_HERE / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template(name)


class HttpPage(OpenAPIRenderPlugin):
    """The page of the OpenAPI document, which the page itself asks for."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._page = _template("http.html.j2").render(page="http").encode()

    def render(self, request: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:
        """The page; the same for everybody."""
        del request, openapi_schema
        return self._page


def router() -> Router:
    """The router of /schema: each answer there carries the policy of its pages."""
    headers = {"Content-Security-Policy": SWAGGER_POLICY, **_SAFE}
    return Router(
        "/schema",
        route_handlers=[],
        include_in_schema=False,
        response_headers=[ResponseHeader(name=name, value=value) for name, value in headers.items()],
    )


def pages() -> list[ControllerRouterHandler]:
    """The page of the events, and the files of both pages."""
    document = json.loads((Path(schemas.__file__).parent / "asyncapi.json").read_text(encoding="utf-8"))
    said = {"description": document["info"]["description"], "events": catalogue.events(document)}
    page = _template("events.html.j2").render(page="events", **said).encode()
    shared: dict[str, Any] = {"include_in_schema": False, "opt": {NO_DATABASE: True}, "sync_to_thread": False}
    file = _file_of({path.name: _served(path) for path in _files()})

    @get("/schema/events", **shared)
    def events() -> Response[bytes]:
        return Response(page, headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY, **_SAFE})

    return [events, get("/schema/files/{name:str}", **shared)(file)]


def _files() -> list[Path]:
    """Ours, and Swagger UI's two; the package has twenty others that no page needs."""
    # Found and not imported: the package is for frameworks that are not used here.
    found = importlib.util.find_spec("swagger_ui")
    assert found is not None
    assert found.origin is not None
    swagger = Path(found.origin).parent / "static"
    return [*sorted((_HERE / "static").iterdir()), swagger / "swagger-ui-bundle.js", swagger / "swagger-ui.css"]


def _served(path: Path) -> tuple[bytes, dict[str, str]]:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return content, {"Content-Type": _TYPES[path.suffix], "ETag": tag, "Cache-Control": "public, max-age=3600", **_SAFE}


def _file_of(files: dict[str, tuple[bytes, dict[str, str]]]) -> Callable[..., Response[bytes]]:
    def file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        if name not in files:
            raise Problem(404, "not-found", "The pages have no such file.")
        content, headers = files[name]
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Response(b"", status_code=304, headers=headers)
        return Response(content, headers=headers)

    return file
