"""The law's clocks: whole stories of a feedback, played fact by fact, with what fires when and in which order."""

from datetime import UTC, date, datetime, timedelta

import pytest

import schemas
from pakn.errors import GiveUp
from services.deadlines.clocks import decide
from tests.support.clock_story import COMMON, LAW, VN, Story, at, data, names


def test_a_feedback_sent_straight_to_its_agency_and_answered_in_time() -> None:
    story = Story(at("2026-02-12"))
    assert {rule: story.clock(rule).due_date for rule in ("refuse", "request_more", "handle_reply")} == {
        "refuse": "2026-02-23",
        "request_more": "2026-02-26",
        "handle_reply": "2026-03-12",
    }
    assert names(story.accept(at("2026-02-12", 15))) == [
        "DeadlineCancelled refuse", "DeadlineCancelled request_more", "DeadlineSet transfer_out",
    ]  # fmt: skip
    replied = story.reply(at("2026-03-12", 23))
    met = data(replied, "DeadlineMet", "handle_reply")
    assert not met.late, "the last day counts in full"
    assert data(replied, "DeadlineSet", "publish").due_date == date(2026, 3, 16)
    published = story.publish(at("2026-03-16"))
    assert not data(published, "DeadlineMet", "publish").late
    assert story.wait(at("2027-06-01")) == []
    assert story.case is not None
    assert story.case.running == []


def test_a_reply_one_second_after_the_last_day_is_late() -> None:
    story = Story(at("2026-02-12"))
    midnight = datetime(2026, 3, 12, 17, 0, tzinfo=UTC)
    assert story.clock("handle_reply").due_at == midnight
    assert data(story.reply(midnight), "DeadlineMet", "handle_reply").late


def test_a_clock_says_on_which_law_and_on_which_days_it_stands() -> None:
    story = Story(at("2026-02-12"))
    told = data(story.facts, "DeadlineSet", "handle_reply")
    assert (told.rule_set, told.count.limit, told.count.unit, told.verified) == ("qd31-2021", 15, "working_days", False)
    assert told.calendar_version == VN.calendar.version
    assert (told.count.started_on, told.due_date) == (date(2026, 2, 12), date(2026, 3, 12))
    assert date(2026, 2, 16) in {day.date for day in told.count.unusual}, "the days of Tết are named"
    assert next(fact.topics for fact in story.facts if fact.name == "DeadlineSet") == ("feedback", "assignments.gia-lai")


def test_a_feedback_transferred_twice_gives_each_agency_its_own_full_limit() -> None:
    story = Story(at("2026-03-02"))
    first = story.clock("handle_reply")
    story.transfer(at("2026-03-09"), "gia-lai", "da-nang")
    second = story.clock("handle_reply")
    story.transfer(at("2026-03-11"), "da-nang", "hue")
    third = story.clock("handle_reply")
    assert [clock.agency for clock in (first, second, third)] == ["gia-lai", "da-nang", "hue"]
    assert [clock.due_date for clock in (first, second, third)] == ["2026-03-23", "2026-03-30", "2026-04-01"]
    assert story.case is not None
    assert [(clock.agency, clock.state) for clock in story.case.clocks if clock.rule == "handle_reply"] == [
        ("gia-lai", "cancelled"),
        ("da-nang", "cancelled"),
        ("hue", "open"),
    ]
    assert {line.split()[0] for line in story.wait(at("2026-03-31"))} <= {"refuse", "request_more", "handle_reply"}
    overdue = [fact for fact in story.facts if fact.name == "FeedbackOverdue"]
    assert not overdue, "no agency is overdue, however long the sender has waited in all"
    assert story.wait(at("2026-04-02")) == ["handle_reply overdue 0 2026-04-02"]


def test_a_case_can_come_back_to_an_agency_that_had_it_before() -> None:
    story = Story(at("2026-03-02"))
    story.transfer(at("2026-03-03"), "gia-lai", "da-nang")
    story.transfer(at("2026-03-04"), "da-nang", "gia-lai")
    assert (story.clock("handle_reply").agency, story.clock("handle_reply").due_date) == ("gia-lai", "2026-03-25")
    assert story.case is not None
    assert len({clock.id for clock in story.case.clocks}) == len(story.case.clocks)


def test_a_transfer_inside_the_agency_changes_no_clock() -> None:
    story = Story(at("2026-03-02"))
    before = story.case
    assert story.transfer(at("2026-03-09"), "gia-lai", "gia-lai") == []
    assert story.case == before


