"""From intake to routing, in the compacted topic of matters."""

from schemas.matter import MatterEvent


class MatterRecorded(MatterEvent):
    """What the sender wrote, whole: after the submission, and anew after each supplement.

    A record without a value (a tombstone) erases it.
    Law: Decision 31/2021/QĐ-TTg, Article 41.
    """
