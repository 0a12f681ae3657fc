"""The letters of the shipped packs: every template makes one, and dates, counts and names stand in each language's own way."""

import re
from dataclasses import replace
from datetime import date
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment

from pakn.packs.load import PACKS, load_pack
from schemas.values import Unit
from services.notify.channels import parts
from tests.support.letters import COUNT, NOW, case, composer_of, letter, read, texts

SHIPPED = {name: load_pack(name) for name in ("vn", "la311")}
COMPOSERS = {name: composer_of(pack) for name, pack in SHIPPED.items()}
EVERY_TEMPLATE = [
    (name, moment, language)
    for name, pack in SHIPPED.items()
    for moment in pack.letters.moments
    for language in pack.header.languages
]


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEMPLATE)
@pytest.mark.parametrize("deadline", [True, False])
def test_every_template_of_every_shipped_pack_makes_a_letter(name: str, moment: str, language: str, deadline: bool) -> None:
    pack = SHIPPED[name]
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


def test_vietnamese_words_call_their_reader_ong_ba_and_nothing_else() -> None:
    """One letter began with "quý ông/bà" and asked for a confirmation with "bạn"."""
    letters = [text for name, text in SHIPPED["vn"].templates.items() if ".vi." in name]
    pages = [path.read_text() for path in (PACKS.parent / "services/intake/doors").glob("*/words/vi.yaml")]
    pack = [(PACKS / f"vn/{name}.yaml").read_text() for name in ("pack", "categories", "letters")]
    assert (len(letters) > 20, len(pages), len(pack)) == (True, 2, 3)
    for text in (*letters, *pages, *pack):
        others = r"\b(bạn|các bạn|anh/chị|anh, chị|quý (vị|khách|ông|bà|ngài)[^\s]*)(?=\W)"
        assert [found[0] for found in re.finditer(others, text.lower())] == [], text[:200]
    assert all("ông/bà" in text.lower() for text in (*letters, *pages) if "kính gửi" in text.lower())


EVERY_TEXT = [row for row in EVERY_TEMPLATE if "sms" in SHIPPED[row[0]].letters.moments[row[1]].channels]


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEXT)
def test_every_shipped_text_message_is_short_and_leads_to_the_feedback(name: str, moment: str, language: str) -> None:
    pack = SHIPPED[name]
    written = COMPOSERS[name].text(replace(letter(pack, moment), channel="sms"), case(pack, language))
    assert "PAKN.20260302.0001" in written
    assert "https://pakn.example/follow/PAKN.20260302.0001/open?secret=s%26ecret" in written
    assert "None" not in written
    assert "\n" not in written
    # A real secret and a real address are longer than those here.
    longer = written + "x" * 40
    assert parts.count(parts.written(longer, diacritics=True)) <= 3
    assert parts.count(parts.written(longer, diacritics=False)) <= 2


def test_the_law_asks_for_text_messages_at_three_moments() -> None:
    """Article 38(3) of Decision 31/2021/QĐ-TTg: received, more asked for, published."""
    assert {moment for name, moment, _ in EVERY_TEXT if name == "vn"} == {"received", "more_requested", "reply_published"}


COUNTED = {
    ("vn", "vi"): "Cách tính: 02/03/2026 + 15 ngày làm việc = 23/03/2026; 04/03 Lễ & hội, 07/03 làm bù cho ngày 04/03.",
    ("vn", "en"): "Counted so: 02/03/2026 + 15 working days = 23/03/2026; 04/03 Lễ & hội, 07/03 worked for 04/03.",
    ("la311", "en"): "Counted so: 03/02/2026 + 15 working days = 03/23/2026; 03/04 Lễ & hội, 03/07 worked for 03/04.",
}


@pytest.mark.parametrize(("name", "language"), COUNTED)
def test_the_count_of_a_due_day_is_written_in_the_letters_language(name: str, language: str) -> None:
    pack = SHIPPED[name]
    plain, html = texts(read(COMPOSERS[name].compose(letter(pack, "assigned"), case(pack, language), NOW)[1]))
    assert COUNTED[name, language] in plain
    assert COUNTED[name, language].replace("&", "&amp;") in html


@pytest.mark.parametrize(("name", "language"), COUNTED)
@pytest.mark.parametrize("unit", get_args(Unit))
def test_every_unit_of_a_limit_has_words_in_every_language(name: str, language: str, unit: Unit) -> None:
    pack, known = SHIPPED[name], case(SHIPPED[name], language)
    assert known.deadline
    known = replace(known, deadline=replace(known.deadline, count=COUNT.model_copy(update={"unit": unit})))
    plain, _ = texts(read(COMPOSERS[name].compose(letter(pack, "assigned"), known, NOW)[1]))
    assert re.search(r"/2026 \+ 15 [^\W_]+( [^\W_]+)* = ", plain)


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEMPLATE)
def test_every_subject_arrives_letter_for_letter(name: str, moment: str, language: str) -> None:
    """One of every three Vietnamese subjects once lost a space on its way."""
    pack, known, written = SHIPPED[name], case(SHIPPED[name], language), letter(SHIPPED[name], moment)
    template = Environment().from_string(pack.templates[f"{moment}.{language}.subject.txt.j2"])
    mail = read(COMPOSERS[name].compose(written, known, NOW)[1])
    assert mail["Subject"] == template.render(COMPOSERS[name].view(written, known, language)).strip()


@pytest.mark.parametrize(("name", "moment", "language"), EVERY_TEMPLATE)
def test_every_date_in_a_letter_is_written_as_its_language_writes_it(name: str, moment: str, language: str) -> None:
    """A letter of Los Angeles once had the due date as 01/08/2018 and its count as 08/01/2018."""
    pack = SHIPPED[name]
    order = "%m/%d" if name == "la311" else "%d/%m"
    local = NOW.astimezone(ZoneInfo(pack.header.timezone)).date()
    days = {local, date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 7), date(2026, 3, 23)}
    plain, html = texts(read(COMPOSERS[name].compose(letter(pack, moment), case(pack, language), NOW)[1]))
    written = set(re.findall(r"\b\d\d/\d\d(?:/\d{4})?\b", plain + html))
    assert written <= {day.strftime(order + year) for day in days for year in ("", "/%Y")}


def test_a_letter_calls_an_agency_by_its_formal_name() -> None:
    pack = SHIPPED["vn"]
    mail = read(COMPOSERS["vn"].compose(letter(pack, "overdue", agency="gia-lai"), case(pack, "vi"), NOW)[1])
    assert all("do Ủy ban nhân dân tỉnh Gia Lai xử lý" in text for text in texts(mail))


def test_a_limit_that_nobody_has_compared_with_the_law_says_so() -> None:
    pack, known = SHIPPED["vn"], case(SHIPPED["vn"], "vi")
    assert known.deadline
    for verified in (False, True):
        said = replace(known, deadline=replace(known.deadline, verified=verified))
        plain, _ = texts(read(COMPOSERS["vn"].compose(letter(pack, "assigned"), said, NOW)[1]))
        assert ("(chưa đối chiếu văn bản)." in plain) != verified