def test_asking_for_more_closes_the_clock_and_the_answer_starts_a_new_one() -> None:
    story = Story(at("2026-03-02"))
    asked = story.ask(at("2026-03-05"))
    assert not data(asked, "DeadlineMet", "request_more").late
    assert story.states() == {"refuse": "cancelled", "request_more": "met", "handle_reply": "cancelled"}
    assert story.wait(at("2026-06-01")) == [], "nobody is overdue while the sender is asked"
    story.supplement(at("2026-06-01"))
    assert story.clock("handle_reply").due_date == "2026-06-22"
    assert story.wait(at("2026-06-22")) == ["handle_reply warning 3 2026-06-17", "handle_reply warning 1 2026-06-19"]
    assert not data(story.reply(at("2026-06-22", 12)), "DeadlineMet", "handle_reply").late


def test_more_asked_too_late_is_met_late() -> None:
    story = Story(at("2026-03-02"))
    assert data(story.ask(at("2026-03-10")), "DeadlineMet", "request_more").late


def test_a_refusal_after_two_working_days_is_late_and_ends_everything() -> None:
    story = Story(at("2026-03-02"))
    assert story.wait(at("2026-03-05")) == ["refuse warning 1 2026-03-03"], "a right that lapsed makes nobody overdue"
    refused = story.refuse(at("2026-03-05"))
    assert data(refused, "DeadlineMet", "refuse").late
    assert story.states() == {"refuse": "met", "request_more": "cancelled", "handle_reply": "cancelled"}
    assert story.wait(at("2027-01-01")) == []


def test_a_reply_sent_back_opens_the_clock_again_with_the_due_date_it_had() -> None:
    story = Story(at("2026-03-02"))
    clock = story.clock("handle_reply")
    story.reply(at("2026-03-16"))
    back = story.send_back(at("2026-03-17"))
    again = story.clock("handle_reply")
    assert (again.id, again.due_date, again.state) == (clock.id, "2026-03-23", "open")
    assert data(back, "DeadlineSet", "handle_reply").due_date == date(2026, 3, 23)
    assert story.states()["publish"] == "cancelled"
    assert story.wait(at("2026-03-24")) == [
        "handle_reply warning 3 2026-03-18",
        "handle_reply warning 1 2026-03-20",
        "handle_reply overdue 0 2026-03-24",
    ]
    late = story.reply(at("2026-03-25"))
    assert data(late, "DeadlineMet", "handle_reply").late
    assert data(late, "DeadlineSet", "publish").due_date == date(2026, 3, 27)


def test_a_reply_sent_back_after_its_last_day_is_overdue_at_once() -> None:
    story = Story(at("2026-03-02"))
    story.reply(at("2026-03-23"))
    story.send_back(at("2026-03-25"))
    assert story.wait(at("2026-03-25")) == ["handle_reply overdue 0 2026-03-25"], "it was not overdue while it was answered"


def test_sent_back_twice_gives_facts_of_their_own_each_time() -> None:
    story = Story(at("2026-03-02"))
    for day in ("2026-03-03", "2026-03-04"):
        story.reply(at(day))
        story.send_back(at(day, 15))
    ids = [fact.id for fact in story.facts]
    assert len(set(ids)) == len(ids)


def test_a_reply_published_late_is_overdue_for_publishing_only() -> None:
    story = Story(at("2026-03-02"))
    story.reply(at("2026-03-16"))
    assert story.wait(at("2026-03-20")) == ["publish warning 1 2026-03-17", "publish overdue 0 2026-03-19"]
    assert data(story.publish(at("2026-03-20")), "DeadlineMet", "publish").late
    assert story.wait(at("2027-01-01")) == []


def test_three_progress_duties_follow_an_overdue_reply() -> None:
    story = Story(at("2026-03-02"))
    assert story.wait(at("2026-04-14", 12)) == [
        "refuse warning 1 2026-03-03",
        "request_more warning 1 2026-03-06",
        "handle_reply warning 3 2026-03-18",
        "handle_reply warning 1 2026-03-20",
        "handle_reply overdue 0 2026-03-24",
        "handle_reply progress 1 2026-03-31",
        "handle_reply progress 2 2026-04-07",
        "handle_reply progress 3 2026-04-14",
    ]
    times = [data([fact], "FeedbackOverdue", "handle_reply").times for fact in story.facts if fact.name == "FeedbackOverdue"]
    assert times == [0, 1, 2, 3]
    assert data(story.reply(at("2026-04-15")), "DeadlineMet", "handle_reply").late
    assert [line for line in story.wait(at("2027-01-01")) if line.startswith("handle_reply")] == []


