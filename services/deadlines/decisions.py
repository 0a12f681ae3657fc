"""What deadlines does with each lifecycle fact: the case's clocks are moved, and the turn publishes what follows."""

from pakn.engine.turn import Received
from schemas import Fact
from services.deadlines.clocks import decide
from services.deadlines.clocks.clock import Case
from services.deadlines.lawbook import Lawbook


class Decisions:
    """Decides one fact of one case by the law that holds."""

    def __init__(self, lawbook: Lawbook) -> None:
        self._lawbook = lawbook

    def decide(self, case: Case | None, received: Received) -> tuple[Case | None, list[Fact]]:
        """Raises GiveUp as `decide.apply_event` does, and TryAgain as `up_to_date` does too."""
        return decide.apply_event(self._lawbook.up_to_date(), case, received.event, received.envelope.id, received.partition)
