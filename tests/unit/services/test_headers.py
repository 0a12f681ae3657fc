"""Headers of letters, read back by readers that share no code with what wrote them: two of Python's, and Perl's."""

import binascii
import re
import shutil
import subprocess
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.notify import domain
from services.notify.letters import message
from tests.support.letters import NOW, case, composer_of, letter, read
from tests.support.packs import VN

PERL = shutil.which("perl")
_PERL_READS = 'chomp; print unpack("H*", Encode::encode("UTF-8", Encode::decode("MIME-Header", pack("H*", $_)))), "\\n"'
VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxy áàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ" + "\u0301\u0323"
LONG_NAME = "Long Ascii Company Name Incorporated of Pleiku, Branch of Gia Lai Province, Department One"
NAMES = [
    "", "A", "Nguyễn Văn A", LONG_NAME, "Lê, Trần & Con", "a <b@example.net>, c@example.net", '"', "\\", 'He said "no", twice',
    "x\0y\x7f\x1bz", "=?utf-8?b?YQ==?=", "=?", "(comment)", "a  b", " a ", "Cty; TNHH: \u202eABC", "@", ".", "đ" * 300, "a" * 300,
]  # fmt: skip


vietnamese = st.lists(st.text(VIETNAMESE.replace(" ", ""), min_size=1, max_size=7), max_size=60).map(" ".join)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=300)
subjects = st.one_of(vietnamese, st.from_regex(r"\[PAKN\.2026[0-9]{4}\.[0-9]{4}\] [à-ỹa-z ,]{0,120}", fullmatch=True), any_text)


def value_of(header: bytes) -> str:
    """The value as bytes of the wire, unfolded as RFC 5322, 2.2.3 says."""
    return header.removesuffix(b"\r\n").replace(b"\r\n", b"").decode("ascii").partition(": ")[2]


def is_well_formed(header: bytes) -> bool:
    lines = header.removesuffix(b"\r\n").split(b"\r\n")
    whole = all(line.strip() and not set(line) & set(b"\r\n\0") for line in lines)
    return header.endswith(b"\r\n") and whole and all(line.startswith(b" ") for line in lines[1:])


@given(subjects)
@example("[PAKN.20261125.0001] Đã có kết quả trả lời phản ánh, kiến nghị")
@example("=?utf-8?q?not_mine?=")
@example(" a  b ")
@example("a" * 500)
def test_a_subject_comes_out_as_it_went_in(subject: str) -> None:
    """The library's own folding once made "trảlời" of "trả lời": readers drop the space between two encoded words."""
    header = message.text_header("Subject", subject)
    assert is_well_formed(header)
    assert max(map(len, header.split(b"\r\n"))) <= 78
    # Some readers decode each encoded word by itself, so none may end inside a character.
    for word in re.findall(rb"=\?utf-8\?b\?([^?]*)\?=", header):
        binascii.a2b_base64(word).decode()
    assert read(header + b"\r\n")["Subject"] == subject
    assert str(make_header(decode_header(value_of(header)))) == subject


@given(st.one_of(st.sampled_from(NAMES), vietnamese, any_text))
def test_a_name_makes_one_addressee_whatever_it_holds(name: str) -> None:
    """A long company's name with commas once made three addressees."""
    header = message.address_header("To", Address(name, "a", "example.org"))
    assert is_well_formed(header)
    assert max(map(len, header.split(b"\r\n"))) <= 78
    (addressee,) = read(header + b"\r\n")["To"].addresses
    assert addressee.addr_spec == "a@example.org"
    # Another reader finds the addressee before it decodes the name.
    display, spec = parseaddr(value_of(header))
    assert spec == "a@example.org"
    assert str(make_header(decode_header(display))) == (name if name.strip() else "")


@pytest.mark.parametrize("name", NAMES)
def test_a_letter_goes_to_one_addressee_with_the_name_on_one_line(name: str) -> None:
    contact = domain.Contact(name, "a@example.org", "vi", "s", email_confirmed=True)
    mail = read(composer_of(VN).compose(letter(VN, "received"), case(VN, "vi", contact=contact), NOW)[1])
    assert [address.addr_spec for address in mail["To"].addresses] == ["a@example.org"]
    display, _ = parseaddr(dict(mail.raw_items())["To"])
    printable = "".join(char if char.isprintable() else " " for char in name)
    assert str(make_header(decode_header(display))) == " ".join(printable.split())


@pytest.mark.skipif(PERL is None, reason="no perl on this machine: two readers instead of three")
@settings(max_examples=15)
@given(st.lists(subjects, min_size=1, max_size=100))
def test_perl_reads_the_same_subjects(batch: list[str]) -> None:
    assert PERL
    headers = [message.text_header("Subject", subject).removesuffix(b"\r\n").partition(b": ")[2] for subject in batch]
    lines = "".join(f"{header.hex()}\n" for header in headers)
    ran = subprocess.run([PERL, "-MEncode", "-ne", _PERL_READS], input=lines, capture_output=True, text=True, check=True)
    assert [bytes.fromhex(line).decode() for line in ran.stdout.split("\n")[:-1]] == batch


@pytest.mark.parametrize("value", ["x\r\nBcc: b@example.org", "x\n", "\rđ"])
def test_a_line_break_in_a_header_is_refused(value: str) -> None:
    for write in (message.text_header, message.token_header):
        with pytest.raises(ValueError, match=r"Subject|line break"):
            write("Subject", value)


def test_what_is_short_and_plain_is_written_as_it_is() -> None:
    assert message.text_header("Subject", "[A.20260302.0001] Hello") == b"Subject: [A.20260302.0001] Hello\r\n"
    assert message.address_header("From", Address("PAKN", "no-reply", "pakn.example")) == b"From: PAKN <no-reply@pakn.example>\r\n"
    assert message.address_header("To", Address('A, "B"', "a", "b.example")) == b'To: "A, \\"B\\"" <a@b.example>\r\n'
