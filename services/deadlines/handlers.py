"""What deadlines does with each lifecycle fact: the case's clocks are moved, and the turn publishes what follows.

`app.py` gives `Decisions.decide` to the turn; the decisions themselves are `domain.py`'s.
"""

from schemas import Fact
from services.deadlines import domain
from services.turn import Received

WANTED = frozenset(
    {
        "FeedbackAssigned",
        "FeedbackAccepted",
        "FeedbackNotAccepted",
        "FeedbackReturned",
        "FeedbackTransferred",
        "MoreRequested",
        "FeedbackSupplemented",
        "FeedbackReplied",
        "ReplySentBack",
        "ReplyPublished",
    }
)


class Decisions:
    """Decides one fact of one case by the pack's law."""

    def __init__(self, law: domain.Law) -> None:
        self._law = law

    def decide(self, case: domain.Case | None, received: Received) -> tuple[domain.Case | None, list[Fact]]:
        """Raises GiveUp when no rule set or calendar covers the day: a due date is never guessed."""
        return domain.decide(self._law, case, received.event, received.envelope.id, received.partition)
