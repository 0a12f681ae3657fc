"""Letters as messages: every template of every pack, headers that programs can read, and texts that try to break out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as POLICY
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from pakn.packs.load import Pack, load_pack
from schemas.values import DayCount, Unit, UnusualDay
from services.notify import domain
from services.notify.letters import message
from services.notify.letters.compose import CannotCompose, Composer, message_id, template_version

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
PACKS = {name: load_pack(name) for name in ("vn", "la311")}


def composer_of(pack: Pack) -> Composer:
    return Composer(pack, SENDER, "https://pakn.example/")


COMPOSERS = {name: composer_of(pack) for name, pack in PACKS.items()}


def sample(pack: Pack, event_name: str) -> dict[str, Any]:
    """The kept fields of an event, all of them filled, as they come out of the database."""
    values: dict[str, Any] = {
        "feedback_id": CASE_ID,
        "code": "PAKN.20260302.0001",
        "title": "Đèn đường hỏng",
        "content": "x",
        "category": pack.categories[0].id,
        "agency": pack.agencies[0].id,
        "previous_agency": pack.agencies[1].id,
        "refused_by": pack.agencies[0].id,
        "actor": "officer1",
        "reason": "Lý do\nhai dòng",
        "right_channel": "Cơ quan khác",
        "question": "Ở đâu?",
        "reply": "Đã sửa.\n\nCảm ơn.",
        "document_number": "12/TB",
        "language": pack.header.default_language,
        "channel": "web",
        "rule": "handle_reply",
        "table_version": "1",
        "clock_id": "c",
        "times": 1,
        "count": COUNT,
        "verified": False,
        "due_date": "2026-03-23",
    }
    model = schemas.CATALOGUE[f"pakn.{event_name}.v1"]
    times = {name: NOW for name in model.model_fields if name.endswith("_at")}
    event = model.model_validate({name: value for name, value in values.items() if name in model.model_fields} | times)
    return event.model_dump(mode="json", exclude={"content", "attachments", "place", "count"})


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
        created_at=NOW,
    )


def case(pack: Pack, language: str, **changes: Any) -> domain.Case:
    rule_set = pack.rule_sets[0]
    known = domain.Case(
        title="Đèn đường hỏng",
        category=pack.categories[0].id,
        submitted_at=NOW,
        agency=pack.agencies[0].id,
        deadline=domain.Deadline(
            pack.agencies[0].id, "handle_reply", rule_set.id, "fallback article", date(2026, 3, 23), False, COUNT
        ),
        contact=domain.Contact("Nguyễn Văn A", "a@example.org", language, "s&ecret"),
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


def test_a_letter_about_an_agency_never_carries_anothers_due_date() -> None:
    """While the mail server was away, the case went on to another agency, with a due date of its own."""
    pack = PACKS["vn"]
    known = case(pack, "vi")
    assert known.deadline
    moved = replace(known, agency=pack.agencies[1].id, deadline=replace(known.deadline, agency=pack.agencies[1].id))
    composer = COMPOSERS["vn"]
    assert composer.view(letter(pack, "assigned"), known, "vi")["deadline"]
    assert composer.view(letter(pack, "assigned"), moved, "vi")["deadline"] is None


@pytest.mark.parametrize(
    "email", ["a@[\xa8.vn", "a@\xa8.vn", "a@x@evil.com)b.vn", "a@[。\xad\ufdfa.vn", "a@b", "a@-b.vn", "â@b.vn"]
)
def test_an_address_that_mail_cannot_go_to_or_that_would_become_anothers_is_refused(email: str) -> None:
    """Such an address once ended the service, with other people's letters half sent."""
    pack = PACKS["vn"]
    known = case(pack, "vi", contact=domain.Contact("A", email, "vi", "s"))
    with pytest.raises(CannotCompose):
        COMPOSERS["vn"].compose(letter(pack, "received"), known, NOW)


EVERY_TEMPLATE = [
    (name, moment, language)
    for name, pack in PACKS.items()
    for moment in pack.letters.moments
    for language in pack.header.languages
]


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEMPLATE)
@pytest.mark.parametrize("deadline", [True, False])
def test_every_template_of_every_pack_makes_a_letter(name: str, moment: str, language: str, deadline: bool) -> None:
    pack = PACKS[name]
    known = case(pack, language) if deadline else case(pack, language, deadline=None)
    address, data = COMPOSERS[name].compose(letter(pack, moment), known, NOW)
    assert address == "a@example.org"
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    mail = read(data)
    assert [part.defects for part in mail.walk()] == [[], [], []]
    assert mail["Content-Language"] == language
    assert "PAKN.20260302.0001" in mail["Subject"]
    for text in texts(mail):
        assert "PAKN.20260302.0001" in text
        assert "None" not in text
        assert "\n\n\n" not in text.replace("\r\n", "\n") or text.lstrip().startswith("<!doctype")


