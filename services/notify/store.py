"""Notify's documents: `cases` (what letters say of a case, with its contact), `letters`, the `templates` they keep,
and digests of `bounced_addresses`.

A case keeps the ids of its facts in `facts`, since a fact that is read again may be out of date. The code uses only what
PyMongo's async driver and Motor share.

A letter's `next_try_at` (machine time) is when it comes up next: a queued letter is tried then, a claimed one (`queued`
with the `claim` of its owner) is free again, and a `sending` one has lost its lease.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

from pydantic import TypeAdapter
from pymongo import InsertOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from pakn.engine.mongo import Database, Document, duplicates
from pakn.errors import TryAgain
from schemas.values import LetterChannel
from services.notify.day_bounds import digest_of
from services.notify.domain import TO_BE_SETTLED, Case, Letter, Settlement

ANY_INSTANCE = "any"
# A case's acts are bounded by routing. Its clocks could be corrected for ever; of a fact that comes again the newest are needed.
MOST_FACTS = 2000
# An address may be in use again by then, and a digest of it is kept no longer than it is of use.
_BOUNCED_FOR = timedelta(days=365)
# The changed fields of a case, and the ids of the facts that changed them, in their order.
CaseNews: TypeAlias = tuple[Document, list[str]]
# What becomes of a bounce: it is new; it names a letter of ours, but nothing changes; the letter is still being handed over, so
# the bounce counts later; there is no such letter.
Return: TypeAlias = Literal["recorded", "unchanged", "sending", "unknown"]
_CASE = TypeAdapter(Case)
_LETTER_FIELDS = tuple(field.name for field in fields(Letter) if field.name != "id")


class NotifyStore:
    """One database. Every write of a letter after its insert checks its state or its claim."""

    def __init__(self, database: Database) -> None:
        self._cases = database["cases"]
        self._letters = database["letters"]
        self._templates = database["templates"]
        self._bounced = database["bounced_addresses"]

    async def prepare(self, version: str, templates: Mapping[str, str]) -> None:
        """Create missing indexes, and keep the templates of this version for its letters."""
        await self._letters.create_index([("state", 1), ("channel", 1), ("next_try_at", 1)])
        await self._letters.create_index([("state", 1), ("next_try_at", 1)])
        await self._letters.create_index("feedback_id")
        await self._letters.create_index("announce")
        await self._bounced.create_index("at", expireAfterSeconds=int(_BOUNCED_FOR.total_seconds()))
        # A list, since names of files have dots, and names of fields must not.
        files = [{"name": name, "text": text} for name, text in templates.items()]
        await self._templates.update_one({"_id": version}, {"$setOnInsert": {"files": files}}, upsert=True)

    async def templates(self, version: str) -> dict[str, str]:
        """The templates of a version that some instance has run with; empty if the version is unknown."""
        found = await self._templates.find_one({"_id": version})
        return {row["name"]: row["text"] for row in found["files"]} if found else {}

    async def known_facts(self, feedback_ids: Iterable[str]) -> dict[str, set[str]]:
        """The ids of the facts that each case has taken in. One query."""
        rows = await self._cases.find({"_id": {"$in": list(feedback_ids)}}, {"facts": 1}).to_list(None)
        return {row["_id"]: set(row.get("facts", ())) for row in rows}

    async def save_cases(self, news: Mapping[str, CaseNews]) -> None:
        """Set fields of cases, by feedback id, in one bulk write; a missing case is created.

        With a contact that is erased goes the digest of its address, if a letter came back from it.
        Raises TryAgain if another instance has taken in one of these facts, or created the case, since they were looked up:
        writing them again could undo what that instance did next.
        """
        writes = [
            UpdateOne(
                {"_id": case_id, "facts": {"$nin": facts}},
                {"$set": fields, "$push": {"facts": {"$each": facts, "$slice": -MOST_FACTS}}},
                upsert=True,
            )
            for case_id, (fields, facts) in news.items()
        ]
        if not writes:
            return
        erased = [case_id for case_id, (fields, _) in news.items() if "contact" in fields and fields["contact"] is None]
        digests = {"_id": {"$in": [digest_of(_address(case)) for case in (await self.cases(erased)).values()]}} if erased else None
        if digests:
            # Before the contact, without which the address is not known any more after a crash.
            await self._bounced.delete_many(digests)
        try:
            await self._cases.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            raise TryAgain(f"{len(duplicates(error))} cases were written by another instance") from None
        finally:
            if digests:
                # A bounce that was recorded meanwhile has still found the contact.
                await self._bounced.delete_many(digests)

    async def save_letters(self, letters: Sequence[tuple[Letter, Settlement]], released: Iterable[str], now: datetime) -> int:
        """Insert letters, and make those due that wait for the `released` cases. Returns how many letters existed already."""
        writes: list[Any] = [InsertOne(_new_document(letter, start)) for letter, start in letters]
        if cases := list(released):
            waiting = {"waiting": True, "feedback_id": {"$in": cases}, "state": "queued"}
            writes.append(UpdateMany(waiting, {"$set": {"next_try_at": now, "waiting": False}}))
        if not writes:
            return 0
        try:
            await self._letters.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            return len(duplicates(error))
        return 0

    async def cases(self, feedback_ids: Iterable[str]) -> dict[str, Case]:
        """The known cases among these ids."""
        rows = await self._cases.find({"_id": {"$in": list(set(feedback_ids))}}).to_list(None)
        return {row["_id"]: _CASE.validate_python(row) for row in rows}

    async def claim(self, token: str, channel: LetterChannel, now: datetime, until: datetime, limit: int) -> list[Letter]:
        """Claim up to `limit` due letters of one channel until `until`, the longest due first."""
        due = {"state": "queued", "next_try_at": {"$lte": now}}
        rows: list[Document] = []
        for known in _known_as(channel):
            found = self._letters.find(due | {"channel": known}, {"_id": 1}).sort("next_try_at", 1)
            rows += await found.limit(limit - len(rows)).to_list(None) if len(rows) < limit else []
        if not rows:
            return []
        ids = {"_id": {"$in": [row["_id"] for row in rows]}}
        await self._letters.update_many(ids | due, {"$set": {"claim": token, "next_try_at": until, "waiting": False}})
        claimed = await self._letters.find(ids | {"state": "queued", "claim": token}).to_list(None)
        return [_letter(row) for row in claimed]

    async def start_sending(self, token: str, letter_ids: Sequence[str], until: datetime) -> set[str]:
        """Mark letters as `sending` and return the ids that this claim still owns; only these may be handed over."""
        ids = {"_id": {"$in": list(letter_ids)}}
        lease = {"$set": {"state": "sending", "next_try_at": until}}
        marked = await self._letters.update_many(ids | {"state": "queued", "claim": token}, lease)
        if marked.matched_count == len(letter_ids):
            return set(letter_ids)
        rows = await self._letters.find(ids | {"state": "sending", "claim": token}, {"_id": 1}).to_list(None)
        return {row["_id"] for row in rows}

    async def record(
        self, token: str, settled: Sequence[tuple[Letter, Settlement]], *, now: datetime, legal: datetime, instance: str
    ) -> None:
        """Save what became of letters of this claim, in one bulk write.

        It also overwrites `uncertain`, since the owner of the claim knows better than the end of a lease. A letter that
        another instance or an operator has taken meanwhile has another claim and stays as it is.
        """
        # Most letters of a group end alike, and one write for all costs hardly more than a write for one.
        alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for letter, settlement in settled:
            values = _settlement(settlement, now=now, legal=legal, instance=instance)
            # The version that was rendered: the letter's own, unless no instance knows it any more.
            values |= {"template_version": letter.template_version, "claim": None}
            alike[tuple(values.items())].append(letter.id)
        # Whatever ends a claim removes its token, so the token alone shows who owns the letter.
        writes = [UpdateMany({"_id": {"$in": ids}, "claim": token}, {"$set": dict(values)}) for values, ids in alike.items()]
        if writes:
            await self._letters.bulk_write(writes, ordered=False)

    async def expire(self, *, now: datetime, legal: datetime) -> dict[LetterChannel, int]:
        """Make letters uncertain whose lease ended while they were handed over. Returns how many, by channel."""
        settlement = Settlement("uncertain", "the process stopped while the letter was handed over", announced=True)
        values = _settlement(settlement, now=now, legal=legal, instance=ANY_INSTANCE)
        expired: dict[LetterChannel, int] = {}
        for channel in get_args(LetterChannel):
            ended = {"state": "sending", "next_try_at": {"$lte": now}, "channel": {"$in": _known_as(channel)}}
            result = await self._letters.update_many(ended, {"$set": values, "$inc": {"attempts": 1}})
            expired[channel] = int(result.modified_count)
        return expired

    async def to_announce(self, limit: int) -> list[Document]:
        """Documents of letters whose outcome no fact has announced yet, each with its `letter`."""
        rows = await self._letters.find({"announce": {"$gt": ""}}).limit(limit).to_list(None)
        return [row | {"letter": _letter(row)} for row in rows]

    async def announced(self, rows: Sequence[Document]) -> None:
        """Mark these letters as announced, unless their outcome has changed since they were read."""
        for state in {row["state"] for row in rows}:
            ids = [row["_id"] for row in rows if row["state"] == state]
            await self._letters.update_many({"_id": {"$in": ids}, "state": state}, {"$set": {"announce": None}})

    async def counts(self) -> dict[tuple[str, LetterChannel], int]:
        """How many letters are in each state that somebody has still to settle, by state and channel."""
        return {
            (state, channel): int(await self._letters.count_documents({"state": state, "channel": {"$in": _known_as(channel)}}))
            for state in TO_BE_SETTLED
            for channel in get_args(LetterChannel)
        }

    async def in_state(self, state: str, limit: int = 0) -> list[Document]:
        """Up to `limit` letters in a state, or all of them, the longest in it first: what a person needs to know of each."""
        wanted = dict.fromkeys(("code", "moment", "channel", "reason", "settled_at", "token"), 1)
        found = self._letters.find({"state": state}, wanted)
        rows: list[Document] = await found.sort("settled_at", 1).limit(limit).to_list(None)
        return rows

    async def returned(self, letter_id: str, token: str, addresses: Iterable[str], *, now: datetime, legal: datetime) -> Return:
        """Record that a letter came back from its address, so that no other goes there.

        Nothing changes when the letter is not out or is recorded already. It is unknown where it has another token or went to none
        of these addresses. It is "sending" until its whole group is handed over, and its bounce may be there before.
        """
        letter = await self._letters.find_one({"_id": letter_id, "token": token})
        if letter is None:
            return "unknown"
        case_id = letter["feedback_id"]
        address = await self._address_of(case_id)
        if address and address not in addresses:
            return "unknown"
        if letter["state"] not in ("sending", "sent", "uncertain") or not address:
            return "unchanged"
        if letter["state"] == "sending":
            return "sending"
        # The address first: a process that ends in between finds the letter again with the next bounce.
        await self._bounced.update_one({"_id": digest_of(address)}, {"$set": {"at": now}}, upsert=True)
        if not await self._address_of(case_id):
            # The sender was erased meanwhile, and the erasure may have looked for the digest before it was there.
            await self._bounced.delete_one({"_id": digest_of(address)})
        settlement = Settlement("failed", "the mail server of the address sent it back", announced=True)
        values = _settlement(settlement, now=now, legal=legal, instance=ANY_INSTANCE)
        went_out = {"_id": letter_id, "state": {"$in": ["sent", "uncertain"]}}
        return "recorded" if (await self._letters.update_one(went_out, {"$set": values})).matched_count else "unchanged"

    async def _address_of(self, case_id: str) -> str:
        return _address((await self.cases([case_id])).get(case_id, Case()))

    async def bounced(self, addresses: Iterable[str]) -> set[str]:
        """Those of these addresses from which a letter came back for good."""
        digests = {digest_of(address.lower()): address for address in addresses}
        rows = await self._bounced.find({"_id": {"$in": list(digests)}}, {"_id": 1}).to_list(None)
        return {digests[row["_id"]] for row in rows}

    async def put_back(self, letter_ids: Iterable[str], settlement: Settlement, *, now: datetime, legal: datetime) -> None:
        """Queue failed letters again that the mail server was to blame for. Others stay as they are."""
        values = _settlement(settlement, now=now, legal=legal, instance=ANY_INSTANCE)
        await self._letters.update_many({"_id": {"$in": list(letter_ids)}, "state": "failed"}, {"$set": values})

    async def give_up(self, channel: LetterChannel, settlement: Settlement, *, now: datetime, legal: datetime) -> int:
        """Settle all queued letters of a channel, such as one that is no longer there. Returns how many."""
        values = _settlement(settlement, now=now, legal=legal, instance=ANY_INSTANCE) | {"claim": None}
        result = await self._letters.update_many({"state": "queued", "channel": channel}, {"$set": values})
        return int(result.modified_count)

    async def overrule(self, letter_id: str, settlement: Settlement, *, now: datetime, legal: datetime) -> bool:
        """Settle an uncertain or failed letter by a person's decision; false if there is none with this id."""
        values = _settlement(settlement, now=now, legal=legal, instance=ANY_INSTANCE) | {"claim": None}
        guard = {"_id": letter_id, "state": {"$in": ["uncertain", "failed"]}}
        by_mail = guard | {"channel": {"$ne": "sms"}}
        if settlement.state == "queued" and (letter := await self._letters.find_one(by_mail)):
            # Whoever sends a letter again that had come back believes that the address takes letters now.
            cases = await self.cases([letter["feedback_id"]])
            await self._bounced.delete_many({"_id": {"$in": [digest_of(_address(case)) for case in cases.values()]}})
        return bool((await self._letters.update_one(guard, {"$set": values})).matched_count)


