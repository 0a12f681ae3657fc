"""What the shipped packs take for personal data in a reply, and what of it they do not."""

import itertools
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pakn.packs.load import load_pack
from pakn.packs.personal_data import PersonalData

VN, LA = (load_pack(name).header.personal_data for name in ("vn", "la311"))
DIGITS = st.text("0123456789", min_size=12, max_size=12)
DAYS = st.dates(date(1990, 1, 1), date(2049, 12, 31))
AROUND = st.sampled_from(["", "Ngày ", "số ", "(", "từ ", "hồ sơ: ", "\n"])
BEHIND = st.sampled_from(["", ".", ", ", ")", " và", "\n", ";"])
SEPARATORS = st.sampled_from(["", " ", ".", "-", "\xa0"])


def found(text: str, rules: PersonalData | None = VN) -> list[tuple[str, str]]:
    assert rules
    return [(row.kind, text[row.start : row.end]) for row in rules.find(text)]


def grouped(digits: str, sizes: tuple[int, ...], separator: str) -> str:
    """Digits in groups of these sizes, the last one with the rest."""
    parts = []
    for size in sizes:
        parts.append(digits[:size])
        digits = digits[size:]
    return separator.join([*parts, digits] if digits else parts)


@given(AROUND, BEHIND, st.sampled_from("35789"), DIGITS, SEPARATORS, st.sampled_from([(4, 3), (3, 3), (3, 4), (2, 2, 2, 2), (5,)]))
def test_a_mobile_number_is_found_however_it_is_grouped(
    before: str, behind: str, second: str, digits: str, separator: str, sizes: tuple[int, ...]
) -> None:
    number = grouped(f"0{second}{digits[:8]}", sizes, separator)
    if not any(number.startswith(f"{day:02}{separator}{month:02}{separator}") for day in range(1, 32) for month in range(1, 13)):
        assert found(f"{before}{number}{behind}") == [("phone", number)]


@given(st.sampled_from(["+84", "+84 ", "(+84) ", "0084 ", "+84.", "84"]), st.sampled_from("35789"), DIGITS)
def test_a_number_with_the_country_in_front_is_found(country: str, first: str, digits: str) -> None:
    number = country + first + digits[:8]
    assert found(f"Gọi {number} để hỏi") == [("phone", number)]


@given(st.integers(1, 96), DIGITS, st.sampled_from(["", " ", "."]), st.sampled_from([(3, 3, 3), (3, 9), (6, 3), (4, 4)]))
def test_a_number_of_a_citizens_card_is_found(province: int, digits: str, separator: str, sizes: tuple[int, ...]) -> None:
    number = grouped(f"{province:03}{digits[:9]}", sizes, separator)
    assert [kind for kind, _ in found(f"CCCD {number} cấp")] == ["identity"]


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("ĐT.0236 3822 041 gặp", "phone", "0236 3822 041"),
        ("(0236) 3822 041", "phone", "(0236) 3822 041"),
        ("Tel 024 3733 6666.", "phone", "024 3733 6666"),
        ("sđt0912345678", "phone", "0912345678"),
        ("thư mau.nguyen+a@mail.example.vn.", "email", "mau.nguyen+a@mail.example.vn"),
        ("CMND 201234567 cấp", "identity", "201234567"),
        ("số 201 234 567 cấp", "identity", "201 234 567"),
        ("chứng minh nhân dân số: 201.234.567", "identity", "201.234.567"),
    ],
)
def test_other_ways_of_writing_are_found(text: str, kind: str, what: str) -> None:
    assert found(text) == [(kind, what)]


@given(
    AROUND, DAYS, st.sampled_from(["/", ".", "-"]), st.booleans(), st.sampled_from(["", " 8h30", " 08:30", ", 15 giờ", " 15:00:00"])
)
def test_a_day_is_no_number_of_a_person(before: str, day: date, separator: str, zeros: bool, time_of_day: str) -> None:
    parts = (f"{day.day:02}", f"{day.month:02}") if zeros else (str(day.day), str(day.month))
    for written in (separator.join((*parts, str(day.year))), day.isoformat(), separator.join((parts[1], str(day.year)))):
        assert found(f"{before}{written}{time_of_day}") == []
        assert found(f"{before}{written} - {written}{time_of_day}") == []
        assert found(f"08:30 {written}") == found(f"08.30 {written}") == []


