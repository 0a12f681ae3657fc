"""The routes of Open311 GeoReport v2, each in both formats. Their description is in `document.py`: the library's own cannot have
an address that ends in `.{format}`.
"""

from typing import Any

from litestar import get, post, route
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.types import ControllerRouterHandler

from pakn.engine.problems import Problem
from pakn.engine.process import NO_DATABASE
from services.intake.doors import bodies
from services.intake.doors.open311.door import BASE, GeoReport


def _both(path: str) -> list[str]:
    return [f"{path}.json", f"{path}.xml"]


def open311(door: GeoReport) -> list[ControllerRouterHandler]:
    """The routes of the door."""
    limits = door.pack.header.attachments
    # As said by each class, since the application has handlers for the nearer ones.
    refuse: Any = dict.fromkeys((Problem, ProblemDetailsException, HTTPException, Exception), door.refuse)
    shared: dict[str, Any] = {"include_in_schema": False, "exception_handlers": refuse}
    of_pack: dict[str, Any] = shared | {"opt": {NO_DATABASE: True}}
    # The router takes a name that it knows for the way to what lies below it, and for no `name`.
    elsewhere = ["/open311", BASE, *(f"{BASE}/{name}" for name in ("services", "requests", "tokens", "{name:str}"))]
    max_body = limits.max_files * limits.max_bytes + bodies.MAX_JSON_BYTES
    return [
        get(_both("/open311/discovery"), operation_id="discoverOpen311Above", **of_pack)(door.discovery),
        get(_both(f"{BASE}/discovery"), operation_id="discoverOpen311", **of_pack)(door.discovery),
        get(_both(f"{BASE}/services"), operation_id="listServices", **of_pack)(door.services),
        get(f"{BASE}/services/{{name:str}}", operation_id="readService", **of_pack)(door.service),
        get(_both(f"{BASE}/requests"), operation_id="listRequests", **shared)(door.requests),
        get(f"{BASE}/requests/{{name:str}}", operation_id="readRequest", **shared)(door.request),
        get(f"{BASE}/tokens/{{name:str}}", operation_id="readToken", **shared)(door.token),
        route(elsewhere, http_method=["GET", "POST"], **of_pack)(door.nothing),
        post(_both(f"{BASE}/requests"), operation_id="postRequest", request_max_body_size=max_body, **shared)(door.submit),
    ]
