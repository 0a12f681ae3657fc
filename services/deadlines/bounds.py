"""How much of what time does to a case is kept. Its acts are bounded by routing; calendars and timers could go on for ever. Pure.

Nothing is decided by the facts that are dropped: what fired, and by which law a clock was counted, stands in the clock itself.
"""

# Facts of timers and corrections, about 2 KB each. A case of the pack's procedure has about ten.
MOST_TIMED = 500
# Former last days of one clock. They judge an answer that is handled after so many corrections came.
MOST_MOVED = 100
