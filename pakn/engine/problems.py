"""Errors of the HTTP interfaces as problem documents (RFC 9457): what is wrong, where, and every fault at once."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsException, ProblemDetailsPlugin
from pydantic import BaseModel, ConfigDict, Field
from pymongo.errors import PyMongoError

from pakn.engine.reachability import ServerName, is_away
from pakn.errors import TryAgain
from pakn.logs import logger
from schemas.values import Fault

log = logger(__name__)
AnyRequest = Request[Any, Any, Any]
# What a person is told; which server it is and where stands in the log.
_AWAY: dict[ServerName, str] = {
    "mongodb": "The system cannot reach its database at the moment. Please try again in a minute.",
    "kafka": "The system cannot pass on anything at the moment. Please try again in a minute.",
}
# The library's own words name no way on.
_DETAILS = {
    404: "Nothing is at this address. Intake answers citizens and portals; its addresses are listed at /schema.",
    405: "This address does not take this method; the addresses of intake and their methods are listed at /schema.",
}
_KINDS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 500: "internal-error"}


# Kinds whose names alone are no words for people.
_TITLES = {"not-json": "This is not a JSON document", "not-an-object": "This is not a JSON object"}


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
            title=_TITLES.get(kind) or kind.replace("-", " ").capitalize(),
            detail=detail,
            extra={"errors": [fault.model_dump() for fault in faults]},
            headers=headers,
        )


def _from_http(error: HTTPException) -> ProblemDetailsException:
    status = error.status_code
    return Problem(status, _KINDS.get(status, "refused"), _DETAILS.get(status, error.detail), headers=error.headers)


# Who were refused in the same moment and came back in the same moment would be refused together again and again.
_WAITS = itertools.cycle(range(5, 15))


def retry_after() -> dict[str, str]:
    """`Retry-After` of 5 to 14 seconds, another one for each answer."""
    return {"Retry-After": str(next(_WAITS))}


def away(server: ServerName) -> Problem:
    """The answer while a server is away: 503, and when to come back."""
    kind = "database-away" if server == "mongodb" else "kafka-away"
    return Problem(503, kind, _AWAY[server], headers=retry_after())


def plugin(suspect: Callable[[Exception], None]) -> ProblemDetailsPlugin:
    """The Litestar plugin that turns every error into a problem document.

    `suspect` gets the errors that may mean that a server is away; they are not logged here.
    """

    def problem(error: Exception) -> ProblemDetailsException:
        return problem_of(error, suspect)

    return ProblemDetailsPlugin(ProblemDetailsConfig(exception_to_problem_detail_map={HTTPException: problem, Exception: problem}))


def problem_of(error: Exception, suspect: Callable[[Exception], None]) -> ProblemDetailsException:
    """What an error of a request is to whoever sent it. What nobody foresaw is logged here; `suspect` as in `plugin`."""
    if isinstance(error, ProblemDetailsException):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    if is_away(error):
        suspect(error)
        return away("mongodb" if isinstance(error, PyMongoError) else "kafka")
    if isinstance(error, TryAgain):
        return Problem(503, "busy", "Others changed the same at this moment. Please try again.", headers={"Retry-After": "1"})
    log.exception("request_failed", exc_info=error)
    return Problem(500, _KINDS[500], "The request could not be handled; it is logged.")