def _address(case: Case) -> str:
    """The address of a case in lower case; empty without one."""
    return ((case.contact.email if case.contact else None) or "").lower()


def _known_as(channel: LetterChannel) -> list[LetterChannel | None]:
    """What letters of this channel have in its field: they had none when email was the only one."""
    return [None, channel] if channel == "email" else [channel]


def _new_document(letter: Letter, start: Settlement) -> Document:
    values: Document = {"_id": letter.id} | {name: getattr(letter, name) for name in _LETTER_FIELDS}
    values["event"] = dict(letter.event)
    values |= {"state": start.state, "next_try_at": start.next_try_at, "waiting": start.waiting}
    return values | {"claim": None, "announce": None, "reason": "", "settled_at": None, "settled_legal": None}


def _settlement(settlement: Settlement, *, now: datetime, legal: datetime, instance: str) -> Document:
    values = asdict(settlement)
    announced = values.pop("announced")
    for kept in ("attempts", "parts"):
        if values[kept] is None:
            del values[kept]
    settled = settlement.state != "queued"
    values |= {"settled_at": now if settled else None, "settled_legal": legal if settled else None}
    return values | {"announce": instance if announced else None}


def _letter(row: Document) -> Letter:
    return Letter(id=row["_id"], **{name: row[name] for name in _LETTER_FIELDS if name in row})
