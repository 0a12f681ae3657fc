"""Bounds on what one network may ask of the citizens' side in an hour, shared by all instances through the database.

A network is one IPv4 address, or the /64 that a line of IPv6 gets. It is kept only as a keyed digest, for its hour. When the
database does not answer, nothing is refused here: a request that needs it fails by itself.

Thousands may share one address, and one of them may guess. So wrong codes, secrets and tokens stop only what may be a guess: a
look-up without a secret, before anything is looked up, and whatever turns out wrong, all with one answer. Who has the right
secret, submits or asks for a list goes on. A secret has 96 bits: that a right one is answered helps nobody to guess it.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, Literal

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.types import Scope
from pymongo.errors import DuplicateKeyError, PyMongoError

from pakn import metrics
from pakn.engine import mongo
from pakn.engine.mongo import Database
from pakn.engine.problems import AnyRequest, Problem
from pakn.settings import IntakeSettings, networks

Network = IPv4Network | IPv6Network
What = Literal["submissions", "look_ups", "wrong"]
_HOUR: Final = timedelta(hours=1)
# So long a request waits until it is counted.
_PATIENCE_SECONDS: Final = 0.7
# What the operations of the API count as. An agency's look is counted too: its tokens could be guessed.
COUNTED: Final[dict[str, What]] = {
    "submitFeedback": "submissions",
    "submitFeedbackWithFiles": "submissions",
    "supplementFeedback": "submissions",
    "supplementFeedbackWithFiles": "submissions",
    "objectToReply": "submissions",
    "objectToReplyWithFiles": "submissions",
    "lookUpFeedback": "look_ups",
    "rateReply": "look_ups",
    "confirmAddress": "look_ups",
    "readSender": "look_ups",
    "readAttachment": "look_ups",
    "listLooks": "look_ups",
    "renewSecret": "look_ups",
    "listCategories": "look_ups",
    "listAgencies": "look_ups",
    "readLimits": "look_ups",
    "readPortal": "look_ups",
    "discoverOpen311": "look_ups",
    "discoverOpen311Above": "look_ups",
    "listServices": "look_ups",
    "readService": "look_ups",
    "listRequests": "look_ups",
    "readRequest": "look_ups",
    "readToken": "look_ups",
    "postRequest": "submissions",
}
# What pages count as. Those that need no database are not counted.
PAGES: Final[dict[str, What]] = {
    "pageSendStep": "submissions",
    "pageSimilar": "look_ups",
    "pageFollowEnter": "look_ups",
    "pageCase": "look_ups",
    "pageOpen": "look_ups",
    "pageSent": "look_ups",
    "pageLooks": "look_ups",
    "pageRenew": "look_ups",
    "pageClose": "look_ups",
    "pageFile": "look_ups",
    "pageConfirm": "look_ups",
    "pageConfirmed": "look_ups",
    "pageAnswer": "submissions",
    "pageRate": "look_ups",
    "pageHideName": "look_ups",
    "pageObject": "submissions",
    "pagePublished": "look_ups",
    "pageAtom": "look_ups",
    "pageReply": "look_ups",
    "pageReplyFile": "look_ups",
}
_ALL: Final = COUNTED | PAGES
# A code that nobody has, a secret or a token that is wrong: what somebody sees who guesses.
_WRONG: Final = frozenset({"unknown-code", "wrong-secret", "wrong-token", "token-refused"})
# Without a token too, an answer that differs from `unknown-code` tells that there is such a code.
_TELLING: Final = _WRONG | {"token-missing"}
# A look-up by a code or an id alone: with the right one anybody is answered.
_GUESSES: Final = frozenset({"lookUpFeedback", "readRequest", "readToken"})
# Where a scope says that its network has guessed too often.
_STOPPED: Final = "pakn_guesses_stopped"


def network_of(host: str) -> Network | None:
    """The network that an address counts for; none for what is no address, which all count as one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return IPv6Network((address, 64), strict=False)
    return IPv4Network(address.ipv4_mapped if isinstance(address, IPv6Address) else address)


def is_within(network: Network | None, unlimited: Collection[Network]) -> bool:
    """Whether a network lies in one of those that have no limits."""
    return network is not None and any(network.overlaps(other) and network.prefixlen >= other.prefixlen for other in unlimited)


def is_over(counts: dict[str, int], what: What, limits: dict[What, int]) -> bool:
    """Whether a network has passed this limit with the counts of its hour, this request included. A limit of 0 is none."""
    return bool(limits[what]) and counts.get(what, 0) > limits[what]


def is_stopped(counts: dict[str, int], limits: dict[What, int]) -> bool:
    """Whether a network has been wrong as often as it may, so that it may guess no more."""
    return bool(limits["wrong"]) and counts.get("wrong", 0) >= limits["wrong"]


