"""Errors of the HTTP interfaces as problem documents (RFC 9457): what is wrong, where, and every fault at once.

`pakn/engine/process.py` installs the plugin; an edge raises `Problem`.
"""

from collections.abc import Sequence
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsException, ProblemDetailsPlugin

from pakn.logs import logger
from schemas.values import Fault

log = logger(__name__)


class Problem(ProblemDetailsException):
    """An answer that says no: `title` names the kind, `detail` what to do, `faults` every place that is wrong."""

    def __init__(
        self, status: int, title: str, detail: str, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        extra: dict[str, Any] = {"errors": [fault.model_dump() for fault in faults]} if faults else {}
        super().__init__(status_code=status, title=title, detail=detail, extra=extra, headers=headers)


def _from_http(error: Exception) -> ProblemDetailsException:
    assert isinstance(error, HTTPException)
    # The library's own converter puts the explanation into the title, where RFC 9457 wants the same text at each occurrence.
    return ProblemDetailsException(
        status_code=error.status_code,
        title=type(error).__name__.removesuffix("Exception"),
        detail=error.detail,
        headers=error.headers,
    )


def _from_other(_error: Exception) -> ProblemDetailsException:
    log.exception("request_failed")
    return ProblemDetailsException(
        status_code=500, title="InternalServerError", detail="The request could not be handled; it is logged."
    )


def plugin() -> ProblemDetailsPlugin:
    """The Litestar plugin that turns every error into a problem document."""
    return ProblemDetailsPlugin(
        ProblemDetailsConfig(exception_to_problem_detail_map={HTTPException: _from_http, Exception: _from_other})
    )


AnyRequest = Request[Any, Any, Any]
