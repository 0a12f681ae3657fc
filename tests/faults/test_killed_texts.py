"""Notify is killed while text messages are being handed over: none goes out twice, and none is lost in silence."""

import asyncio
import shutil
from pathlib import Path

from pakn.local.launcher import Servers
from tests.support import packs
from tests.support.deployment import deployed
from tests.support.outside_world import until_empty
from tests.support.sms_world import BODY, SmsGateway

FEEDBACKS = 60


def pack_with_texts(folder: Path) -> Path:
    """A copy of the tests' pack that sends a text message with the receipt."""
    copy = Path(shutil.copytree(packs.FOLDER, folder / "pack"))
    letters = copy / "letters.yaml"
    text = letters.read_text(encoding="utf-8")
    changed = text.replace("event: FeedbackSubmitted", "event: FeedbackSubmitted, channels: [email, sms]")
    letters.write_text(changed.replace("moments:", "phone_region: VN\nmoments:"), encoding="utf-8")
    for language in packs.VN.header.languages:
        (copy / f"letters/received.{language}.sms.txt.j2").write_text("{{ feedback.code }}: {{ links.lookup }}")
    return copy


async def test_killed_between_mark_and_answer_no_text_goes_twice(servers: Servers, tmp_path: Path) -> None:
    gateway, in_hand, go_on = SmsGateway(), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        if len(gateway.texts) > 20:
            in_hand.set()
            await go_on.wait()

    gateway.before = wait
    settings = {"BODY": BODY, "TEXTS_PER_NUMBER": "0", "TIMEOUT_SECONDS": "60"}
    more = {f"PAKN_SMS__{name}": value for name, value in settings.items()}
    async with (
        gateway.listening() as port,
        deployed(
            servers,
            tmp_path,
            PAKN_PACK=str(pack_with_texts(tmp_path)),
            PAKN_SMS__URL=f"http://127.0.0.1:{port}/send",
            # Longer than the test takes to kill: the answers are lost with the process and not with the lease.
            PAKN_NOTIFY__LEASE_SECONDS="12",
            **more,
        ) as deployment,
    ):
        await deployment.submit_many(FEEDBACKS)
        async with asyncio.timeout(60):
            await in_hand.wait()
        lost = {text["id"] for text in gateway.texts[20:]}
        deployment.kill("notify")
        await asyncio.wait_for(deployment.all_ready(), 60)
        go_on.set()
        letters = deployment.documents("notify")["letters"]

        async def unsettled() -> list[str]:
            rows = await letters.find({}).to_list(None)
            waiting = [row["state"] for row in rows if row["state"] in ("queued", "sending") or row["announce"]]
            return waiting if len(rows) == 3 * FEEDBACKS else [*waiting, "more to come"]

        await until_empty(unsettled, "all letters are settled", 120, deployment.status)
        texts = {row["_id"]: row["state"] for row in await letters.find({"channel": "sms"}).to_list(None)}
    assert len(texts) == FEEDBACKS
    assert len(gateway.ids()) == len(set(gateway.ids())), "each at most once"
    assert set(texts.values()) == {"sent", "uncertain"}
    uncertain = {id for id, state in texts.items() if state == "uncertain"}
    assert lost <= uncertain, "what was handed over and not answered is for a person to settle"
    assert {id for id, state in texts.items() if state == "sent"} <= set(gateway.ids())
