"""How much one case may hold. A case is one document, and the database keeps none above 16 MB. Pure.

An act that lets a case go on is refused once the case is full. An act that ends it stays possible, so that the sender still gets
an answer. `tests/unit/services/test_bounds.py` shows by arithmetic that no case can exceed half of the database's limit.
"""

from collections.abc import Sequence

from schemas import Fact

# A case of the pack's procedure has about ten acts, and a disputed one a few dozen.
MOST_ACTS = 200
# UTF-8 bytes of facts and ids: sixty transfers with the longest Vietnamese texts, several thousand with ordinary ones.
MOST_BYTES = 4 * 1024 * 1024
# A reply that is sent back, and entered again, needs room too.
ACTS_FOR_THE_END = 20
BYTES_FOR_THE_END = 1024 * 1024
ENDING = frozenset({"reply", "send_back", "publish", "refuse"})


def size(facts: Sequence[Fact], cause: str) -> int:
    """The bytes by which a decision makes its case longer, without the fixed part of each fact."""
    return sum(len(fact.data.encode()) + len(fact.causation.encode()) for fact in facts) + len(cause.encode())


def is_crowded(acts: int, used_bytes: int) -> bool:
    """Whether a case has used half of what it may hold."""
    return acts * 2 >= MOST_ACTS or used_bytes * 2 >= MOST_BYTES


def refusal(action: str, acts: int, used_bytes: int) -> str | None:
    """Why this action is no longer possible in a case with so many acts and bytes, and what to do; none if it is possible."""
    if acts < MOST_ACTS and used_bytes < MOST_BYTES:
        return None
    if action not in ENDING:
        return f"this case is full ({acts} acts, {used_bytes} bytes): reply and publish, or refuse it; nothing else is possible"
    very_full = acts >= MOST_ACTS + ACTS_FOR_THE_END or used_bytes >= MOST_BYTES + BYTES_FOR_THE_END
    if very_full and action == "send_back":
        return f"this case is full ({acts} acts, {used_bytes} bytes): its reply cannot be sent back again; publish it"
    return None