def test_a_letter_can_be_found_and_is_answered_by_no_machine() -> None:
    mail = read(COMPOSERS["vn"].compose(letter(PACKS["vn"], "received"), case(PACKS["vn"], "vi"), NOW)[1])
    assert mail["Message-ID"] == message_id(letter(PACKS["vn"], "received").id, SENDER)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-PAKN-Moment"] == "received"
    assert mail["From"] == SENDER
    assert mail["To"].addresses[0].display_name == "Nguyễn Văn A"


def test_the_due_date_stands_with_its_article_in_the_senders_language() -> None:
    pack = PACKS["vn"]
    for language in ("vi", "en"):
        plain, html = texts(read(COMPOSERS["vn"].compose(letter(pack, "assigned"), case(pack, language), NOW)[1]))
        article = pack.rule_sets[0].rules["handle_reply"].article[language]
        for text in (plain, html):
            assert "23/03/2026" in text
            assert article in text


COUNTED = {
    ("vn", "vi"): "Cách tính: 02/03/2026 + 15 ngày làm việc = 23/03/2026; 04/03 Lễ & hội, 07/03 làm bù cho ngày 04/03.",
    ("vn", "en"): "Counted so: 02/03/2026 + 15 working days = 23/03/2026; 04/03 Lễ & hội, 07/03 worked for 04/03.",
    ("la311", "en"): "Counted so: 03/02/2026 + 15 working days = 03/23/2026; 03/04 Lễ & hội, 03/07 worked for 03/04.",
}


@pytest.mark.parametrize(("name", "language"), COUNTED)
def test_the_count_of_a_due_day_is_written_in_the_letters_language(name: str, language: str) -> None:
    pack = PACKS[name]
    plain, html = texts(read(COMPOSERS[name].compose(letter(pack, "assigned"), case(pack, language), NOW)[1]))
    assert COUNTED[name, language] in plain
    assert COUNTED[name, language].replace("&", "&amp;") in html


@pytest.mark.parametrize(("name", "language"), COUNTED)
@pytest.mark.parametrize("unit", get_args(Unit))
def test_every_unit_of_a_limit_has_words_in_every_language(name: str, language: str, unit: Unit) -> None:
    pack, known = PACKS[name], case(PACKS[name], language)
    assert known.deadline
    known = replace(known, deadline=replace(known.deadline, count=COUNT.model_copy(update={"unit": unit})))
    plain, _ = texts(read(COMPOSERS[name].compose(letter(pack, "assigned"), known, NOW)[1]))
    assert re.search(r"/2026 \+ 15 [^\W_]+( [^\W_]+)* = ", plain)


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEMPLATE)
def test_every_date_in_a_letter_is_written_as_its_language_writes_it(name: str, moment: str, language: str) -> None:
    """A letter of Los Angeles once had the due date as 01/08/2018 and its count as 08/01/2018."""
    pack = PACKS[name]
    order = "%m/%d" if name == "la311" else "%d/%m"
    local = NOW.astimezone(ZoneInfo(pack.header.timezone)).date()
    days = {local, date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 7), date(2026, 3, 23)}
    plain, html = texts(read(COMPOSERS[name].compose(letter(pack, moment), case(pack, language), NOW)[1]))
    written = set(re.findall(r"\b\d\d/\d\d(?:/\d{4})?\b", plain + html))
    assert written <= {day.strftime(order + year) for day in days for year in ("", "/%Y")}


def test_a_letter_calls_an_agency_by_its_formal_name() -> None:
    pack = PACKS["vn"]
    mail = read(COMPOSERS["vn"].compose(letter(pack, "overdue", agency="gia-lai"), case(pack, "vi"), NOW)[1])
    assert all("do Ủy ban nhân dân tỉnh Gia Lai xử lý" in text for text in texts(mail))


def test_a_limit_that_nobody_has_compared_with_the_law_says_so() -> None:
    pack, known = PACKS["vn"], case(PACKS["vn"], "vi")
    assert known.deadline
    for verified in (False, True):
        said = replace(known, deadline=replace(known.deadline, verified=verified))
        plain, _ = texts(read(COMPOSERS["vn"].compose(letter(pack, "assigned"), said, NOW)[1]))
        assert ("(chưa đối chiếu văn bản)." in plain) != verified


def test_times_are_those_of_the_packs_zone() -> None:
    """20:00 UTC on 2 March is already 3 March in Hà Nội; letters once told the day before."""
    plain, _ = texts(read(COMPOSERS["vn"].compose(letter(PACKS["vn"], "received"), case(PACKS["vn"], "vi"), NOW)[1]))
    assert "03/03/2026" in plain


def test_an_unknown_language_falls_back_to_the_packs_own() -> None:
    mail = read(COMPOSERS["vn"].compose(letter(PACKS["vn"], "received"), case(PACKS["vn"], "fr"), NOW)[1])
    assert mail["Content-Language"] == "vi"


