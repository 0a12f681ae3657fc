"""Decisions of the agencies' side: who is responsible, and what an agency may do with a case in which state. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import schemas
from pakn.errors import GiveUp
from pakn.packs.load import Pack
from pakn.packs.models import RoutingRule
from schemas import Fact, FeedbackSubmitted, agency_action, topics
from schemas.personal_data import FoundPersonalData
from schemas.states import CaseState
from schemas.values import Fault, first_faults
from services.routing import bounds, personal_data, reply_files
from services.routing.case import SOURCE, Case, Cause, FileOfAgency


class Assignment(NamedTuple):
    """What the routing table says: the agency, the rule that matched, and why."""

    agency: str
    rule: RoutingRule


# In which states each action is lawful. A reply may be entered without a separate acceptance, since the national
# measure counts "directly handled" cases too; asking for more is possible until the reply is entered.
_BEFORE_REPLY: frozenset[CaseState] = frozenset({"assigned", "accepted", "supplemented"})
LAWFUL_IN: dict[str, frozenset[CaseState]] = {
    "accept": frozenset({"assigned", "supplemented"}),
    "refuse": _BEFORE_REPLY,
    "return": _BEFORE_REPLY,
    "transfer": _BEFORE_REPLY,
    "request_more": _BEFORE_REPLY,
    "reply": _BEFORE_REPLY,
    "send_back": frozenset({"reply_to_check"}),
    "publish": frozenset({"reply_to_check"}),
}


# Another agency's case is not described any further than that.
NOT_YOURS = Fault(field="feedback_id", code="not_your_case", message="no case with this id is assigned to you")


def choose_agency(pack: Pack, feedback: FeedbackSubmitted) -> Assignment:
    """The first rule of the pack's table that matches; the last one matches everything (the loader checks that).

    An agency that has ended by the day of submission is replaced by its successor.
    """
    day = feedback.submitted_at.astimezone(ZoneInfo(pack.header.timezone)).date()
    for rule in pack.routing.rules:
        named = {"addressed_to": feedback.addressed_to, "province": feedback.province}
        agency = rule.assign.agency or named[rule.assign.from_ or "province"]
        if agency is not None and all(not fitting or getattr(feedback, name) in fitting for name, fitting in rule.when):
            return Assignment(pack.agency_on(agency, day).id, rule)
    raise GiveUp("unexpected", f"no routing rule matches feedback {feedback.code}; the pack's table lacks its catch-all")


def assign_feedback(pack: Pack, feedback: FeedbackSubmitted, cause: Cause) -> tuple[Case, list[Fact]]:
    """The first assignment. Law: Decision 31/2021/QĐ-TTg, Article 43."""
    chosen = choose_agency(pack, feedback)
    case = Case(feedback=feedback, state="assigned", agency=chosen.agency)
    return case, [_assigned(pack, case, None, chosen.rule.id, chosen.rule.reason, cause)]


def take_supplement(case: Case, event: schemas.FeedbackSupplemented, cause: Cause) -> tuple[Case, list[Fact]]:
    """The sender answered: the case waits to be received again, and the agency's own topic is told."""
    if case.state != "waiting_for_supplement":
        return case, []
    forwarded = _fact(event, case, cause, (topics.assignments(case.agency),))
    return case.model_copy(update={"state": "supplemented"}), [forwarded]


def begin_anew(pack: Pack, case: Case, agency: str, rule: str, reason: str, cause: Cause) -> tuple[Case, list[Fact]]:
    """The case, assigned to this agency or its successor, without what the former one has entered."""
    entered: dict[str, Any] = dict.fromkeys(("unit", "reply", "reply_by", "document_number"))
    entered |= {"state": "assigned", "agency": _on_day(pack, agency, cause), "attachments": (), "as_written": ()}
    after = case.model_copy(update=entered)
    return after, [_assigned(pack, after, case.agency, rule, reason, cause)]


