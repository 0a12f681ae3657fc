"""A letter and its case as notify has them, for the tests of what is written."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as POLICY
from typing import Any

import schemas
from pakn.packs.load import Pack
from schemas.day_count import DayCount, UnusualDay
from services.notify import domain
from services.notify.letters.compose import Composer, template_version
from tests.support.examples import example

NOW = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
SENDER = "PAKN <no-reply@pakn.example>"
CASE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
# A Saturday that is worked, and a holiday; 04/03 and 03/04 tell the order of day and month.
COUNT = DayCount(
    started_on=date(2026, 3, 2),
    limit=15,
    unit="working_days",
    unusual=(
        UnusualDay(date=date(2026, 3, 4), kind="holiday", name="Lễ & hội"),
        UnusualDay(date=date(2026, 3, 7), kind="swap_work", worked_for=date(2026, 3, 4)),
    ),
)


def composer_of(pack: Pack) -> Composer:
    return Composer(pack, SENDER, "https://pakn.example/")


def sample(pack: Pack, event_name: str) -> dict[str, Any]:
    """The kept fields of an event, all of them filled, as they come out of the database."""
    times = {name: NOW for name in schemas.CATALOGUE[f"pakn.{event_name}.v1"].model_fields if name.endswith("_at")}
    agencies = {"agency": pack.agencies[0].id, "previous_agency": pack.agencies[1].id, "refused_by": pack.agencies[0].id}
    matter = {"category": pack.categories[0].id, "language": pack.header.default_language, "due_date": "2026-03-23"}
    words = {"reason": "Lý do\nhai dòng", "reply": "Đã sửa.\n\nCảm ơn.", "times": 1}
    event = example(event_name, feedback_id=CASE_ID, code="PAKN.20260302.0001", **times, **agencies, **matter, **words)
    kept: dict[str, Any] = event.model_dump(mode="json", exclude={"content", "attachments", "place", "count"})
    return kept


def letter(pack: Pack, moment: str, **changes: Any) -> domain.Letter:
    event_name = pack.letters.moments[moment].event
    event = sample(pack, event_name) | changes
    return domain.Letter(
        id="0c7ad1f5-65a2-5ad5-ba0f-fa0d5f0dd3f5",
        feedback_id=CASE_ID,
        code="PAKN.20260302.0001",
        moment=moment,
        cause="e1",
        event_type=f"pakn.{event_name}.v1",
        event=event,
        agency=event.get("agency") or event.get("refused_by"),
        needs_deadline=False,
        template_version=template_version(pack),
        token="0123456789abcdef" * 2,
        created_at=NOW,
    )


def case(pack: Pack, language: str, **changes: Any) -> domain.Case:
    rule_set = pack.rule_sets[0]
    known = domain.Case(
        category=pack.categories[0].id,
        submitted_at=NOW,
        agency=pack.agencies[0].id,
        deadline=domain.Deadline(
            pack.agencies[0].id, "handle_reply", rule_set.id, "fallback article", date(2026, 3, 23), False, COUNT
        ),
        contact=domain.Contact("Nguyễn Văn A", "a@example.org", language, "s&ecret", email_confirmed=True, title="Đèn đường hỏng"),
        contact_known=True,
    )
    return replace(known, **changes)


def read(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=POLICY)
    assert isinstance(message, EmailMessage)
    return message


def texts(message: EmailMessage) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()
