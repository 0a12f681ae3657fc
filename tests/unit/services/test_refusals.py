"""When refusals are the mail server's fault: compared with a plain reading of the whole history of answers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain import Result
from services.notify.refusals import FIRST_PAUSE, LONGEST_PAUSE, Answer, Refusals

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
LIMIT = 4


def refused(*recipients: str) -> list[Answer]:
    return [Answer(f"to {recipient}", recipient, "failed") for recipient in recipients]


def test_so_many_recipients_refused_in_a_row_are_the_servers_fault_and_none_of_their_letters() -> None:
    """A server without its directory once made 284 letters fail at once, to be settled one by one."""
    server = Refusals(LIMIT)
    assert server.note(refused("a", "b"), NOW) == set()
    assert server.note(refused("c", "d", "e"), NOW) == {"to a", "to b", "to c", "to d", "to e"}
    assert server.rest(NOW + FIRST_PAUSE - timedelta(seconds=1))
    assert not server.rest(NOW + FIRST_PAUSE)


def test_refusals_among_letters_that_are_taken_are_those_letters_own() -> None:
    server = Refusals(LIMIT)
    for _ in range(50):
        assert server.note([*refused("a", "b", "c"), Answer("x", "good", "sent")], NOW) == set()
    assert server.rests_until is None


def test_many_letters_to_one_bad_address_say_nothing_of_the_server() -> None:
    server = Refusals(LIMIT)
    for number in range(50):
        assert server.note([Answer(f"{number}", "bad@example.org", "failed")], NOW) == set()
    assert server.rests_until is None


def test_each_trial_in_vain_doubles_the_pause_up_to_its_bound_and_blames_no_letter() -> None:
    server, now, pauses, trials = Refusals(LIMIT), NOW, list[timedelta](), list[int]()
    server.note(refused("a", "b", "c", "d"), now)
    for trial in range(8):
        assert server.rests_until
        pauses.append(server.rests_until - now)
        now = server.rests_until
        trials.append(server.trial)
        assert server.note(refused(f"{trial}"), now) == {f"to {trial}"}
        assert server.note(refused(f"{trial}, too"), now) == {f"to {trial}, too"}, "all answers to one trial count once"
    assert pauses[:5] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15)]
    assert set(pauses[5:]) == {LONGEST_PAUSE}
    assert trials == [LIMIT * 2**trial for trial in range(8)]
    server.note([Answer("x", "x", "sent")], now)
    server.note(refused("a", "b", "c", "d"), now)
    assert server.rests_until == now + FIRST_PAUSE, "the next outage begins with the first pause again"


results = st.sampled_from(["sent", "retry", "unreachable", "uncertain", *["failed"] * 6])
groups = st.lists(st.lists(st.tuples(results, st.sampled_from("abcdefgh")), min_size=1, max_size=4), max_size=30)


@given(groups)
def test_whatever_the_order_of_answers_only_an_unbroken_run_stops_sending(history: list[list[tuple[Result, str]]]) -> None:
    server, run, blamed_on_server = Refusals(LIMIT), list[Answer](), set[str]()
    for number, group in enumerate(history):
        answers = [Answer(f"{number}/{place}", to, result) for place, (result, to) in enumerate(group)]
        was_refusing = server.rests_until is not None
        found = server.note(answers, NOW)
        for answer in answers:
            if answer.result in ("sent", "retry"):
                run, was_refusing = [], False
            elif answer.result == "failed":
                run.append(answer)
        stops = len({answer.recipient for answer in run}) >= (1 if was_refusing else LIMIT)
        assert found == ({answer.letter_id for answer in run} if stops else set())
        assert not found & blamed_on_server, "a letter is put back once for each refusal"
        blamed_on_server |= found
        assert server.rest(NOW) == (server.rests_until is not None)
        assert (server.rests_until is not None) == (stops or was_refusing)
        if stops:
            run = []
