"""A letter to an address that nobody has confirmed: what the sender and officers wrote does not change one byte of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.load import Pack, load_pack
from pakn.packs.models import Portal
from services.intake import domain as intake
from services.notify import domain
from tests.support.letters import NOW, case, composer_of, letter, read, texts
from tests.support.outside_world import GOOD
from tests.support.packs import VN
from tests.support.sms_world import TEXTS

ROOT = Path(__file__).parents[3]
PACKS = [VN, load_pack(ROOT / "packs/vn"), load_pack(ROOT / "packs/la311")]
COMPOSERS = [composer_of(pack) for pack in PACKS]
TEXT_COMPOSER = composer_of(TEXTS)
WORDS = ("question", "reply", "reason", "right_channel")


def bare(number: int, moment: str, language: str, name: str | None, title: str, words: dict[str, Any]) -> bytes:
    pack = PACKS[number]
    contact = domain.Contact(name, "stranger@example.org", language, "secret", email_confirmation_token="token-1", title=title)
    known = case(pack, language, contact=contact)
    base = letter(pack, moment)
    written = replace(base, event=base.event | {word: words[word] for word in words if word in base.event})
    return COMPOSERS[number].compose(written, known, NOW)[1]


@given(st.data())
def test_no_word_of_a_person_changes_a_letter_to_an_address_that_nobody_confirmed(data: st.DataObject) -> None:
    """A stranger once got forty letters with the sender's advertisement in the greeting, the title and To."""
    number = data.draw(st.sampled_from(range(len(PACKS))))
    moment = data.draw(st.sampled_from(sorted(PACKS[number].letters.moments)))
    language = data.draw(st.sampled_from(PACKS[number].header.languages))
    said = data.draw(st.fixed_dictionaries({word: st.text() for word in WORDS}))
    name, title = data.draw(st.none() | st.text()), data.draw(st.text())
    silent = bare(number, moment, language, None, "", dict.fromkeys(WORDS, "x"))
    assert bare(number, moment, language, name, title, said) == silent


@given(st.data())
def test_no_word_of_a_person_changes_a_text_message_even_where_the_mail_address_is_confirmed(data: st.DataObject) -> None:
    """Nobody confirms a number, so whoever mistypes one writes to a stranger."""
    moment = data.draw(st.sampled_from(["received", "more_requested", "reply_published"]))
    said = data.draw(st.fixed_dictionaries({word: st.text() for word in WORDS}))
    name, title = data.draw(st.none() | st.text()), data.draw(st.text())
    silent = text_of(moment, None, "", dict.fromkeys(WORDS, "x"))
    assert text_of(moment, name, title, said) == silent
    assert "PAKN.20260302.0001" in silent


def text_of(moment: str, name: str | None, title: str, words: dict[str, Any]) -> str:
    contact = domain.Contact(name, "a@example.org", "vi", "secret", True, "token-1", title, "0912345678")
    base = replace(letter(TEXTS, moment), channel="sms")
    written = replace(base, event=base.event | {word: words[word] for word in words if word in base.event})
    return TEXT_COMPOSER.text(written, case(TEXTS, "vi", contact=contact))


def test_who_reads_a_text_message_cannot_confirm_the_mail_address() -> None:
    contact = domain.Contact("A", "a@example.org", "vi", "secret", email_confirmation_token="token-1", phone="0912345678")
    text = replace(letter(TEXTS, "received"), channel="sms")
    assert TEXT_COMPOSER.view(text, case(TEXTS, "vi", contact=contact), "vi")["links"]["confirm"] is None


@pytest.mark.parametrize("number", range(len(PACKS)))
def test_a_bare_letter_has_the_code_and_the_link_that_confirms(number: int) -> None:
    pack: Pack = PACKS[number]
    for language in pack.header.languages:
        for text in texts(read(bare(number, "received", language, "A", "T", {}))):
            assert "PAKN.20260302.0001" in text
            assert "https://pakn.example/follow/PAKN.20260302.0001/confirm?token=token-1" in text
        plain, _ = texts(read(COMPOSERS[number].compose(letter(pack, "received"), case(pack, language), NOW)[1]))
        assert "confirmation" not in plain


def test_why_a_class_is_not_accepted_is_the_packs_text_and_stays() -> None:
    contact = domain.Contact("A", "a@example.org", "vi", "s")
    refused = letter(VN, "not_accepted", agency=None, reason="Thuộc kênh khác")
    assert "Thuộc kênh khác" in texts(read(COMPOSERS[0].compose(refused, case(VN, "vi", contact=contact), NOW)[1]))[0]


def test_who_has_the_look_up_secret_cannot_confirm_with_it() -> None:
    assert intake.confirmation_token("key", "f1") not in intake.lookup_secret("key", "f1")


def test_a_portal_vouches_only_where_the_pack_says_so() -> None:
    name = {language: "x" for language in VN.header.languages}
    portals = (Portal(id="sure", name=name, verified_contacts=True), Portal(id="unsure", name=name))
    pack = VN.model_copy(update={"header": VN.header.model_copy(update={"portals": portals})})
    assert [is_verified(pack, portal) for portal in ("sure", "unsure", "unknown", None)] == [True, False, False, False]


def is_verified(pack: Pack, portal: str | None) -> bool:
    """Whether a submission of this portal is recorded with an address that needs no confirmation."""
    known: Any = {"channel": "portal", "cause": "c", "submission_id": "s", "id_field": "ce_id", "received_at": NOW}
    submission, _ = intake.check(pack, GOOD)
    assert submission is not None
    draft = intake.draft(pack, intake.Arrival(submission, portal=portal, **known), submission, (), NOW)
    facts = {fact.name: fact for fact in intake.register(pack, draft, "PAKN.20260302.0001", "s").facts}
    return bool(json.loads(facts["ContactRecorded"].data)["email_confirmed"])