@given(
    AROUND,
    st.integers(1, 99_999),
    st.integers(1990, 2049),
    st.sampled_from(["QĐ-UBND", "QĐ-TTg", "NĐ-CP", "TB-MAU", "QH15", "TT-BTTTT"]),
)
def test_a_number_of_a_document_is_no_number_of_a_person(before: str, number: int, year: int, kind: str) -> None:
    for written in (f"{number}/{year}/{kind}", f"{number:02}/{kind}", f"{number}/{kind}-{year}"):
        assert found(f"{before}{written}") == []


@given(AROUND, st.integers(0, 10**13), st.sampled_from([" đồng", " đ", "đ", " VND", " VNĐ", " triệu", " tỷ đồng", " USD"]))
def test_an_amount_of_money_is_no_number_of_a_person(before: str, amount: int, unit: str) -> None:
    for written in (f"{amount:,}".replace(",", "."), f"{amount:,}", f"{amount:,}".replace(",", " ")):
        assert found(f"{before}{written}{unit}") == []
    assert found(f"{before}{amount:,}".replace(",", ".")) == []


@given(AROUND, DAYS, st.integers(1, 99_999), st.integers(10_000, 99_999), st.integers(0, 9))
def test_a_code_a_postal_code_and_a_number_of_a_house_are_no_numbers_of_persons(
    before: str, day: date, number: int, postal: int, digit: int
) -> None:
    code = f"PAKN.{day:%Y%m%d}.{number:04}"
    for written in (
        code,
        code.lower(),
        code.replace(".", ""),
        f"{postal}",
        f"{postal}{digit}",
        f"số nhà {number}",
        f"K{number}/{digit}",
    ):
        assert found(f"{before}{written}") == []


@pytest.mark.parametrize(
    "harmless",
    ["gọi 1022", "tổng đài 1900 1234", "18001096", "16.0544, 108.2022", "000.00.12.H17-261102-0042", "thửa 118, tờ bản đồ 20",
     "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05", "từ 07.2026 đến 12.2026", "người nhận @ phòng 3"],
)  # fmt: skip
def test_other_numbers_of_replies_are_left_alone(harmless: str) -> None:
    assert found(harmless) == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Call (213) 555-0142 today", ["phone"]), ("Call +1 213.555.0142", ["phone"]), ("SSN 078-05-1120", ["identity"]),
        ("mail maria@example.org", ["email"]), ("Call 311 or 1-800-773-2489", []), ("ZIP 90012-1234", []),
        ("Request 1-906135531 on 01/02/2018", []), ("$1,234,567,890", []), ("34.052235, -118.243683", []),
    ],
)  # fmt: skip
def test_a_city_of_another_country_has_patterns_of_its_own(text: str, kinds: list[str]) -> None:
    assert [kind for kind, _ in found(text, LA)] == kinds


def test_contacts_of_agencies_are_public_however_they_are_written() -> None:
    assert VN
    text = "Gọi 0236.3822.041 hoặc +84 236 3822 041, thư MOT-CUA@example.vn; gặp anh Mẫu 0912 345 678"
    assert [row.kind for row in VN.find(text)] == ["phone", "phone", "email", "phone"]
    (left,) = VN.find(text, ["(0236) 3822041", "mot-cua@example.vn"])
    assert text[left.start : left.end] == "0912 345 678"
    assert VN.hide("Gọi 0912345678, 0236 3822 041", ["02363822041"]) == "Gọi …, 0236 3822 041"


@given(st.text("0123456789.- +()@a\n", max_size=120) | st.text(max_size=80))
def test_what_is_hidden_is_found_no_more_and_the_rest_stays(text: str) -> None:
    assert VN
    rows = VN.find(text)
    assert all(before.end <= after.start for before, after in itertools.pairwise(rows))
    kept = "".join(text[a:b] for a, b in zip([0, *(r.end for r in rows)], [*(r.start for r in rows), len(text)], strict=True))
    assert VN.hide(text).replace("…", "") == kept.replace("…", "")


@pytest.mark.parametrize("piece", ["a", "0", "0 ", "09 ", "a.", "1-", "CMND ", "+84 ", "(0", "@a", ". "])
def test_no_text_takes_long(piece: str) -> None:
    """A reply has 20,000 characters; patterns that look back and forth would take minutes for one made of the worst."""
    started = time.process_time()
    found(piece * (20_000 // len(piece)))
    found(piece * (20_000 // len(piece)), LA)
    assert time.process_time() - started < 2
