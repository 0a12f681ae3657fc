"""The HTTP edge of deadlines: the clocks of a feedback, each with its whole count."""

from typing import Any

from litestar import get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from pakn import links
from pakn.engine.problems import Problem
from pakn.errors import TryAgain
from services.deadlines.clocks import explain
from services.deadlines.lawbook import Lawbook
from services.deadlines.store import DeadlinesStore, read_case


def routes(lawbook: Lawbook, store: DeadlinesStore) -> list[ControllerRouterHandler]:
    """The route, version 1. It shows no personal data, so it needs no secret."""

    @get("/v1/feedback/{code:str}/deadlines", tags=["deadlines"])
    async def deadlines(code: FromPath[str]) -> dict[str, Any]:
        document = await store.by_code(links.read_code(code, lawbook.current().pack.header.code_prefix))
        if document is None:
            raise Problem(404, "unknown-code", "No feedback with this code has been assigned yet.")
        law, case = lawbook.current(), read_case(document)
        waited = {"submitted_at": case.submitted_at.astimezone(law.days.zone).isoformat(), "agency": case.agency}
        try:
            return {"code": case.code, **waited, "clocks": [explain.explain_clock(law, clock) for clock in case.clocks]}
        except TryAgain as error:
            raise Problem(503, "not-known-yet", f"{error}; ask again in a minute.") from None

    return [deadlines]
