"""Which open cases are nearby and look alike, and what of them somebody may find out by asking."""

from datetime import UTC, datetime

import pytest

from schemas.values import Place
from services.intake import nearby
from services.intake.nearby import OpenCase

AT = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)


def case(title: str, number: int = 1) -> OpenCase:
    code = f"PAKN.20261102.{number:04d}"
    return OpenCase(code=code, category="khac", state="accepted", submitted_at=AT, found_by="area", title=title)


def test_a_commune_is_the_same_however_its_name_is_written_and_in_another_province_another() -> None:
    assert nearby.area("gia-lai", " phuong  MẪU ") == nearby.area("gia-lai", "Phường Mẫu")
    assert nearby.area("hue", "Phường Mẫu") != nearby.area("gia-lai", "Phường Mẫu")
    assert nearby.area("gia-lai", None) is None
    assert nearby.area("gia-lai", " … ") is None


@pytest.mark.parametrize("latitude", [13.9795, 13.9805, -13.9795, 0.0001])
@pytest.mark.parametrize("longitude", [108.0005, 107.9995, -108.0005])
def test_everything_within_a_hundred_metres_is_near_and_a_kilometre_is_not(latitude: float, longitude: float) -> None:
    asked = nearby.squares(Place(latitude=latitude, longitude=longitude))
    assert len(set(asked)) == 4
    for north in (-0.0009, 0, 0.0009):
        for east in (-0.0009, 0, 0.0009):
            assert nearby.square(Place(latitude=latitude + north, longitude=longitude + east)) in asked
    assert nearby.square(Place(latitude=latitude + 0.009, longitude=longitude)) not in asked


@pytest.mark.parametrize("place", [None, Place(description="Đường Mẫu 5"), Place(latitude=13.98)])
def test_a_place_without_coordinates_lies_in_no_square(place: Place | None) -> None:
    assert nearby.square(place) is None
    assert nearby.squares(place) == []


def test_the_most_alike_come_first_each_once_and_accents_and_order_do_not_matter() -> None:
    near, nearest = case("Đèn đường trước cổng trường hỏng lâu", 1), case("Đèn đường trước trường hỏng", 2)
    other = case("Rác không được thu gom trước trường", 3)
    found = nearby.alike("den truong hong duong truoc", [near, other, nearest, near], 5)
    assert [row.code for row in found] == [nearest.code, near.code]
    assert len(nearby.alike("den truong hong duong truoc", [near, nearest], 1)) == 1


@pytest.mark.parametrize(
    "tried",
    [
        "thái độ",
        "cán bộ nhận",
        "Thái độ của cán bộ {}",
        "Thái độ của cán bộ {} tại bộ phận",
        "{}",
        "Thái độ của cán bộ {} gọi 0912345678",
    ],
)
def test_nobody_finds_out_whom_a_title_names_by_trying_names(tried: str) -> None:
    """Otherwise anybody could ask whether somebody in this commune is spoken of in an open case."""
    title = "Thái độ của cán bộ Nguyễn Văn Mẫu tại bộ phận một cửa, gọi 0912345678"
    right, wrong = (bool(nearby.alike(tried.format(name), [case(title)], 5)) for name in ("Nguyễn Văn Mẫu", "Trần Thị Mẫu"))
    assert right == wrong
    assert nearby.alike("Nguyễn Văn Mẫu 0912345678", [case("Nguyễn Văn Mẫu 0912345678")], 5) == []
    assert nearby.alike(title, [case(title)], 5)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Đèn đường trước chợ", {"duong", "truoc", "cho"}),
        ("Đường Lê Lợi ngập 50 cm", {"ngap", "cm"}),
        ("ĐÈN ĐƯỜNG HỎNG", {"duong", "hong"}),
        ("Đèn", set()),
        ("", set()),
    ],
)
def test_names_and_numbers_are_not_compared(title: str, words: set[str]) -> None:
    assert nearby.compared_words(title) == words


@pytest.mark.parametrize("rest", ["uống rượu", "uống rượu đánh vợ", "uống rượu đánh vợ mỗi tối", "uống rượu đánh con"])
def test_nobody_finds_out_by_whose_name_a_title_begins(rest: str) -> None:
    """A title begins with a capital letter, whether its first word is a name or not."""
    found = [nearby.alike(f"{name} {rest}", [case("Tuấn uống rượu đánh vợ")], 5) for name in ("Tuấn", "Hùng", "tuấn")]
    assert found[0] == found[1] == found[2]


def test_a_title_in_capital_letters_is_compared_as_one_in_small_ones() -> None:
    """In many places everything that matters is written so."""
    found = nearby.alike("ĐÈN ĐƯỜNG TRƯỚC CHỢ HỎNG", [case("Đèn đường trước chợ hỏng")], 5)
    assert len(found) == 1
    assert nearby.alike("đèn đường trước chợ hỏng", [case("ĐÈN ĐƯỜNG TRƯỚC CHỢ HỎNG")], 5)


@pytest.mark.parametrize("tried", ["Nắp cống trước", "Nắp cống trước cổng trường", "cháu bé ngã xe"])
def test_whoever_knows_a_part_of_a_title_is_not_shown_its_case(tried: str) -> None:
    assert nearby.alike(tried, [case("Nắp cống trước cổng trường tiểu học bị vỡ làm nhiều cháu bé ngã xe buổi tối")], 5) == []
