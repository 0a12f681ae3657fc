"""A feedback that was opened by its secret stays open in that browser for some hours, by a cookie that holds no secret."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from litestar.datastructures import Cookie

from pakn.engine.problems import AnyRequest
from services.intake.doors.pages.site import Site
from services.intake.feedback import Feedback

OPEN_SECONDS: Final = 8 * 3600


class Opened:
    """Tells which feedbacks a browser has opened."""

    def __init__(self, site: Site, now: Callable[[], datetime]) -> None:
        """`now` gives the machine's time."""
        self._site = site
        self._now = now

    def cookie(self, feedback: Feedback) -> Cookie:
        """Opens a feedback in a browser."""
        until = int(self._now().timestamp()) + OPEN_SECONDS
        return self._site.case_cookie(feedback.code, f"{until}.{self._signature(feedback, until)}", OPEN_SECONDS)

    def closing(self, feedback: Feedback) -> Cookie:
        """Closes it again."""
        return self._site.case_cookie(feedback.code, "", 0)

    def is_open(self, request: AnyRequest, feedback: Feedback) -> bool:
        """Whether this browser has opened it."""
        until, _, signature = request.cookies.get("pakn_open", "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 15):
            return False
        return int(until) > self._now().timestamp() and self._site.is_signed(_opens(feedback, int(until)), signature)

    def _signature(self, feedback: Feedback, until: int) -> str:
        return self._site.signed(_opens(feedback, until))


def _opens(feedback: Feedback, until: int) -> str:
    # A new secret closes the feedback in all browsers that opened it by a former one.
    return f"open/{feedback.id}/{feedback.secret_number}/{until}"
