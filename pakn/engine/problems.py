"""Errors of the HTTP interfaces as problem documents (RFC 9457): what is wrong, where, and every fault at once."""

import re
from collections.abc import Sequence
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsException, ProblemDetailsPlugin
from pydantic import BaseModel, ConfigDict, Field

from pakn.logs import logger
from schemas.values import Fault

log = logger(__name__)
AnyRequest = Request[Any, Any, Any]
_KINDS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 500: "internal-error"}


class ProblemDocument(BaseModel):
    """RFC 9457: `type` names the kind of problem for programs, `detail` says what to do, `errors` lists every place."""

    type: str = Field(description="urn:pakn:problem:<kind>; a kind never changes its meaning")
    title: str
    status: int
    detail: str
    errors: list[Fault]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:pakn:problem:invalid-submission",
                    "title": "Invalid submission",
                    "status": 422,
                    "detail": "Correct every place listed in errors and send it again.",
                    "errors": [{"field": "sender.phone", "code": "missing", "message": "is required here and missing"}],
                }
            ]
        }
    )


class Problem(ProblemDetailsException):
    """An answer that says no: `kind` is the stable name of the problem, such as `unknown-code`, `detail` what to do, `faults`
    every place. Raises ValueError on a kind that is no name."""

    def __init__(
        self, status: int, kind: str, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        if not re.fullmatch(r"[a-z][a-z-]*", kind):
            raise ValueError(f"{kind!r} is no kind of problem; use small letters and hyphens")
        super().__init__(
            status_code=status,
            type_=f"urn:pakn:problem:{kind}",
            # RFC 9457 wants the same title at each occurrence of a type.
            title=kind.replace("-", " ").capitalize(),
            detail=detail,
            extra={"errors": [fault.model_dump() for fault in faults]},
            headers=headers,
        )


def _from_http(error: Exception) -> ProblemDetailsException:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, _KINDS.get(error.status_code, "refused"), error.detail, headers=error.headers)


def _from_other(_error: Exception) -> ProblemDetailsException:
    log.exception("request_failed")
    return Problem(500, _KINDS[500], "The request could not be handled; it is logged.")


def plugin() -> ProblemDetailsPlugin:
    """The Litestar plugin that turns every error into a problem document."""
    return ProblemDetailsPlugin(
        ProblemDetailsConfig(exception_to_problem_detail_map={HTTPException: _from_http, Exception: _from_other})
    )
