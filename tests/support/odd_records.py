"""Records as strangers send them: good ones, odd ones that are good all the same, wrong ones, and batches that nobody can unpack.

All from one `random.Random`, so that a seed gives the same records again.
"""

import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.support.outside_world import GOOD, lines
from tests.support.raw_batches import GZIP, LZ4, NONE, PACKERS, SNAPPY, ZSTD, around, bomb, packed, raw_record, varint

Headers = list[tuple[bytes, bytes | None]]
Made = tuple[bytes | None, Headers]
ACTIONS, INBOX = "AgencyAction", "PortalSubmission"
_CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)


class Fate(Enum):
    """What has to become of a record: its event, a dead letter with an answer, or one of the two."""

    GOOD, WRONG, EITHER = range(3)


@dataclass(frozen=True)
class Odd:
    """A record by its bytes, what has to become of it, and the id of what it brings about if it is good."""

    raw: bytes
    fate: Fate
    own_id: str = ""


@dataclass(frozen=True)
class Batch:
    """What is sent at once to `topic`. A batch that is `broken` takes so many offsets, and the last of them is a dead letter."""

    topic: str
    raw: bytes
    records: Sequence[Odd]
    broken: int = 0


@dataclass
class OddRecords:
    """Makes batches; `cases` are the feedbacks that wait for an agency, each by the id of the agency."""

    seed: int
    portals: Sequence[str]
    cases: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = 0

    def batch(self) -> Batch:
        """The next batch."""
        dice = self._random
        kind = dice.choice((INBOX, INBOX, ACTIONS))
        party = dice.choice(self.portals) if kind == INBOX else dice.choice(("gia-lai", "da-nang", "hue"))
        topic = f"inbox.{party}" if kind == INBOX else f"actions.{party}"
        codec, count = dice.choice(_CODECS), dice.choice((1, 1, 2, 5, 12, 25))
        if dice.random() < 0.06:
            return Batch(topic, *self._broken(codec))
        records = [self._record(place, kind, party) for place in range(count)]
        return Batch(topic, packed([record.raw for record in records], codec), records)

    def _broken(self, codec: int) -> tuple[bytes, Sequence[Odd], int]:
        dice = self._random
        whole = b"".join(varint(len(row)) + row for row in (raw_record(place, b"k", b"{}") for place in range(3)))
        body = bytearray(PACKERS[codec](whole))
        match dice.randrange(5):
            case 0:
                del body[dice.randrange(len(body)) :]
            case 1:
                body[dice.randrange(len(body))] ^= dice.randrange(1, 256)
            case 2:
                body = bytearray(dice.randbytes(dice.randrange(1, 300)))
            case 3:
                body = bytearray(PACKERS[codec](varint(70_000) + whole))
            case _:
                if dice.random() < 0.2:
                    return bomb(20), [], 1
                codec = dice.choice(_CODECS)
        return around(bytes(body), 3, codec), [], 3

    def _record(self, place: int, kind: str, party: str) -> Odd:
        dice, self._number = self._random, self._number + 1
        own_id = f"{self.seed}-{self._number}{dice.choice(_ENDS_OF_IDS)}"
        made = self._document(kind, party)
        fate = Fate.WRONG
        if made is not None and dice.random() < 0.5:
            document, good_id = made
            value, headers = self._in_some_mode(kind, own_id if kind == INBOX else f"a-{own_id}", document)
            # CloudEvents allows no control characters in an attribute.
            fate = Fate.EITHER if own_id.endswith(("\x00", "\n")) else Fate.GOOD
            own_id = good_id or own_id
        else:
            value, headers = self._wrong(kind, own_id)
            if dice.random() < 0.15:
                fate, value, headers = Fate.EITHER, self._mutated(json.dumps(GOOD).encode()), _base(kind, own_id)
        self._add_noise(headers)
        return Odd(raw_record(place, self._key(), value, headers), fate, own_id)

    def _document(self, kind: str, party: str) -> tuple[dict[str, Any], str] | None:
        """A document in order, with the id of the feedback that an action is about; none where no feedback waits."""
        if kind == INBOX:
            text = "".join(self._random.choice('aăâđêôơư ,[{"\\\n😀\u0301') for _ in range(self._random.choice((5, 50, 4000))))
            category = self._random.choice(("khac", "to-cao", "to-cao"))
            return GOOD | {"category": category, "content": f"x{text}x", "sent_at": "2026-03-01T08:00:00.5+14:00"}, ""
        mine = next((row for row in self.cases if row[0] == party), None)
        if mine is None:
            return None
        self.cases.remove(mine)
        return {"action": "accept", "feedback_id": mine[1], "actor": "cb1"}, mine[1]

    def _in_some_mode(self, kind: str, own_id: str, document: dict[str, Any]) -> Made:
        dice = self._random
        value = json.dumps(document, ensure_ascii=dice.random() < 0.5).encode()
        if dice.random() < 0.2:
            value = b"\xef\xbb\xbf" + value
        mode = dice.randrange(3)
        if mode == 0:
            headers = _base(kind, own_id)
            if dice.random() < 0.2:
                headers.append(dice.choice(headers))
            return value, headers
        event: dict[str, Any] = {name.removeprefix("ce_"): text for name, text in _texts(kind, own_id) if name.startswith("ce_")}
        event |= {"data": document} if mode == 1 else {"data_base64": base64.b64encode(value).decode()}
        said: Headers = [(b"Content-Type", b"application/cloudevents+json; charset=utf-8")] if dice.random() < 0.7 else []
        return json.dumps(event).encode(), said

    def _wrong(self, kind: str, own_id: str) -> Made:
        dice = self._random
        if dice.random() < 0.5:
            return dice.choice(_WRONG_VALUES)(dice), _base(kind, own_id)
        headers = dict(_base(kind, own_id))
        name = dice.choice([b"ce_id", b"ce_type", b"ce_source", b"ce_time", b"ce_specversion"])
        wrong = dice.choice(_WRONG_TEXTS)
        if wrong is None or name != b"ce_id":
            headers[name] = wrong
        else:
            headers[name] = dice.choice((b"", b"\xff", None, b"i" * 1001, b"i" * 1_000_000 if dice.random() < 0.05 else b""))
        if name == b"ce_source" and headers[name]:
            headers[name] = b"\xfe"
        return dice.choice((b"{}", json.dumps(GOOD).encode(), None, dice.randbytes(50))), list(headers.items())

    def _mutated(self, value: bytes) -> bytes:
        changed = bytearray(value)
        for _ in range(self._random.randrange(1, 4)):
            changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)

    def _key(self) -> bytes | None:
        dice = self._random
        return dice.choice((None, b"", b"k", b"\xff\x00", dice.randbytes(20), b"k" * (1_000_000 if dice.random() < 0.01 else 9)))

    def _add_noise(self, headers: Headers) -> None:
        dice = self._random
        if dice.random() < 0.002:
            headers += [(b"", None)] * 20_000
        for _ in range(dice.choice((0, 0, 1, 2, 8))):
            name = dice.choice((b"", b"x", b"\xff\xfe", b"x\x00", dice.randbytes(6), b"ce-", b"CE_ID2", b"n" * 2000, b"original-x"))
            text = dice.choice((None, b"", b"\xff", dice.randbytes(30), b"v" * (100_000 if dice.random() < 0.02 else 40)))
            headers.insert(dice.randrange(len(headers) + 1), (name, text))


