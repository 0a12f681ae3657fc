"""What of a published reply is shown to everybody, and by which words it is found."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake import published
from services.intake.feedback import Feedback, SenderDetails

AT = datetime(2026, 11, 2, 1, 12, tzinfo=UTC)


def feedback(**more: Any) -> Feedback:
    given: dict[str, Any] = {
        "id": "0197f3c2-5b1e-7d40-9a66-3f2d8c1b7e05",
        "code": "PAKN.20261102.0042",
        "state": "published",
        "category": "khac",
        "title": "Đường đèn hỏng",
        "content": "Nội dung riêng",
        "language": "vi",
        "sender": SenderDetails(name="Nguyễn Văn Mẫu", phone="0900000000"),
        "submitter_type": "person",
        "attachments": (),
        "channel": "web",
        "submitted_at": AT,
        "received_at": AT,
        "fingerprint": "0" * 64,
        "agency": "da-nang",
        "reply": "Đã sửa xong.",
        "document_number": "118/TB-MAU",
        "published_at": AT,
    }
    return Feedback.model_validate(given | more)


def test_a_reply_is_found_without_accents_and_in_any_order_of_words() -> None:
    row = published.published(feedback(), titles=True)
    assert row is not None
    for asked in ("den duong", "ĐƯỜNG Đèn", "xong sua", "118", "pakn 20261102 0042"):
        assert set(published.asked_words(asked)) <= set(row.words), asked
    assert not set(published.asked_words("đường sắt")) <= set(row.words)


def test_nothing_of_the_sender_but_the_title_is_public_and_that_only_where_the_pack_shows_it() -> None:
    with_title, without = (published.published(feedback(), titles=titles) for titles in (True, False))
    assert with_title
    assert without
    for word in ("Nguyễn", "0900000000", "riêng"):
        assert word not in with_title.model_dump_json()
    assert (with_title.title, without.title) == ("Đường đèn hỏng", None)
    assert not {"duong", "hong"} & set(without.words)


@pytest.mark.parametrize("changes", [{"reply": None}, {"published_at": None}])
def test_what_is_not_published_is_nowhere(changes: dict[str, Any]) -> None:
    assert published.published(feedback(**changes), titles=True) is None


@pytest.mark.parametrize(
    "personal", ["0912 345 678", "0912.345.678", "+84912345678", "0236 3822 041", "mau@example.org", "012345678901", "201234567"]
)
def test_numbers_and_addresses_of_persons_in_a_title_are_hidden(personal: str) -> None:
    assert published.without_personal_data(f"Gọi {personal} để hỏi") == "Gọi … để hỏi"


@pytest.mark.parametrize(
    "harmless", ["QĐ 31/2021/QĐ-TTg", "ngày 05/11/2026", "gọi 1022", "15.000.000 đồng", "số nhà 12345", "năm 2026"]
)
def test_what_is_no_personal_data_stays(harmless: str) -> None:
    assert published.without_personal_data(harmless) == harmless


def test_what_looks_alike_shares_half_of_the_words_and_the_nearest_comes_first() -> None:
    titles = ["Đèn đường hỏng", "Đèn đường trước trường hỏng lâu", "Rác không được thu gom"]
    rows = [published.published(feedback(title=title), titles=True) for title in titles]
    found = published.alike("den duong truoc truong hong", [row for row in rows if row], 5)
    assert [row.title for row in found] == [titles[1], titles[0]]
    assert published.alike("", found, 5) == []
