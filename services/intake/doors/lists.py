"""The door by HTTP to what programs may ask before they send: lists and limits, each with an ETag, so that asking again is cheap.

None of it but who asks needs the database: it is the pack's, and the same until the process is started anew.
"""

import hashlib
from typing import Final

from litestar import Response
from pydantic import BaseModel

from pakn.engine.problems import AnyRequest, Problem
from pakn.packs.load import Pack
from pakn.settings import Settings
from services.intake import known_values
from services.intake.doors import bodies
from services.intake.doors.openapi import KnownTag
from services.intake.doors.tokens import Tokens
from services.intake.known_values import Agencies, Categories, Limits, ThisPortal

FRESH_SECONDS: Final = 300


class Document:
    """An answer that was written once, and its strong ETag."""

    def __init__(self, model: BaseModel, cache: str = "public") -> None:
        self.body = model.model_dump_json(exclude_none=True).encode()
        self.headers = {
            "ETag": f'"{hashlib.sha256(self.body).hexdigest()[:32]}"',
            "Cache-Control": f"{cache}, max-age={FRESH_SECONDS}",
        }

    def answer(self, if_none_match: str | None) -> Response[bytes]:
        """200 with the body, or 304 to whoever has it already (RFC 9110, sections 13.1.2 and 15.4.5)."""
        known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
        if known & {"*", self.headers["ETag"]}:
            return Response(b"", status_code=304, headers=self.headers)
        return Response(self.body, media_type="application/json", headers=self.headers)


class Lists:
    """The pack's lists and limits."""

    def __init__(self, pack: Pack, settings: Settings, tokens: Tokens) -> None:
        self._tokens = tokens
        self._categories = Document(known_values.categories(pack))
        self._agencies = Document(known_values.agencies(pack))
        self._limits = Document(known_values.limits(pack, settings.intake, bodies.MAX_JSON_BYTES))
        shown = ((row.id, known_values.this_portal(pack, row.id, settings.namespace)) for row in pack.header.portals)
        self._portals = {id: Document(portal, "private") for id, portal in shown if portal is not None}

    async def categories(self, if_none_match: KnownTag = None) -> Response[Categories]:
        """The categories that a submission may name."""
        return self._categories.answer(if_none_match)  # type: ignore[return-value]

    async def agencies(self, if_none_match: KnownTag = None) -> Response[Agencies]:
        """The agencies that a submission may be addressed to."""
        return self._agencies.answer(if_none_match)  # type: ignore[return-value]

    async def limits(self, if_none_match: KnownTag = None) -> Response[Limits]:
        """What a submission may hold, and how many requests are answered."""
        return self._limits.answer(if_none_match)  # type: ignore[return-value]

    async def this_portal(self, request: AnyRequest, if_none_match: KnownTag = None) -> Response[ThisPortal]:
        """What the system knows of the portal whose token is sent."""
        bearer = await self._tokens.bearer(request.headers.get("Authorization", ""), "portal", "read")
        found = self._portals.get(bearer.party)
        if found is None:
            raise Problem(404, "unknown-portal", "The pack has this portal no more; ask the operator.")
        return found.answer(if_none_match)  # type: ignore[return-value]