def take_file(case: Case, event: schemas.ReplyFileStored, cause: Cause) -> tuple[Case, list[Fact]]:
    """The case with a file that its agency's reply may name, of which the agency is told only now; the refusal of another's."""
    if event.agency != case.agency:
        return case, [refusal(cause, "reply_file", event.feedback_id, event.agency, [NOT_YOURS])]
    kept = FileOfAgency(agency=event.agency, file=event.file)
    if kept in case.files:
        return case, []
    used_bytes = case.used_bytes + len(kept.model_dump_json().encode())
    told = _fact(event, case, cause, (topics.assignments(event.agency),))
    return case.model_copy(update={"files": (*case.files, kept), "used_bytes": used_bytes}), [told]


def counted(case: Case, facts: Sequence[Fact], cause: str) -> Case:
    """The case with what this decision adds to its history."""
    acts, used_bytes = case.acts + 1, case.used_bytes + bounds.size(facts, cause)
    crowded = bounds.is_crowded(acts, used_bytes)
    return case.model_copy(update={"acts": acts, "used_bytes": used_bytes, "crowded": crowded})


def act(pack: Pack, case: Case, agency: str, action: agency_action.AnyAction, cause: Cause) -> tuple[Case, list[Fact]]:
    """What `agency` asks for becomes a fact if it is lawful, otherwise an ActionRefused that says why."""
    faults = [*_unlawful(pack, case, agency, action, cause)]
    # Of another agency's case nothing is told.
    found = personal_data.found(pack, case, action) if case.agency == agency else ()
    if faults or found:
        told = first_faults([*faults, *personal_data.faults(pack, found)], "action")
        return case, [refusal(cause, action.action, case.feedback.feedback_id, agency, told, found)]
    return _do(pack, case, action, cause)


def _unlawful(pack: Pack, case: Case, agency: str, action: agency_action.AnyAction, cause: Cause) -> Iterator[Fault]:
    if case.agency != agency:
        yield NOT_YOURS
        return
    if case.state not in LAWFUL_IN[action.action]:
        allowed = ", ".join(sorted(LAWFUL_IN[action.action]))
        message = f"{action.action} is possible in: {allowed}; this case is {case.state}"
        yield Fault(field="action", code="not_in_this_state", message=message)
    elif full := bounds.refusal(action.action, case.acts, case.used_bytes):
        yield Fault(field="action", code="case_is_full", message=full)
    is_check = isinstance(action, agency_action.Publish | agency_action.SendBack)
    if is_check and action.actor.casefold() == (case.reply_by or "").casefold():
        yield Fault(field="actor", code="same_person", message="the check must be another person's than the reply's")
    if isinstance(action, agency_action.Reply):
        yield from reply_files.faults(pack, case, action)
    if isinstance(action, agency_action.Transfer):
        if action.to_agency not in {row.id for row in pack.agencies}:
            yield Fault(
                field="to_agency",
                code="unknown_agency",
                message=f"unknown agency {action.to_agency!r}; GET /v1/agencies of intake lists them",
            )
        elif _on_day(pack, action.to_agency, cause) == agency and action.to_unit in (None, case.unit):
            yield Fault(field="to_unit", code="same_unit", message="a transfer inside the agency must name another unit")
    if isinstance(action, agency_action.Return) and agency == pack.header.coordinator:
        message = "the coordinating agency cannot return a case; transfer or refuse it"
        yield Fault(field="action", code="coordinator_cannot_return", message=message)


def refusal(
    cause: Cause,
    action: str,
    feedback_id: str | None,
    agency: str,
    faults: Sequence[Fault],
    found: tuple[FoundPersonalData, ...] = (),
) -> Fact:
    """The answer to an agency whose action is not lawful or not readable, in its own topic."""
    event = schemas.ActionRefused(
        action_id=cause.action_id,
        action=action,
        feedback_id=feedback_id,
        agency=agency,
        faults=tuple(faults),
        personal_data=found,
        record=cause.place,
        refused_at=cause.time,
    )
    return schemas.fact(
        event,
        cause=cause.id,
        causation=cause.known_as,
        subject=feedback_id or cause.known_as,
        time=cause.time,
        source=SOURCE,
        topics=(topics.assignments(agency),),
    )


def _on_day(pack: Pack, agency: str, cause: Cause) -> str:
    return pack.agency_on(agency, cause.time.astimezone(ZoneInfo(pack.header.timezone)).date()).id


