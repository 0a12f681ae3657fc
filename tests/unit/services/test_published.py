"""What of a published reply is shown to everybody, and by which words it is found."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake import published
from services.intake.feedback import Feedback, SenderDetails
from services.intake.published import Shows
from tests.support.packs import VN

SHOWS = published.shows(VN)
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
    row = published.published(feedback(), SHOWS)
    assert row is not None
    for asked in ("den duong", "ĐƯỜNG Đèn", "xong sua", "118", "pakn 20261102 0042"):
        assert set(published.asked_words(asked)) <= set(row.words), asked
    assert not set(published.asked_words("đường sắt")) <= set(row.words)


def test_nothing_of_the_sender_but_the_title_is_public_and_that_only_where_the_pack_shows_it() -> None:
    with_title, without = (published.published(feedback(), shows) for shows in (SHOWS, Shows()))
    assert with_title
    assert without
    for word in ("Nguyễn", "0900000000", "riêng"):
        assert word not in with_title.model_dump_json()
    assert (with_title.title, without.title) == ("Đường đèn hỏng", None)
    assert not {"duong", "hong"} & set(without.words)


@pytest.mark.parametrize("changes", [{"reply": None}, {"published_at": None}])
def test_what_is_not_published_is_nowhere(changes: dict[str, Any]) -> None:
    assert published.published(feedback(**changes), SHOWS) is None


def test_personal_data_in_a_title_is_hidden_unless_an_officer_decided_otherwise() -> None:
    title = "Gọi 0912 345 678 không ai nghe"
    hidden = published.published(feedback(title=title), SHOWS)
    as_written = published.published(feedback(title=title, title_as_written=True), SHOWS)
    assert hidden
    assert as_written
    assert (hidden.title, as_written.title) == ("Gọi … không ai nghe", title)
    assert not {"0912", "345", "678"} & set(hidden.words)


def test_a_name_is_shown_masked_and_only_of_one_who_agrees() -> None:
    for agreed, shows, sender in ((True, SHOWS, "Nguyễn V. M."), (False, SHOWS, None), (True, Shows(titles=True), None)):
        row = published.published(feedback(publish_name=agreed), shows)
        assert row
        assert (row.sender, bool(row.name_keys)) == (sender, sender is not None)
        assert "Văn Mẫu" not in row.model_dump_json()
    erased = published.published(feedback(publish_name=True, sender=SenderDetails()), SHOWS)
    assert erased
    assert (erased.sender, erased.name_keys) == (None, ())


def test_what_looks_alike_shares_half_of_the_words_and_the_nearest_comes_first() -> None:
    titles = ["Đèn đường hỏng", "Đèn đường trước trường hỏng lâu", "Rác không được thu gom"]
    rows = [published.published(feedback(title=title), SHOWS) for title in titles]
    found = published.alike("den duong truoc truong hong", [row for row in rows if row], 5)
    assert [row.title for row in found] == [titles[1], titles[0]]
    assert published.alike("", found, 5) == []
