"""An objection is a moment of its own where a rule names it; to every other rule it is a transfer."""

from typing import Any

from pakn.packs.models import Rule
from services.deadlines.clocks.decide import Law
from tests.support.clock_story import LAW, Story, at, data, names, replay, stored, told
from tests.support.packs import VN

OBJECTION = {
    "name": {"vi": "Xem xét lại", "en": "Look again"}, "limit": {"n": 3, "unit": "working_days"}, "start": ["objected"],
    "restart": ["objected"], "stop": ["reply_ready"], "resume": ["reply_sent_back"], "cancel": ["refused", "transferred_in"],
    "missed": "overdue", "article": {"vi": "mặc định", "en": "a default"}, "source": "-", "confidence": "low",
}  # fmt: skip


def law_with_objections() -> Law:
    rule_sets = []
    for rule_set in VN.rule_sets:
        reply = rule_set.rules["handle_reply"]
        rules: dict[Any, Rule] = dict(rule_set.rules)
        rules["handle_reply"] = reply.model_copy(update={"cancel": (*reply.cancel, "objected")})
        rules["handle_objection"] = Rule.model_validate(OBJECTION)
        rule_sets.append(rule_set.model_copy(update={"rules": rules}))
    return Law.of(VN.model_copy(update={"rule_sets": tuple(rule_sets)}))


WITH = law_with_objections()


def test_an_objection_starts_the_limit_that_names_it_for_the_agency_that_it_goes_to() -> None:
    story = Story(at("2026-03-02"), law=WITH)
    story.reply(at("2026-03-04"))
    story.publish(at("2026-03-04", 10))
    facts = story.objected(at("2026-03-10"), "van-phong-chinh-phu")
    begun = data(facts, "set", "handle_objection")
    assert (begun.agency, begun.due_date.isoformat(), begun.count.limit) == ("van-phong-chinh-phu", "2026-03-13", 3)
    assert "set handle_reply" not in names(facts), "the usual limit gives way where it says so"
    assert {"set refuse", "set request_more"} <= set(names(facts)), "rules that do not speak of objections take it as a transfer"
    assert "handle_objection overdue 0 2026-03-14" in story.wait(at("2026-03-16"))
    assert "met handle_objection" in names(story.reply(at("2026-03-16")))
    assert told(replay(story.facts)) == stored(story)


def test_an_objection_to_a_delay_ends_the_late_limit_of_the_former_agency() -> None:
    story = Story(at("2026-03-02"), law=WITH)
    story.wait(at("2026-04-01"))
    assert story.clock("handle_reply").overdue
    facts = story.objected(at("2026-04-01"), "van-phong-chinh-phu")
    assert {"cancelled handle_reply", "set handle_objection"} <= set(names(facts))
    assert story.clock("handle_reply").state == "cancelled"
    story.transfer(at("2026-04-02"), "van-phong-chinh-phu", "hue")
    assert (story.clock("handle_objection").state, story.clock("handle_reply").agency) == ("cancelled", "hue")


def test_without_such_a_rule_an_objection_has_the_limits_of_a_transfer() -> None:
    one, other = Story(at("2026-03-02"), law=LAW), Story(at("2026-03-02"), law=LAW)
    objected = one.objected(at("2026-03-10"), "hue")
    moved = other.assigned(at("2026-03-10"), "hue", "gia-lai")
    assert names(objected) == names(moved)
    assert one.clock("handle_reply").due_at == other.clock("handle_reply").due_at
    assert one.clock("handle_reply").agency == "hue"


def test_an_assignment_that_is_handled_after_an_objection_does_not_bring_the_case_back() -> None:
    story = Story(at("2026-03-02"), law=WITH)
    story.objected(at("2026-03-10"), "hue")
    story.assigned(at("2026-03-02"), "gia-lai")
    assert story.agency == "hue"
    assert story.clock("handle_objection").state == "open"
