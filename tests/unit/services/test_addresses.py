"""Addresses of mail at the doors: what can be read is brought into one form, everything else is refused in words for people."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.addresses import MailAddress, mail_address
from schemas.contact_recorded import EmailText
from schemas.portal_submission import PortalSubmission, Submission
from services.intake import domain
from services.notify.domain import Contact
from tests.support.letters import NOW, case, composer_of, letter
from tests.support.packs import VN

TAKEN = {
    "thu@example.org": "thu@example.org",
    "thu@example.org ": "thu@example.org",
    "\u00a0thu@example.org\t\n": "thu@example.org",
    "z\u200bw@example.org": "zw@example.org",
    "\ufeffzw@exam\u00adple.org\u200f": "zw@example.org",
    "td@example.org.": "td@example.org",
    "td@example.org. ": "td@example.org",
    "Thu.Nguyen+pakn@Example.ORG": "Thu.Nguyen+pakn@example.org",
    "thu@faß.example": "thu@xn--fa-hia.example",
    "thu@xn--fa-hia.example": "thu@xn--fa-hia.example",
    "a@tên.vn": "a@xn--tn-eja.vn",
    "a@te\u0302n.vn": "a@xn--tn-eja.vn",
    "a@ｅxample。org": "a@example.org",
    "o'neil@example.org": "o'neil@example.org",
}
REFUSED = [
    "", " ", "@", "a", "a@", "@b.vn", "a@b", "dd@example..org", ".a@example.org", "a.@example.org", "a..b@example.org",
    "tên@example.org", "ud@exam_ple.org", "a@-b.vn", "a@b-.vn", "a b@example.org", "a@exam ple.org", "a@x@b.vn", "a@[1.2.3.4]",
    "a@1.2.3.4", "Thu <thu@example.org>", "mailto:thu@example.org", '"a b"@example.org', "a@x.test", "a@x.local", "a@localhost",
    "a@x.invalid", "a,b@example.org", "a@example.org,b@example.org", "a\nb@example.org", "a\0@example.org", "a@example.org..",
    "a@[\xa8.vn", "a@\xa8.vn", "a@x@evil.com)b.vn", "a@[。\xad\ufdfa.vn", "a@" + "x" * 64 + ".vn", "x" * 65 + "@b.vn",
    "=?utf-8?q?x?=@example.org", "a@" + "x." * 130 + "vn", "a" * 1_000_000 + "@b.vn", "a@b.vn" + " " * 1_000_000,
]  # fmt: skip
SENDER = {"name": "Nguyễn Văn Thử", "address": "1 Hùng Vương", "phone": "0900000000"}
ADDRESS, RECORDED = TypeAdapter(MailAddress), TypeAdapter(EmailText)


def document(email: Any) -> dict[str, Any]:
    return {"category": "khac", "title": "A", "content": "B", "sender": SENDER | {"email": email}}


@pytest.mark.parametrize(("written", "meant"), TAKEN.items())
@pytest.mark.parametrize("model", [Submission, PortalSubmission])
def test_an_address_that_can_be_read_is_kept_in_the_form_that_mail_takes(written: str, meant: str, model: type[Submission]) -> None:
    """`faß.example` once became `fass.example`, another's domain; of hidden characters and a final dot came no letter ever."""
    submission, faults = domain.check(VN, document(written), model)
    assert faults == []
    assert submission
    assert submission.sender.email == meant
    assert RECORDED.validate_python(meant) == meant
    assert re.search(ADDRESS.json_schema()["pattern"], written), "who checks by the schema first is not stopped there"


@pytest.mark.parametrize("written", REFUSED, ids=lambda text: ascii(text)[:30])
@pytest.mark.parametrize("model", [Submission, PortalSubmission])
def test_every_other_address_is_refused_with_one_sentence_that_a_citizen_understands(written: str, model: type[Submission]) -> None:
    """Some were taken and no letter ever went out; of a space at the end the answer showed a regular expression."""
    _, faults = domain.check(VN, document(written), model)
    # An empty address is also a missing one, where the pack wants an address.
    (fault,) = [fault for fault in faults if fault.field == "sender.email"]
    assert fault.code == "bad_format"
    assert fault.message == (
        "must be an email address that letters can go to, such as name@example.org: no spaces, and no accents before the @"
    )


@given(st.one_of(st.text(), st.emails(), st.from_regex(r".{1,8}@.{1,8}\.(vn|org)\.?", fullmatch=True)))
def test_what_is_taken_is_plain_stays_the_same_and_a_letter_goes_to_it(text: str) -> None:
    try:
        address = ADDRESS.validate_python(text)
    except ValidationError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
    assert len(address) <= 254
    assert mail_address(address) == address
    assert RECORDED.validate_python(address) == address
    known = case(VN, "vi", contact=Contact("A", address, "vi", "s"))
    assert composer_of(VN).compose(letter(VN, "received"), known, NOW)[0] == address
