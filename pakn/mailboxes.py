"""Where the mailbox of bounces is."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class MboxFile:
    """A mailbox that is an mbox file of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class ImapFolder:
    """A mailbox that is a folder of an IMAP server, reached with TLS from the first byte; all in ASCII."""

    host: str
    port: int
    username: str
    password: SecretStr
    folder: str


def parse_mailbox(address: str) -> MboxFile | ImapFolder | None:
    """The mailbox at the path of a file or at `imaps://USER:PASSWORD@HOST:PORT/FOLDER`; none at an empty address.

    Raises ValueError on any other address, without a part of it.
    """
    if "://" not in address:
        return MboxFile(address) if address else None
    try:
        url, plain = urlsplit(address), unquote(address)
        # The name is asked for in this form. IMAP's own commands take ASCII.
        (url.hostname or "").encode("idna")
        is_known = address.startswith("imaps://") and plain.isascii() and plain.isprintable() and url.port != 0
        if is_known and url.hostname and url.username and url.password:
            password, folder = SecretStr(unquote(url.password)), unquote(url.path.strip("/"))
            return ImapFolder(url.hostname, url.port or 993, unquote(url.username), password, folder or "INBOX")
    except ValueError:
        pass
    # The library's words may hold a part of the password.
    raise ValueError("must be a file, or imaps://USER:PASSWORD@HOST:PORT/FOLDER in ASCII, percent-encoded; the port may lack")
