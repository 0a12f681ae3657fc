"""The mailbox of bounces as an mbox file, which a mail server writes to meanwhile."""

import contextlib
import hashlib
import mailbox
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pakn.mailboxes import MboxFile
from services.notify.bounces.mailbox import MAX_BYTES, MAX_LOOK, MAX_MESSAGES, Fate, Look, Message, Position, settled, taken


@dataclass(frozen=True, slots=True)
class MboxMailbox:
    """It locks the file while it copies messages or removes them, and not while they are read: a mail server waits meanwhile."""

    file: MboxFile

    @property
    def name(self) -> str:
        """The path."""
        return self.file.path

    def look(self, position: Position) -> Look:
        """Copy the new messages."""
        with self._opened() as box:
            keys = list(box.keys())
            start = position if _stands(box, keys, position) else Position()
            messages: list[Message] = []
            room = MAX_LOOK
            for index in range(start.number, min(start.number + MAX_MESSAGES, len(keys))):
                content = _content(box, keys[index])
                room -= len(content)
                if room < 0:
                    break
                messages.append(Message(index, content))
        return Look(start, messages)

    def settle(self, look: Look, fates: Sequence[Fate]) -> Position:
        """Remove messages. Raises OSError too if somebody else has removed one meanwhile."""
        if gone := taken(look, fates):
            with self._opened() as box:
                keys = list(box.keys())
                if not all(_stands(box, keys, Position(message.key + 1, _digest(message.content))) for message in gone):
                    raise OSError("the mailbox of bounces was changed by somebody else")
                for message in gone:
                    box.remove(keys[message.key])
        left = [message for message, fate in settled(look, fates) if fate == "left"]
        return Position(look.start.number + len(left), _digest(left[-1].content)) if left else look.start

    @contextlib.contextmanager
    def _opened(self) -> Iterator[mailbox.mbox]:
        """The file, locked; what was removed is written at the end. Raises OSError."""
        try:
            box = mailbox.mbox(self.file.path, create=False)
            try:
                box.lock()
                yield box
            finally:
                box.close()
        except mailbox.Error as error:
            raise OSError(f"the mailbox of bounces cannot be read now: {type(error).__name__}") from error


def _stands(box: mailbox.mbox, keys: Sequence[str], position: Position) -> bool:
    """Whether the message before this place is still the same."""
    if position.number > len(keys):
        return False
    return not position.number or _digest(_content(box, keys[position.number - 1])) == position.mark


def _content(box: mailbox.mbox, key: str) -> bytes:
    with contextlib.closing(box.get_file(key)) as file:
        return file.read(MAX_BYTES)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
