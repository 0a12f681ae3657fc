"""Letters as messages: headers that programs can read, and texts that try to break out. What shipped letters say is not here."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.load import Pack
from services.notify import domain
from services.notify.letters import message
from services.notify.letters.compose import CannotCompose, Composer, message_id, template_version
from tests.support.letters import CASE_ID, NOW, SENDER, case, composer_of, letter, read, texts
from tests.support.packs import VN

COMPOSER = composer_of(VN)


def test_a_letter_about_an_agency_never_carries_anothers_due_date() -> None:
    """While the mail server was away, the case went on to another agency, with a due date of its own."""
    known = case(VN, "vi")
    assert known.deadline
    moved = replace(known, agency=VN.agencies[1].id, deadline=replace(known.deadline, agency=VN.agencies[1].id))
    assert COMPOSER.view(letter(VN, "assigned"), known, "vi")["deadline"]
    assert COMPOSER.view(letter(VN, "assigned"), moved, "vi")["deadline"] is None


@pytest.mark.parametrize(
    "email",
    ["a@[\xa8.vn", "a@\xa8.vn", "a@x@evil.com)b.vn", "a@[。\xad\ufdfa.vn", "a@b", "a@-b.vn", "â@b.vn", "tên@example.org",
     "a@" + "x" * 70 + ".vn", "a@b..vn"],
)  # fmt: skip
def test_an_address_that_mail_cannot_go_to_or_that_would_become_anothers_is_refused(email: str) -> None:
    """Such an address once ended the service, with other people's letters half sent."""
    known = case(VN, "vi", contact=domain.Contact("A", email, "vi", "s"))
    with pytest.raises(CannotCompose) as caught:
        COMPOSER.compose(letter(VN, "received"), known, NOW)
    assert email not in str(caught.value)


def test_a_letter_can_be_found_and_is_answered_by_no_machine() -> None:
    mail = read(COMPOSER.compose(letter(VN, "received"), case(VN, "vi"), NOW)[1])
    assert mail["Message-ID"] == message_id(letter(VN, "received").id, letter(VN, "received").token, SENDER)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-PAKN-Moment"] == "received"
    assert mail["From"] == SENDER
    assert mail["To"].addresses[0].display_name == "Nguyễn Văn A"


def test_the_due_date_stands_with_its_article_in_the_senders_language() -> None:
    for language in ("vi", "en"):
        plain, html = texts(read(COMPOSER.compose(letter(VN, "assigned"), case(VN, language), NOW)[1]))
        article = VN.rule_sets[0].rules["handle_reply"].article[language]
        for text in (plain, html):
            assert "23/03/2026" in text
            assert article in text


def test_times_are_those_of_the_packs_zone() -> None:
    """20:00 UTC on 2 March is already 3 March in Hà Nội; letters once told the day before."""
    plain, _ = texts(read(COMPOSER.compose(letter(VN, "received"), case(VN, "vi"), NOW)[1]))
    assert "03/03/2026" in plain


def test_an_unknown_language_falls_back_to_the_packs_own() -> None:
    mail = read(COMPOSER.compose(letter(VN, "received"), case(VN, "fr"), NOW)[1])
    assert mail["Content-Language"] == "vi"


HOSTILE = "x\r\nBcc: b@example.org\u2028<script>alert(1)</script>{{ 7*7 }}{% raw %}"


def test_a_hostile_title_breaks_neither_headers_nor_html_nor_templates() -> None:
    contact = domain.Contact("A", "a@example.org", "vi", "s", email_confirmed=True, title=HOSTILE)
    mail = read(_SUBJECT_COMPOSER.compose(letter(_SUBJECTS, "received"), case(_SUBJECTS, "vi", contact=contact), NOW)[1])
    assert mail["Bcc"] is None
    assert mail["Subject"] == "x Bcc: b@example.org <script>alert(1)</script>{{ 7*7 }}{% raw %}"
    plain, html = texts(mail)
    assert "{{ 7*7 }}" in plain
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@given(st.text(max_size=3000))
def test_texts_come_out_of_a_message_as_they_went_in(text: str) -> None:
    html = f"<p>{text}</p>"
    data = message.build([message.text_header("Subject", "x")], CASE_ID, text, html)
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


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_title_and_no_name_can_stop_a_letter_or_add_a_header(title: str, name: str) -> None:
    pack, composer = _SUBJECTS, _SUBJECT_COMPOSER
    known = case(pack, "vi", contact=domain.Contact(name, "a@example.org", "vi", "s", email_confirmed=True, title=title))
    mail = read(composer.compose(letter(pack, "received"), known, NOW)[1])
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
    pack = _with_template(VN, "received.vi.txt.j2", text)
    with pytest.raises(CannotCompose, match=reason) as caught:
        composer_of(pack).compose(letter(pack, "received"), case(pack, "vi"), NOW)
    assert "example.org" not in str(caught.value)


def test_the_domain_of_an_address_may_be_vietnamese() -> None:
    known = case(VN, "vi", contact=domain.Contact("A", "a@tên.vn", "vi", "s"))
    assert COMPOSER.compose(letter(VN, "received"), known, NOW)[0] == "a@xn--tn-eja.vn"


def test_a_changed_template_is_another_version_and_letters_keep_the_one_they_pinned() -> None:
    old, new = VN, _with_template(VN, "received.vi.subject.txt.j2", "Mới [{{ feedback.code }}]")
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
        Composer(VN, "PAKN <no-reply>", "https://pakn.example")


def _with_template(pack: Pack, name: str, text: str) -> Pack:
    templates: Mapping[str, str] = {**pack.templates, name: text}
    return pack.model_copy(update={"templates": templates})


_SUBJECTS = _with_template(VN, "received.vi.subject.txt.j2", "{{ feedback.title }}\n")
_SUBJECT_COMPOSER = composer_of(_SUBJECTS)