def _texts(kind: str, own_id: str) -> list[tuple[str, str]]:
    return [(name, (text or b"").decode()) for name, text in lines(kind, own_id)]


def _base(kind: str, own_id: str) -> Headers:
    return [(name.encode(), text.encode()) for name, text in _texts(kind, own_id)]


def _field(name: str, value: str) -> Callable[[random.Random], bytes]:
    whole = json.dumps(GOOD | {"actor": "cb1", "action": "accept", name: "@"}).replace('"@"', value).encode()
    return lambda _dice: whole


# What an id may hold, though it is a key of documents and part of messages further on.
_ENDS_OF_IDS = ("", "", "\x00", "$", ".a.b", "/", "\n", "😀", "\u202e", "%00", "i" * 900)
_WRONG_TEXTS = (
    None,
    b"",
    b"\xff\xfe",
    b"\x00",
    b"0.3",
    b"9999-12-31T23:59:59-14:00",
    b"0001-01-01T00:00:00+14:00",
    b"pakn.ReplyPublished.v1",
)
_WRONG_VALUES: tuple[Callable[[random.Random], bytes | None], ...] = (
    lambda _dice: None,
    lambda dice: dice.randbytes(dice.choice((1, 100, 10_000))),
    lambda dice: b"[" * dice.choice((1, 900, 59_000, 200_000)),
    lambda dice: b'{"a":' * dice.choice((150, 900, 20_000)) + b"1",
    lambda _dice: b'{"title": [' + b"[]," * 100_000 + b"[]]}",
    lambda dice: dice.choice((b"null", b"1", b'"text"', b"[]", b"{}", b"NaN", b"\xff\xfe{\x00}\x00", b'{"title": 1, "title": 2}')),
    lambda dice: b'{"k%d": 1}' % dice.randrange(9) if dice.random() < 0.9 else b'{"reference": "' + b"r" * 6_000_000 + b'"}',
    _field("title", "1" * 100_000),
    _field("place", '{"latitude": NaN}'),
    _field("place", '{"latitude": 1e999999}'),
    _field("title", '"\\u0000"'),
    _field("reference", '"\\ud800"'),
    _field("content", '"\\udfff"'),
    _field("\\u0000", '"x"'),
    _field("$where", '"x"'),
    _field("sent_at", '"0001-01-01T00:00:00+14:00"'),
    _field("sent_at", '"9999-12-31T23:59:59-14:00"'),
    _field("sent_at", '"2026-03-02T03:00:00+99:99"'),
    _field("sender", "[" * 300 + "]" * 300),
    _field("attachments", json.dumps([{"name": "\u202e.exe", "content_base64": "*"}] * 3000)),
)