def _fact(event: schemas.Event, case: Case, cause: Cause, to: tuple[str, ...] = (topics.FEEDBACK,)) -> Fact:
    subject = case.feedback.feedback_id
    return schemas.fact(event, cause=cause.id, causation=cause.known_as, subject=subject, time=cause.time, source=SOURCE, topics=to)


def _assigned(pack: Pack, case: Case, previous: str | None, rule: str, reason: str, cause: Cause) -> Fact:
    shared = {"feedback_id", "code", "category", "province", "level", "submitted_at"}
    event = schemas.FeedbackAssigned(
        **case.feedback.model_dump(include=shared),
        agency=case.agency,
        unit=case.unit,
        previous_agency=previous,
        routing_rule=rule,
        table_version=pack.routing.version,
        reason=reason,
        assigned_at=cause.time,
    )
    return _fact(event, case, cause, (topics.FEEDBACK, topics.assignments(case.agency)))


def _do(pack: Pack, case: Case, action: agency_action.AnyAction, cause: Cause) -> tuple[Case, list[Fact]]:
    """The case after a lawful action, and the facts that follow."""
    feedback, now = case.feedback, cause.time
    common = {"feedback_id": feedback.feedback_id, "code": feedback.code, "agency": case.agency, "actor": action.actor}
    own: tuple[str, ...] = ()
    # Why another agency gets the case, where one does.
    why_assigned: str | None = None
    change: dict[str, Any]
    event: schemas.Event
    match action:
        case agency_action.Accept():
            change = {"state": "accepted", "unit": action.unit or case.unit}
            event = schemas.FeedbackAccepted(**common, unit=change["unit"], accepted_at=now)
        case agency_action.Refuse():
            change = {"state": "not_accepted"}
            said = feedback.model_dump(include={"feedback_id", "code", "category", "submitted_at"})
            said |= action.model_dump(include={"actor", "reason", "right_channel"})
            event = schemas.FeedbackNotAccepted(**said, agency=case.agency, decided_at=now)
        case agency_action.Return():
            why_assigned = action.reason
            change = {"state": "assigned", "agency": _on_day(pack, pack.header.coordinator, cause), "unit": None}
            event = schemas.FeedbackReturned(**common, reason=action.reason, returned_at=now)
        case agency_action.Transfer():
            own = (topics.assignments(case.agency),)
            to_agency = _on_day(pack, action.to_agency, cause)
            # Inside one agency nothing begins anew: the same agency stays responsible and its limit runs on.
            why_assigned = action.reason if to_agency != case.agency else None
            change = {"unit": action.to_unit} | ({"state": "assigned", "agency": to_agency} if why_assigned else {})
            event = schemas.FeedbackTransferred(
                **common, to_agency=to_agency, to_unit=action.to_unit, reason=action.reason, transferred_at=now
            )
        case agency_action.RequestMore():
            change = {"state": "waiting_for_supplement"}
            event = schemas.MoreRequested(**common, question=action.question, requested_at=now)
        case agency_action.Reply():
            files = reply_files.of_agency(case)
            change = {"state": "reply_to_check", "reply_by": action.actor, "reply": action.reply}
            change |= {"document_number": action.document_number, "attachments": tuple(files[id] for id in action.attachments)}
            change |= {"as_written": action.as_written}
            event = schemas.FeedbackReplied(**common, replied_at=now)
        case agency_action.SendBack():
            own = (topics.assignments(case.agency),)
            change = {"state": "accepted", "reply": None, "reply_by": None, "attachments": (), "as_written": ()}
            event = schemas.ReplySentBack(**common, reason=action.reason, sent_back_at=now)
        case agency_action.Publish():
            change = {"state": "published"}
            shown: dict[str, Any] = {"submitted_at": feedback.submitted_at, "document_number": case.document_number}
            shown |= {"attachments": case.attachments, "title_as_written": "title" in personal_data.decided(case, action)}
            event = schemas.ReplyPublished.model_validate(common | shown | {"reply": case.reply, "published_at": now})
    facts = [_fact(event, case, cause, (topics.FEEDBACK, *own))]
    after = case.model_copy(update=change)
    if why_assigned:
        facts.append(_assigned(pack, after, case.agency, action.action, why_assigned, cause))
    return after, facts
