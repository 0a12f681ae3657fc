"""Finding a feedback by the code that somebody types, and telling whether a secret opens it. Every door asks here."""

import hmac

from pakn import links
from services.intake import domain
from services.intake.feedback import Feedback
from services.intake.store import IntakeStore


class LookUp:
    """Looks feedbacks up. `prefix` is the pack's, which may be left out of a code."""

    def __init__(self, store: IntakeStore, prefix: str, secret_key: str) -> None:
        self._store = store
        self._prefix = prefix
        self._secret_key = secret_key

    async def find(self, code: str) -> Feedback | None:
        """The feedback with this code, however it was typed; none where nobody has it. Raises PyMongoError."""
        return await self._store.by_code(links.read_code(code, self._prefix))

    def opens(self, feedback: Feedback | None, secret: str) -> bool:
        """Whether the secret is that of the feedback. It takes as long for a feedback that does not exist."""
        wanted = domain.lookup_secret(self._secret_key, *((feedback.id, feedback.secret_number) if feedback else ("none",)))
        return hmac.compare_digest(secret.encode("utf-8", "replace"), wanted.encode()) and feedback is not None

    def secret_of(self, feedback: Feedback) -> str:
        """The secret that opens it."""
        return domain.lookup_secret(self._secret_key, feedback.id, feedback.secret_number)

    def confirms(self, feedback: Feedback, token: str) -> bool:
        """Whether the token is the one of the letter to the feedback's address."""
        return hmac.compare_digest(
            token.encode("utf-8", "replace"), domain.confirmation_token(self._secret_key, feedback.id).encode()
        )