def test_firing_in_small_steps_and_after_a_long_pause_is_the_same() -> None:
    stepwise, at_once = Story(at("2026-03-02")), Story(at("2026-03-02"))
    fired: list[str] = []
    day = at("2026-03-02")
    while day < at("2026-05-01"):
        day += timedelta(hours=5)
        fired += stepwise.wait(day)
    assert fired == at_once.wait(day)
    assert [fact.id for fact in stepwise.facts] == [fact.id for fact in at_once.facts], "the facts have the same ids"
    assert stepwise.case == at_once.case
    assert at_once.wait(day) == [], "and nothing fires twice"


def test_a_clock_keeps_the_rule_set_of_its_first_day_over_the_change_of_20_july_2026() -> None:
    before, after = Story(at("2026-07-17")), Story(at("2026-07-20", 0))
    assert {clock.rule_set for clock in (before.clock("handle_reply"), before.clock("refuse"))} == {"qd31-2021"}
    assert after.clock("handle_reply").rule_set == "qd29-2026"
    assert before.clock("handle_reply").due_date == "2026-08-07"
    before.accept(at("2026-07-21"))
    assert before.clock("transfer_out").rule_set == "qd29-2026", "a clock that starts later stands on the later law"
    before.reply(at("2026-07-22"))
    before.send_back(at("2026-07-23"))
    assert before.clock("handle_reply").rule_set == "qd31-2021", "a clock that goes on keeps its law"
    assert data(before.facts[-2:], "DeadlineSet", "handle_reply").rule_set == "qd31-2021"


def test_swapped_saturdays_count_as_the_days_they_stand_for() -> None:
    story = Story(at("2026-01-08"))
    assert story.clock("refuse").due_date == "2026-01-10", "Saturday 10/01/2026 is worked for Friday 02/01/2026"
    assert Story(at("2026-08-20")).clock("request_more").due_date == "2026-08-26"
    assert story.wait(at("2026-01-10")) == ["refuse warning 1 2026-01-09"]


def test_the_first_limits_count_from_the_sending_however_long_the_assignment_took() -> None:
    story = Story(at("2026-03-02"))
    late = Story(at("2026-03-02"), assigned=at("2026-03-05"))
    assert late.clock("handle_reply").due_at == story.clock("handle_reply").due_at


def test_a_feedback_sent_on_a_day_off_counts_from_that_day() -> None:
    assert Story(at("2026-03-07", 22)).clock("refuse").due_date == "2026-03-10", "sent on a Saturday: Monday is the first day"


def test_facts_of_a_case_that_was_never_assigned_start_nothing() -> None:
    fields = COMMON | {"category": "to-cao", "refused_by": "intake", "reason": "r", "submitted_at": at("2026-03-02")}
    event = schemas.FeedbackNotAccepted(**fields, decided_at=at("2026-03-02"))
    assert decide.apply_event(LAW, None, event, "e", 0) == (None, [])


def test_an_event_of_a_case_that_is_not_known_is_given_up_and_not_passed_over() -> None:
    event = schemas.FeedbackReplied(**COMMON, agency="gia-lai", actor="a", reply="r", replied_at=at("2026-03-03"))
    with pytest.raises(GiveUp, match="assignment is not known here") as caught:
        decide.apply_event(LAW, None, event, "e", 0)
    assert caught.value.reason == "missing_case"


def test_two_progress_duties_that_tet_brings_to_one_day_are_both_told() -> None:
    story = Story(at("2026-01-01"))
    told = [line for line in story.wait(at("2027-03-01")) if "progress" in line]
    assert [int(line.split()[2]) for line in told] == list(range(1, len(told) + 1))
    assert len({line.split()[3] for line in told}) < len(told)


def test_a_day_without_law_is_given_up_with_its_reason_and_never_guessed() -> None:
    with pytest.raises(GiveUp, match="no rule set in force on 2020-05-04") as caught:
        Story(at("2020-05-04"))
    assert caught.value.reason == "missing_rule_set"
