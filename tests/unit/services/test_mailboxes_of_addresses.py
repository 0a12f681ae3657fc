"""Which spellings of an address count as one mailbox."""

import pytest

from services.notify.addresses import mailbox_of


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Nguyen.Van.A+x@GoogleMail.com", "nguyenvana@gmail.com"),
        ("A.B+x@hcm.example", "a.b@hcm.example"),
        ("+x@d.example", "+x@d.example"),
    ],
)
def test_tags_and_capitals_make_no_other_mailbox_and_points_do_except_at_gmail(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox
