"""The tokens by which agencies read the senders and files of their own cases."""

from typing import Any

import jwt

from pakn.engine.problems import AnyRequest, Problem
from services.intake.feedback import Feedback


def claims(request: AnyRequest, secret_key: str) -> dict[str, Any]:
    """What the bearer token of a request says: `sub` is the agency, `jti` the token. Raises Problem 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": "Bearer"}
    if scheme.lower() != "bearer":
        raise Problem(401, "token-missing", "Send `Authorization: Bearer TOKEN`.", headers=challenge)
    try:
        said: dict[str, Any] = jwt.decode(
            token, secret_key, algorithms=["HS256"], audience="pakn-agency", options={"require": ["sub", "jti", "exp"]}
        )
    except jwt.InvalidTokenError as error:
        raise Problem(401, "token-refused", f"{error}; ask the operator for a new one.", headers=challenge) from None
    return said


def check_assigned(feedback: Feedback, said: dict[str, Any], what: str) -> None:
    """Raises Problem 403 unless the token of a request is of the agency that has the case now; `what` is asked for."""
    if feedback.agency != said["sub"]:
        raise Problem(403, "not-your-case", f"{what} to the agency that the case is assigned to now.")


def sign_agency_token(secret_key: str, agency: str, token_id: str, expires_at: Any) -> str:
    """A bearer token by which `agency` may read the senders of its own cases until `expires_at`."""
    return jwt.encode({"sub": agency, "jti": token_id, "exp": expires_at, "aud": "pakn-agency"}, secret_key, algorithm="HS256")