class RateLimits:
    """A guard before each operation, and a look at how it failed; `now` gives the machine's time."""

    def __init__(
        self, database: Database, settings: IntakeSettings, now: Callable[[], datetime], suspect: Callable[[Exception], None]
    ) -> None:
        """`suspect` is told of errors that may mean that the database is away."""
        self._counts = database["rate_counts"]
        self._key = settings.secret_key.get_secret_value().encode()
        self._limits: dict[What, int] = {
            "submissions": settings.limit_submissions,
            "look_ups": settings.limit_look_ups,
            "wrong": settings.limit_wrong,
        }
        self._unlimited = networks(settings.unlimited_networks)
        self._now = now
        self._suspect = suspect

    async def prepare(self) -> None:
        """Create the index by which the database forgets what is over."""
        await self._counts.create_index("expires_at", expireAfterSeconds=0)

    async def guard(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Count a request before anything of it is read. Raises Problem 429 with Retry-After above a limit."""
        operation = str(getattr(handler, "operation_id", ""))
        what = _ALL.get(operation)
        if what is None or not any(self._limits.values()):
            return
        counts = await self._count(connection.scope, what, self._now())
        if is_over(counts, what, self._limits):
            raise self._too_many(what)
        if is_stopped(counts, self._limits):
            if operation in _GUESSES and not _has_secret(connection):
                raise self._too_many("wrong")
            scope: Any = connection.scope
            scope[_STOPPED] = True

    def answer(self, request: AnyRequest, problem: Problem) -> Response[Any]:
        """The answer to a request that failed."""
        return self.told(request, problem).to_response(request)

    def told(self, request: AnyRequest, problem: ProblemDetailsException) -> ProblemDetailsException:
        """What is told of a problem: who may guess no more learns neither what was wrong nor whether a code exists."""
        scope: Any = request.scope
        return self._too_many("wrong") if scope.get(_STOPPED) and _kind(problem) in _TELLING else problem

    def _too_many(self, passed: What) -> Problem:
        metrics.rate_limited.labels(passed).inc()
        now = self._now()
        seconds = int((_end(now) - now).total_seconds()) + 1
        detail = "Too many requests came from your network within this hour; try again when Retry-After is over."
        if passed == "wrong":
            detail = (
                "Too many wrong codes, secrets or tokens came from your network within this hour. Look up with the right secret, "
                "or try again when Retry-After is over."
            )
        return Problem(429, "too-many-requests", detail, headers={"Retry-After": str(seconds)})

    async def note_failure(self, error: Exception, scope: Scope) -> None:
        """Count a failed request that looks like a guess."""
        if _kind(error) in _WRONG and self._limits["wrong"]:
            await self._count(scope, "wrong", self._now())

    async def note_guess(self, scope: Any, *, wrong: bool = True) -> None:
        """Count a request that looks like a guess, and whose answer is a page that does not say so; a code alone may be right.

        Raises Problem 429 for whoever may guess no more, right or `wrong`.
        """
        if scope.get(_STOPPED):
            raise self._too_many("wrong")
        if wrong and self._limits["wrong"]:
            await self._count(scope, "wrong", self._now())

    async def _count(self, scope: Any, what: What, now: datetime) -> dict[str, int]:
        """The counts of the network's hour with this request; none for a network that is not limited, or without database."""
        client = scope.get("client")
        network = network_of(client[0] if client else "")
        if is_within(network, self._unlimited):
            return {}
        digest = hmac.new(self._key, f"network/{network}".encode(), hashlib.sha256).hexdigest()[:32]
        wanted = {"_id": f"{digest}/{_end(now):%Y%m%d%H}"}
        update = {"$inc": {what: 1}, "$setOnInsert": {"expires_at": _end(now)}}
        try:
            return await mongo.whole(self._counted(wanted, update), _PATIENCE_SECONDS)
        except (PyMongoError, TimeoutError) as error:
            metrics.rate_limits_blind.inc()
            self._suspect(error)
        return {}

    async def _counted(self, wanted: mongo.Document, update: mongo.Document) -> dict[str, int]:
        for _ in range(2):
            try:
                row = await self._counts.find_one_and_update(wanted, update, upsert=True, return_document=True)
            except DuplicateKeyError:
                continue  # Another instance made it at the same moment: now it is there.
            return dict(row or {})
        return {}


def _has_secret(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    return "x-lookup-secret" in connection.headers or "secret" in connection.query_params


def _kind(error: Exception) -> str:
    return str(getattr(error, "type_", None) or "").removeprefix("urn:pakn:problem:")


def _end(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
