"""Bearer tokens: by one an agency reads the senders and files of its own cases, by another a portal says who it is.

They are JSON Web Tokens (RFC 7519) signed by a key that the header names (`kid`), so that two keys may hold at a time.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import jwt

from pakn.engine.problems import Problem
from pakn.logins import SigningKey
from pakn.packs.load import Pack

Kind = Literal["agency", "portal"]
Scope = Literal["senders", "files", "send", "read"]
SCOPES: Final[dict[Kind, tuple[Scope, ...]]] = {"agency": ("senders", "files"), "portal": ("send", "read")}
"""What a token may allow. An agency reads senders and files; a portal sends, and reads what is its own."""
_A: Final = {"agency": "an agency", "portal": "a portal"}
_REQUIRED: Final = ["sub", "jti", "iat", "exp", "scope"]


class Bearer(NamedTuple):
    """Who sends a token. `party` is the agency or the portal, `token_id` the token's own id, `issued_at` when it was made.

    `officer` is the account of the officer whom an agency's token names.
    """

    kind: Kind
    party: str
    token_id: str
    issued_at: datetime
    officer: str | None = None


IsDenied = Callable[[Bearer], Awaitable[bool]]


class Tokens:
    """Signs tokens and reads them. The first of `keys` signs, all are believed; `is_denied` knows what was called back."""

    def __init__(self, keys: Sequence[SigningKey], is_denied: IsDenied) -> None:
        self._keys = {key.id: key.secret.get_secret_value() for key in keys}
        self._is_denied = is_denied

    async def bearer(self, authorization: str, kind: Kind, scope: Scope) -> Bearer:
        """Who sends this `Authorization` header. Raises like `read` and `check`."""
        found = self.read(authorization, kind, scope)
        await self.check(found)
        return found

    def read(self, authorization: str, kind: Kind, scope: Scope) -> Bearer:
        """What the token says, where `check` has still to be asked.

        Raises Problem 401, also for a token of another kind, and 403 for one without the scope.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _refused("token-missing", "Send `Authorization: Bearer TOKEN`.")
        try:
            found = self._claims(token, kind)
        except jwt.ExpiredSignatureError:
            raise _refused("token-refused", "The token has expired; ask the operator for a new one.") from None
        except jwt.InvalidTokenError:
            raise _refused("token-refused", f"This is no token of {_A[kind]}; ask the operator for one.") from None
        if scope not in str(found["scope"]).split():
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Problem(403, "scope-missing", f"The token does not allow {scope!r}; ask the operator for one.", headers=challenge)
        issued_at = datetime.fromtimestamp(int(found["iat"]), UTC)
        return Bearer(kind, str(found["sub"]), str(found["jti"]), issued_at, found.get("officer"))

    async def check(self, bearer: Bearer) -> None:
        """Raises Problem 401 where the token was called back, PyMongoError."""
        if await self._is_denied(bearer):
            raise _refused("token-refused", "The token was called back; ask the operator for a new one.")

    def _claims(self, token: str, kind: Kind) -> dict[str, Any]:
        key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise jwt.InvalidTokenError
        options: Any = {"require": _REQUIRED}
        found: dict[str, Any] = jwt.decode(token, key, algorithms=["HS256"], audience=f"pakn-{kind}", options=options)
        return found


def sign(key: SigningKey, bearer: Bearer, expires_at: datetime, scopes: Sequence[Scope]) -> str:
    """A bearer token by which its bearer is this agency or this portal until `expires_at`, for these scopes."""
    claims = {
        "sub": bearer.party,
        "jti": bearer.token_id,
        "iat": bearer.issued_at,
        "exp": expires_at,
        "aud": f"pakn-{bearer.kind}",
        # In the form of RFC 8693, section 4.2.
        "scope": " ".join(scopes),
    } | ({"officer": bearer.officer} if bearer.officer else {})
    return jwt.encode(claims, key.secret.get_secret_value(), algorithm="HS256", headers={"kid": key.id})


def _refused(name: str, why: str) -> Problem:
    return Problem(401, name, why, headers={"WWW-Authenticate": "Bearer"})


def portal_of(pack: Pack, bearer: Bearer) -> str:
    """The portal that sends a token. Raises Problem 401 where the pack has it no more."""
    if pack.portal(bearer.party) is None:
        raise _refused("token-refused", "The pack has no such portal any more.")
    return bearer.party
