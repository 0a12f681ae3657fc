"""In which words a portal's Open311 server is told of a step: those that anybody may read, and no others."""

from datetime import UTC, datetime
from typing import Any

from pakn.packs.open311 import Remote
from services.intake import portal_news
from services.intake.portal_news import PortalCase
from services.intake.remotes import telling
from tests.support.examples import example
from tests.support.packs import UNSIGNED

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
PORTAL = "gialai-dvc"


def told(name: str, *, tell: bool = True, **changes: Any) -> dict[str, str] | None:
    portals = tuple(
        portal.model_copy(update={"open311": Remote(url="http://127.0.0.1:1", tell=tell)}) if portal.id == PORTAL else portal
        for portal in UNSIGNED.header.portals
    )
    pack = UNSIGNED.model_copy(update={"header": UNSIGNED.header.model_copy(update={"portals": portals})})
    event = example(name).model_copy(update=changes)
    fact = portal_news.news(PortalCase(event.feedback_id, "PAKN.20260302.0001", PORTAL, "own-1"), name, event, "fact-1", NOW)
    assert fact is not None
    found = telling.told(pack, fact)
    return found[1] if found else None


def test_a_step_is_told_in_words_that_anybody_may_read_and_what_nobody_else_sees_is_not_told() -> None:
    reply = told("ReplyPublished", reply="Đã sửa xong.")
    assert reply is not None
    assert {name: reply[name] for name in reply if name != "update_id"} == {
        "service_request_id": "own-1", "updated_datetime": "2026-03-02T02:00:00Z", "status": "CLOSED",
        "description": "Đã sửa xong.",
    }  # fmt: skip
    assert reply == told("ReplyPublished", reply="Đã sửa xong."), "the same id for the same fact"
    asked = told("MoreRequested", question="Số nhà bí mật?")
    assert asked is not None
    assert asked["status"] == "OPEN"
    assert "bí mật" not in str(asked), "a question is between agency and sender"
    refused = told("FeedbackNotAccepted", agency="gia-lai", reason="Ông Nguyễn Văn Mẫu đã rút đơn")
    assert refused is not None
    assert (refused["status"], "Mẫu" in str(refused)) == ("CLOSED", False), "an officer's reason may name people"
    assert told("FeedbackRated") is None
    assert told("ReplyPublished", tell=False) is None
