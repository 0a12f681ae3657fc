"""What a sender gave is erased for good: at intake, at the services that got it, and in the topics between them."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pakn.legal_time import make_legal_time
from pakn.local import kafka_process
from pakn.local.launcher import Servers
from schemas import topics
from services.intake import commands
from services.intake.erasure import Erasure, Retention
from services.intake.looks import Looks
from tests.integration.conftest import MakeSystem
from tests.integration.test_intake_http import PDF, form, token
from tests.support.outside_world import GOOD, SENDER, until
from tests.support.system import START, System, make_settings

# Of somebody else, who writes his number with points.
WHO = {"name": "Le Thi Dau", "address": "Ngo 77 duong Dau", "phone": "0912.345.678", "email": "Dau@example.org"}
SAID = {"title": "Cay do truoc nha", "content": "Toi o nha so 12", "place": {"description": "Ngo 4 phuong Mau"}}
TEXTS = ("Cay do truoc nha", "Toi o nha so 12", "Ngo 4 phuong Mau", "don-cua-toi.pdf", "So dien thoai 0911")


async def found(system: System, service: str, texts: tuple[str, ...]) -> list[str]:
    """Which of these texts stand anywhere in a service's database."""
    there = repr(await system.snapshot(service))
    return [text for text in texts if text in there]


async def tombstones(system: System, topic: str, feedback_id: str) -> None:
    """Wait until the last record of a feedback in a topic has no value."""

    def last_is_one() -> bool:
        records = [record for record in system.observer.found(topic=topic) if record.key == feedback_id.encode()]
        return records[-1].value is None

    await until(last_is_one, f"a tombstone in {topic}")


async def supplemented(system: System, body: dict[str, Any], said: str) -> None:
    """Ask the sender for more, answer for him, and wait until the agency has the answer."""
    await system.post.act("gia-lai", body["feedback_id"], "request_more", question="Ở đâu?")
    await system.shows(body, "waiting_for_supplement")
    await system.senders_act(body, "supplements", {"content": said})
    await system.observer.wait("FeedbackSupplemented", topic="assignments.gia-lai", subject=body["feedback_id"])


async def test_erased_details_do_not_come_back_with_what_the_sender_does_next(make_system: MakeSystem) -> None:
    """A supplement publishes all facts of its feedback again, and the contact was once among them after its tombstone."""
    async with make_system() as system:
        await system.start("intake", "routing", "notify")
        body, personal = await system.assigned(), tuple(SENDER.values())
        await system.observer.wait("ContactRecorded", topic="contacts", subject=body["feedback_id"])
        await system.settled("notify")
        assert await found(system, "intake", personal)
        assert await found(system, "notify", personal)

        assert await commands.erase_sender(system.settings, body["code"])
        assert await commands.erase_sender(system.settings, body["code"]), "it may be repeated"
        assert not await commands.erase_sender(system.settings, "PAKN.20260302.9999"), "nobody has this code"

        await supplemented(system, body, "Trước trường học")
        await tombstones(system, topics.CONTACTS, body["feedback_id"])
        await system.settled()

        assert await found(system, "intake", personal) == []
        assert await found(system, "notify", (*personal, GOOD["title"])) == []
        assert await found(system, "routing", (GOOD["title"], "Trước trường học")), "the matter stays"
        await tombstones(system, topics.CONTACTS, body["feedback_id"])
        await system.letters_settled()


async def test_an_erased_matter_is_in_no_database_and_its_case_goes_on(make_system: MakeSystem) -> None:
    async with make_system() as system:
        await system.start("intake", "routing", "notify")
        answer = await system.http.post("/v1/feedback", **form(GOOD | SAID, ("don-cua-toi.pdf", PDF)))
        body = answer.json()
        await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=body["feedback_id"])
        await supplemented(system, body, "So dien thoai 0911")
        await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=body["feedback_id"], count=2)
        await system.settled()
        assert await found(system, "routing", TEXTS) == await found(system, "intake", TEXTS) == list(TEXTS)

        assert await commands.erase_sender(system.settings, body["code"], matter=True)
        await tombstones(system, topics.MATTERS, body["feedback_id"])
        await system.settled()
        for service in ("intake", "routing", "notify"):
            assert await found(system, service, TEXTS) == []
        assert not await system.documents("intake")["fs.chunks"].find({}).to_list(None)

        await system.post.act("gia-lai", body["feedback_id"], "transfer", to_agency="da-nang", reason="Thuộc Đà Nẵng")
        await system.observer.wait("FeedbackAssigned", topic="assignments.da-nang", subject=body["feedback_id"])
        await system.post.act("da-nang", body["feedback_id"], "request_more", question="Ở đâu?")
        await system.shows(body, "waiting_for_supplement")
        secret = {"X-Lookup-Secret": body["lookup_secret"]}
        again = await system.http.post(f"/v1/feedback/{body['code']}/supplements", json={"content": "Km 5"}, headers=secret)
        assert (again.status_code, "erased" in again.json()["detail"]) == (409, True)
        await system.settled()
        assert not system.observer.found("MatterForwarded", topic="assignments.da-nang")


def on_disk(folder: Path, topic: str) -> bytes:
    """All files of a topic's partitions, in whatever state Kafka keeps them."""
    held = b""
    for path in folder.glob(f"servers/**/{topic}/*"):
        with contextlib.suppress(FileNotFoundError):  # Kafka removes files at any moment.
            held += path.read_bytes()
    return held


