"""Bearer tokens: by one an agency reads the senders and files of its own cases, by another a portal says who it is."""

from datetime import datetime
from typing import Any, Final, Literal

import jwt

from pakn.engine.problems import Problem

Kind = Literal["agency", "portal"]
_A: Final = {"agency": "an agency", "portal": "a portal"}


def sign(secret_key: str, kind: Kind, party: str, token_id: str, expires_at: datetime, officer: str | None = None) -> str:
    """A bearer token by which its bearer is this agency, or this `officer` of it, or this portal until `expires_at`."""
    claims = {"sub": party, "jti": token_id, "exp": expires_at, "aud": f"pakn-{kind}"} | ({"officer": officer} if officer else {})
    return jwt.encode(claims, secret_key, algorithm="HS256")


def claims(authorization: str, secret_key: str, kind: Kind) -> dict[str, Any]:
    """What the token in an `Authorization` header says: `sub` is the agency or the portal, `jti` the token's id, and
    `officer` the account of the officer whom an agency's token names.

    Raises Problem 401, also for a token of another kind.
    """
    scheme, _, token = authorization.partition(" ")
    challenge = {"WWW-Authenticate": "Bearer"}
    if scheme.lower() != "bearer":
        raise Problem(401, "token-missing", "Send `Authorization: Bearer TOKEN`.", headers=challenge)
    try:
        found: dict[str, Any] = jwt.decode(
            token, secret_key, algorithms=["HS256"], audience=f"pakn-{kind}", options={"require": ["sub", "jti", "exp"]}
        )
    except jwt.ExpiredSignatureError:
        raise Problem(401, "token-refused", "The token has expired; ask the operator for a new one.", headers=challenge) from None
    except jwt.InvalidTokenError:
        raise Problem(
            401, "token-refused", f"This is no token of {_A[kind]}; ask the operator for one.", headers=challenge
        ) from None
    return found