HOSTILE = "x\r\nBcc: b@example.org\u2028<script>alert(1)</script>{{ 7*7 }}{% raw %}"


def test_a_hostile_title_breaks_neither_headers_nor_html_nor_templates() -> None:
    pack = _pack_with_title_in_subject()
    composer = composer_of(pack)
    mail = read(composer.compose(letter(pack, "received", title=HOSTILE), case(pack, "vi"), NOW)[1])
    assert mail["Bcc"] is None
    assert mail["Subject"] == "x Bcc: b@example.org <script>alert(1)</script>{{ 7*7 }}{% raw %}"
    plain, html = texts(mail)
    assert "{{ 7*7 }}" in plain
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@given(st.text(max_size=3000))
def test_texts_come_out_of_a_message_as_they_went_in(text: str) -> None:
    html = f"<p>{text}</p>"
    data = message.build([("Subject", "x")], CASE_ID, text, html)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    parsed = read(data)
    assert [part.defects for part in parsed.walk()] == [[], [], []]
    for part, given_text in zip(parsed.iter_parts(), (text, html), strict=True):
        # A part that is encoded line by line cannot hold another kind of line break, and none is needed.
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert lines(content.decode()) == lines(given_text)


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        message.header("Subject", "x\r\nBcc: b@example.org")


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_title_and_no_name_can_stop_a_letter_or_add_a_header(title: str, name: str) -> None:
    pack, composer = _SUBJECTS, _SUBJECT_COMPOSER
    known = case(pack, "vi", contact=domain.Contact(name, "a@example.org", "vi", "s"))
    mail = read(composer.compose(letter(pack, "received", title=title.encode(errors="replace").decode()), known, NOW)[1])
    assert set(mail.keys()) <= {
        "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "X-Auto-Response-Suppress",
        "Content-Language", "X-PAKN-Code", "X-PAKN-Moment", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert [address.addr_spec for address in mail["To"].addresses] == ["a@example.org"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ feedback.nothing }}", "UndefinedError"),
        ("{{ feedback.__class__.__mro__ }}", "SecurityError"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_template_that_fails_is_said_so_without_a_word_of_the_senders(text: str, reason: str) -> None:
    pack = _with_template(PACKS["vn"], "received.vi.txt.j2", text)
    with pytest.raises(CannotCompose, match=reason) as caught:
        composer_of(pack).compose(letter(pack, "received"), case(pack, "vi"), NOW)
    assert "example.org" not in str(caught.value)


@pytest.mark.parametrize("email", ["tên@example.org", "a@" + "x" * 70 + ".vn", "a@b..vn"])
def test_an_address_that_no_plain_mail_server_takes_is_a_reason_and_no_crash(email: str) -> None:
    known = case(PACKS["vn"], "vi", contact=domain.Contact("A", email, "vi", "s"))
    with pytest.raises(CannotCompose) as caught:
        COMPOSERS["vn"].compose(letter(PACKS["vn"], "received"), known, NOW)
    assert email not in str(caught.value)


def test_the_domain_of_an_address_may_be_vietnamese() -> None:
    known = case(PACKS["vn"], "vi", contact=domain.Contact("A", "a@tên.vn", "vi", "s"))
    assert COMPOSERS["vn"].compose(letter(PACKS["vn"], "received"), known, NOW)[0] == "a@xn--tn-eja.vn"


def test_a_changed_template_is_another_version_and_letters_keep_the_one_they_pinned() -> None:
    old, new = PACKS["vn"], _with_template(PACKS["vn"], "received.vi.subject.txt.j2", "Mới [{{ feedback.code }}]")
    assert template_version(old) != template_version(new)
    composer = composer_of(new)
    assert not composer.knows(template_version(old))
    composer.learn(template_version(old), old.templates)
    pinned = letter(old, "received")
    assert not str(read(composer.compose(pinned, case(old, "vi"), NOW)[1])["Subject"]).startswith("Mới")
    current = replace(pinned, template_version=composer.version)
    assert str(read(composer.compose(current, case(old, "vi"), NOW)[1])["Subject"]).startswith("Mới")


def test_a_bad_sender_address_is_said_at_start() -> None:
    with pytest.raises(ValueError, match="domain"):
        Composer(PACKS["vn"], "PAKN <no-reply>", "https://pakn.example")


def _with_template(pack: Pack, name: str, text: str) -> Pack:
    templates: Mapping[str, str] = {**pack.templates, name: text}
    return pack.model_copy(update={"templates": templates})


def _pack_with_title_in_subject() -> Pack:
    return _with_template(PACKS["vn"], "received.vi.subject.txt.j2", "{{ feedback.title }}\n")


_SUBJECTS = _pack_with_title_in_subject()
_SUBJECT_COMPOSER = composer_of(_SUBJECTS)
