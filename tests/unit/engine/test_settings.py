"""Settings are read once, and every fault is named at once."""

import sys

import pytest
from pydantic import SecretStr

from pakn.mailboxes import ImapFolder, MboxFile
from pakn.settings import SettingsError, read_settings


def test_a_driver_that_is_not_installed_stops_the_start_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has no Motor; an ImportError out of the middle of a start names no setting."""
    monkeypatch.setenv("PAKN_MONGO__DRIVER", "motor")
    assert read_settings().mongo.driver == "motor"
    monkeypatch.setitem(sys.modules, "motor", None)
    with pytest.raises(SettingsError, match=r"PAKN_MONGO__DRIVER: .*install pakn\[motor\]"):
        read_settings()


def test_every_wrong_and_every_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable left its setting at the default in silence."""
    monkeypatch.setenv("PAKN_KAFKA__BOOTSTRP", "kafka:9092")
    monkeypatch.setenv("PAKN_COLOUR", "blue")
    monkeypatch.setenv("PAKN_KAFKA__PARTITIONS", "none")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    first, second, third = str(caught.value).splitlines()
    assert first == "PAKN_COLOUR: there is no such setting"
    assert second == "PAKN_KAFKA__BOOTSTRP: there is no such setting; is PAKN_KAFKA__BOOTSTRAP meant?"
    assert third.startswith("PAKN_KAFKA__PARTITIONS: ")


def test_an_environment_without_settings_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAKN_NAMESPACE", "other")
    assert read_settings().namespace == "other"


@pytest.mark.parametrize(
    "address",
    [
        "imaps://pakn:secret@mail.example:none/INBOX",
        "imaps://pakn:secret@mail.example:70000",
        "imaps://pakn:secret@mail.example:0",
        "imaps://pakn:sec/ret@mail.example",
        "imaps://pakn@mail.example",
        "imaps://pakn:secret@mail..example",
        "imaps://pakn:s%C3%A9cret@mail.example",
        "imaps://pakn:secret@mail.example/a%0D%0Ab",
        "imap://pakn:secret@mail.example",
        "IMAPS://pakn:secret@mail.example",
    ],
)
def test_a_wrong_mailbox_of_bounces_stops_the_start_and_shows_no_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A wrong port once ended notify at its first look, a minute after the start, again and again."""
    monkeypatch.setenv("PAKN_NOTIFY__BOUNCES", address)
    with pytest.raises(SettingsError, match=r"PAKN_NOTIFY__BOUNCES: .*imaps://USER:PASSWORD@HOST") as caught:
        read_settings()
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("", None),
        ("/var/mail/pakn", MboxFile("/var/mail/pakn")),
        ("imaps://a:b@mail.example", ImapFolder("mail.example", 993, "a", SecretStr("b"), "INBOX")),
        (
            "imaps://a%40b.example:p%2Fw@mail.example:1993/Sent%20back",
            ImapFolder("mail.example", 1993, "a@b.example", SecretStr("p/w"), "Sent back"),
        ),
    ],
)
def test_a_file_or_a_folder_of_a_server_may_be_the_mailbox_of_bounces(
    monkeypatch: pytest.MonkeyPatch, address: str, mailbox: MboxFile | ImapFolder | None
) -> None:
    monkeypatch.setenv("PAKN_NOTIFY__BOUNCES", address)
    assert read_settings().notify.bounces == mailbox
    assert "p/w" not in repr(read_settings())
