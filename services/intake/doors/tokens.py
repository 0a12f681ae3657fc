"""Bearer tokens of agencies: by one an agency reads the senders and files of its own cases."""

from datetime import datetime
from typing import Any

import jwt

from pakn.engine.problems import Problem

_AUDIENCE = "pakn-agency"


def sign_agency_token(secret_key: str, agency: str, token_id: str, expires_at: datetime) -> str:
    """A bearer token by which `agency` may read the senders of its own cases until `expires_at`."""
    claims = {"sub": agency, "jti": token_id, "exp": expires_at, "aud": _AUDIENCE}
    return jwt.encode(claims, secret_key, algorithm="HS256")


def claims(authorization: str, secret_key: str) -> dict[str, Any]:
    """What the token in an `Authorization` header says: `sub` is the agency, `jti` the token's id. Raises Problem 401."""
    scheme, _, token = authorization.partition(" ")
    challenge = {"WWW-Authenticate": "Bearer"}
    if scheme.lower() != "bearer":
        raise Problem(401, "token-missing", "Send `Authorization: Bearer TOKEN`.", headers=challenge)
    try:
        found: dict[str, Any] = jwt.decode(
            token, secret_key, algorithms=["HS256"], audience=_AUDIENCE, options={"require": ["sub", "jti", "exp"]}
        )
    except jwt.ExpiredSignatureError:
        raise Problem(401, "token-refused", "The token has expired; ask the operator for a new one.", headers=challenge) from None
    except jwt.InvalidTokenError:
        raise Problem(401, "token-refused", "This is no token of ours; ask the operator for one.", headers=challenge) from None
    return found
