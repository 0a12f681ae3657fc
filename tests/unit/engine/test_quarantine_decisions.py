"""Whatever dies in whatever order: the record that ends the process is found, and no other is set aside."""

from dataclasses import dataclass, field

from aiokafka.errors import KafkaConnectionError
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect

from pakn.engine import quarantine
from pakn.engine.fuse import Blown
from pakn.engine.quarantine import Note, Standing
from pakn.errors import TryAgain
from pakn.settings import QuarantineSettings

LIMITS = QuarantineSettings(suspect=2, ends=3)
RECORDS, BATCH = 12, 4


@dataclass
class World:
    """Partitions of `RECORDS` records each, the deadly ones among them, and what is committed and stored."""

    deadly: dict[int, set[int]]
    committed: dict[int, int] = field(default_factory=dict)
    stored: dict[int, Standing] = field(default_factory=dict)
    abandoned: bool = False
    deaths: int = 0

    def __post_init__(self) -> None:
        self.committed = dict.fromkeys(self.deadly, 0)
        self.stored = {partition: Standing() for partition in self.deadly}

    def live(self, order: list[int], after: int | None = None, explained: bool = False) -> bool:
        """One process, which dies of a deadly record, or of something else when it has handled `after` batches.

        Reads as `Isolation` does: suspects first, each alone and record by record. False when it has died.
        """
        notes = {p: Note(self.stored[p], self.committed[p], self.abandoned) for p in order}
        self.stored |= quarantine.begin_all(notes, LIMITS)
        self.abandoned = True
        steps = after
        for partition in [p for p in order if quarantine.is_suspect(self.stored[p], LIMITS)]:
            for _ in range(BATCH):
                if (offset := self.committed[partition]) < RECORDS:
                    self.stored[partition] = quarantine.marked(self.stored[partition], offset, offset)
                    if steps == 0:
                        return self.end(explained)
                    steps = None if steps is None else steps - 1
                    if offset in self.deadly[partition]:
                        return self.end(False)
                    self.committed[partition] = offset + 1
            self.stored[partition] = quarantine.acquitted(self.committed[partition])
        for start in range(0, RECORDS, BATCH):
            batch = [(p, start + n) for p in order for n in range(BATCH) if self.stored[p].quarantined is None]
            batch = [(p, offset) for p, offset in batch if offset >= self.committed[p]]
            if steps == 0:
                return self.end(explained)
            steps = None if steps is None else steps - 1
            if any(offset in self.deadly[p] for p, offset in batch):
                return self.end(False)
            for p, offset in batch:
                self.committed[p] = offset + 1
        self.end(True)
        return True

    def end(self, explained: bool) -> bool:
        if explained:
            self.abandoned = False
            self.stored = {p: Standing(s.at, s.deaths, None, s.blamed_at, s.ends, s.quarantined) for p, s in self.stored.items()}
        self.deaths += 1
        return False


PARTITIONS = st.dictionaries(st.integers(0, 4), st.sets(st.integers(0, RECORDS - 1), max_size=3), min_size=1, max_size=5)


@given(deadly=PARTITIONS, random=st.randoms(use_true_random=False))
def test_only_deadly_records_are_set_aside_and_all_others_of_other_partitions_are_handled(deadly, random) -> None:  # type: ignore[no-untyped-def]
    """Each deadly partition costs a bounded number of deaths, in whatever order its process takes the partitions."""
    world = World(deadly)
    bound = len(deadly) * (LIMITS.suspect + LIMITS.ends + 1) + 1
    for _ in range(bound):
        order = list(deadly)
        random.shuffle(order)
        if world.live(order):
            break
    else:
        raise AssertionError(f"no process lives after {bound} deaths")
    for partition, offsets in deadly.items():
        quarantined = world.stored[partition].quarantined
        assert quarantined == (min(offsets) if offsets else None)
        committed = RECORDS if quarantined is None else quarantined
        assert world.committed[partition] == committed, "nothing before it is left, it is not passed"


@given(
    deadly=PARTITIONS.map(lambda partitions: {partition: set() for partition in partitions}),
    lives=st.lists(st.integers(0, 8), max_size=20),
)
def test_a_server_that_is_away_sets_nothing_aside(deadly, lives) -> None:  # type: ignore[no-untyped-def]
    """Explained ends, however many and whenever they come, blame no record."""
    world = World(deadly)
    for after in lives:
        world.live(list(deadly), after, explained=True)
    assert all(standing.quarantined is None and standing.ends == 0 and standing.deaths == 0 for standing in world.stored.values())


@given(deadly=PARTITIONS, lives=st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=20))
def test_no_innocent_record_is_set_aside_for_deaths_that_come_between(deadly, lives) -> None:  # type: ignore[no-untyped-def]
    """A record is set aside only for deaths with itself in hand, at least as many as the limit says."""
    world, in_hand = World(deadly), dict[tuple[int, int], int]()
    for after, explained in lives:
        world.live(list(deadly), after, explained)
        if world.abandoned:
            for partition, standing in world.stored.items():
                if standing.in_hand is not None and standing.in_hand == world.committed[partition] and standing.quarantined is None:
                    place = (partition, standing.in_hand)
                    in_hand[place] = in_hand.get(place, 0) + 1
    for partition, standing in world.stored.items():
        assert standing.quarantined is None or in_hand[partition, standing.quarantined] >= LIMITS.ends


def test_what_is_released_is_tried_once() -> None:
    quarantined = Standing(at=7, blamed_at=7, ends=3, quarantined=7)
    again = quarantine.released(quarantined, LIMITS)
    assert quarantine.is_suspect(again, LIMITS)
    assert quarantine.begin(quarantine.marked(again, 7, 7), 7, True, LIMITS).quarantined == 7
    assert quarantine.begin(quarantine.marked(again, 7, 7), 8, True, LIMITS).quarantined is None


def test_what_an_operator_moves_past_it_in_kafka_is_no_more_in_quarantine() -> None:
    quarantined = Standing(at=7, blamed_at=7, ends=3, quarantined=7)
    assert quarantine.begin(quarantined, 7, True, LIMITS) == quarantined
    assert quarantine.begin(quarantined, 8, True, LIMITS).quarantined is None


def test_a_record_behind_a_gap_is_named_itself() -> None:
    """Ends of transactions and what compaction removed take offsets: the record in hand may lie behind what is committed."""
    standing = Standing(at=3, deaths=2)
    for _ in range(LIMITS.ends):
        standing = quarantine.begin(quarantine.marked(standing, 3, 5), 3, True, LIMITS)
    assert standing.quarantined == 5


def test_what_was_committed_after_the_mark_is_not_blamed() -> None:
    assert quarantine.begin(quarantine.marked(Standing(), 4, 4), 5, True, LIMITS).ends == 0


def test_a_server_or_a_bad_release_explains_an_end_and_a_fault_in_a_turn_does_not() -> None:
    for error in (AutoReconnect("away"), KafkaConnectionError("away"), OSError("refused"), TryAgain("later"), Blown("release")):
        assert quarantine.is_explained(error)
    assert not quarantine.is_explained(RecursionError("a record that nests too deeply"))


def test_a_record_on_trial_answers_for_a_blown_fuse_too() -> None:
    """A process that handles nothing else, since the others wait for the trial, would end so for ever."""
    assert quarantine.is_explained(Blown("no decision of this process has gone well"))
    assert not quarantine.is_explained(Blown("no decision of this process has gone well"), on_trial=True)