def on_disk_at_all(folder: Path, namespace: str) -> set[str]:
    """The topics of a namespace that have files."""
    found = [path.name for path in folder.glob(f"servers/**/{namespace}.*-*") if path.is_dir()]
    return {name.removeprefix(f"{namespace}.").rpartition("-")[0] for name in found}


async def test_kafka_has_no_byte_of_what_was_erased_though_nobody_writes_to_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A tombstone in an idle partition erased nothing: the segment that it stands in was never compacted.

    All is searched: every collection of every service, every file of every topic, and what the services logged. What agencies
    have been handed stays in their own topics for 90 days; `pakn erase` says so.
    """
    monkeypatch.setitem(kafka_process.SETTINGS, "log.cleaner.backoff.ms", "500")
    monkeypatch.setitem(kafka_process.SETTINGS, "log.segment.delete.delay.ms", "0")
    with Servers.start(tmp_path / "servers", fresh=True, environment={}) as servers:
        kafka = servers.kafka(partitions=2, session_seconds=3, erased_seconds=2)
        async with System(make_settings(servers, "erased", tmp_path / "clock", kafka=kafka)) as system:
            await system.start("intake", "routing", "notify")
            sent = form(GOOD | SAID | {"sender": WHO}, ("don-cua-toi.pdf", PDF))
            body = (await system.http.post("/v1/feedback", **sent)).json()
            other = await system.assigned(title="Bleibt", content="Bleibt auch")
            await system.observer.wait("MatterForwarded", topic="assignments.gia-lai", subject=body["feedback_id"])
            await supplemented(system, body, "So dien thoai 0911")
            await system.settled()
            wanted = (*TEXTS, WHO["name"], WHO["address"], WHO["phone"], WHO["email"])

            def left(*names: str) -> set[str]:
                """What of these stands in any file of these topics."""
                held = b"".join(on_disk(tmp_path, f"erased.{name}-*") for name in names)
                return {text for text in wanted if text.encode() in held}

            assert left("contacts", "matters") == set(wanted), "it is there, uncompressed"
            looked = await system.http.get(f"/v1/feedback/{body['code']}/sender", headers=token("gia-lai"))
            assert looked.json()["name"] == WHO["name"]
            (row,) = await commands.find_erasable(system.settings, "", "(0912) 345-678")
            assert (row.code, row.has_details, row.has_matter, row.files) == (body["code"], True, True, 1)
            assert await commands.find_erasable(system.settings, "", "dau@EXAMPLE.org") == [row]
            assert await commands.find_erasable(system.settings, "", "au@example.org") == []
            (proof,) = await commands.erase_found(system.settings, [row], matter=True)
            assert await commands.erase_sender(system.settings, other["code"])
            await until(lambda: not left("contacts", "matters"), "Kafka has forgotten it", 60)
            assert b"Bleibt auch" in on_disk(tmp_path, "erased.matters-*"), "and nothing else"

            await system.settled()
            for collection, documents in (await system.snapshot()).items():
                assert not [text for text in wanted if text in repr(documents)], collection
            assert not await system.documents("intake")["fs.chunks"].find({}).to_list(None)
            assert {name for name in on_disk_at_all(tmp_path, "erased") if left(name)} == {"assignments.gia-lai"}
            said = capfd.readouterr()
            assert not [text for text in wanted if text in said.out + said.err]

            rows = await commands.list_looks(system.settings, body["code"])
            assert rows is not None
            assert [row["what"] for row in rows if "what" in row] == ["erasure", "search", "search", "details"]
            assert rows[-1]["proof"] == proof.hash
            assert not [text for text in wanted if text in repr(rows)]


async def test_details_are_erased_some_days_after_the_end_of_a_case_where_the_setting_says_so(make_system: MakeSystem) -> None:
    async with make_system() as system:
        await system.start("intake", "routing", "notify")
        ended, running = await system.assigned(), await system.assigned()
        await system.post.act("gia-lai", ended["feedback_id"], "refuse", reason="Trùng")
        await system.shows(ended, "not_accepted")
        await system.settled()

        async def details(body: dict[str, Any]) -> dict[str, Any]:
            row = await system.documents("intake")["feedbacks"].find_one({"_id": body["feedback_id"]})
            found: dict[str, Any] = row["sender"]
            return found

        time = make_legal_time(system.settings.legal_time.file)
        database = system.documents("intake")
        erasing = Erasure(database, Looks(database, time, 0), time)
        system.set_clock(START + timedelta(days=29))
        await Retention(erasing, time, 30).tick()
        system.set_clock(START + timedelta(days=31))
        await Retention(erasing, time, 0).tick()
        assert await details(ended) == await details(running) == SENDER
        await Retention(erasing, time, 30).tick()
        assert (await details(ended), await details(running)) == ({}, SENDER)
        assert (await system.view(ended, secret=True))["title"] == GOOD["title"], "the matter stays"
        await tombstones(system, topics.CONTACTS, ended["feedback_id"])
        await Retention(erasing, time, 30).tick()
        assert [row["by"] for row in await erasing.proofs(ended["feedback_id"])] == ["retention"], "once"
        assert [row.by for row in (await Looks(database, time, 0).of(ended["feedback_id"]))[0]] == ["system"]
