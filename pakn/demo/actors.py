"""The people of the demo: who sends a request, and the officers who act on it, each at the time that the data say.

One coroutine a request: submit it, then take its steps in order, each after the former one has shown its effect.
"""

import asyncio
import base64
import json
import uuid
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from pakn.demo.files import bytes_of
from pakn.demo.mailbox import Mailbox
from pakn.demo.observer import Observer
from pakn.demo.patience import TRIES, TRY_AGAIN_SECONDS, Patience
from pakn.demo.requests import SENDER_STEPS, Act, DemoRequest
from pakn.demo.timekeeper import Timekeeper
from pakn.demo.visitors import Visitor
from pakn.engine.kafka import MAX_RECORD_BYTES, topic_name
from pakn.engine.kafka_login import client_options
from pakn.settings import Settings
from schemas import derived_id
from schemas.envelope import binary_headers

# What shows that a step has taken effect. Agencies wait for what reaches their own topics.
_EFFECT = {
    "accept": "FeedbackAccepted",
    "refuse": "FeedbackNotAccepted",
    "return": "agency:FeedbackAssigned",
    "transfer": "agency:FeedbackAssigned",
    "request_more": "MoreRequested",
    "supplement": "agency:FeedbackSupplemented",
    "reply": "FeedbackReplied",
    "send_back": "agency:ReplySentBack",
    "publish": "ReplyPublished",
    "rate": "FeedbackRated",
}
# The check of a reply is another person's.
_OFFICER = {"publish": "officer-2", "send_back": "officer-2"}
Answer = dict[str, Any]


class Actors:
    """Plays requests. `outcomes` has what each was answered: a code, or why it was refused."""

    def __init__(
        self, settings: Settings, intake_url: str, language: str, observer: Observer, timekeeper: Timekeeper, mailbox: Mailbox
    ) -> None:
        """`language` is what the senders read."""
        self._settings = settings
        self._language = language
        self._intake_url = intake_url
        self._observer = observer
        self._timekeeper = timekeeper
        self._mailbox = mailbox
        self._transport = Patience(httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=64)))
        self._http = httpx.AsyncClient(base_url=intake_url, timeout=30, transport=self._transport)
        self._visitors: dict[str, Visitor] = {}
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_request_size=MAX_RECORD_BYTES, **client_options(settings.kafka)
        )
        self._at_once = asyncio.Semaphore(64)
        self.outcomes: dict[str, Answer] = {}

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()
        await self._http.aclose()

    async def play(self, request: DemoRequest) -> None:
        """One request from its submission to its last step."""
        await self._timekeeper.until(request.submitted_at)
        try:
            outcome = self.outcomes[request.source] = await self._submit(request)
            for step in request.steps if outcome.get("accepted") else ():
                self._timekeeper.done()
                await self._timekeeper.until(step.at)
                await self._act(request, outcome, step)
        finally:
            self._timekeeper.done()

    async def _submit(self, request: DemoRequest) -> Answer:
        ways = {"pages": self._submit_by_pages, "json": self._submit_by_json, "kafka": self._submit_by_kafka}
        async with self._at_once:
            outcome = await ways[request.door](request)
        if outcome.get("accepted"):
            feedback_id = outcome["feedback_id"]
            await self._observer.wait_for(
                feedback_id, f"the assignment of {outcome['code']}", lambda: feedback_id in self._observer.assigned_to
            )
        return outcome

    async def _submit_by_pages(self, request: DemoRequest) -> Answer:
        visitor = Visitor(self._transport, self._intake_url, self._language, self._observer, self._mailbox)
        self._visitors[request.source] = visitor
        return await visitor.send(request)

    async def _submit_by_json(self, request: DemoRequest) -> Answer:
        headers = {"Idempotency-Key": derived_id("demo", request.source), "X-Channel": "api"}
        form: dict[str, Any] = {"json": request.body}
        if request.files:
            files = [("attachments", (name, bytes_of(kind))) for name, kind in request.files]
            form = {"data": {"feedback": json.dumps(request.body, ensure_ascii=False)}, "files": files}
        response = await self._try("/v1/feedback", headers, form)
        body: Answer = response.json()
        return body | {"channel": "api"} if response.is_success else {"faults": body.get("errors") or [body.get("detail")]}

    async def _submit_by_kafka(self, request: DemoRequest) -> Answer:
        portal = request.portal
        files = [(name, base64.b64encode(bytes_of(kind)).decode()) for name, kind in request.files]
        attachments = [{"name": name, "content_base64": content} for name, content in files]
        body = dict(request.body) | {"reference": request.source} | ({"attachments": attachments} if files else {})
        await self._post(f"inbox.{portal}", f"demo-{request.source}", "PortalSubmission", f"/{portal}", request.source, body)
        await self._observer.wait_for(
            request.source, f"the answer to {request.source}", lambda: request.source in self._observer.answers
        )
        return self._observer.answers[request.source] | {"channel": "portal"}

    async def _act(self, request: DemoRequest, outcome: Answer, step: Act) -> None:
        feedback_id = outcome["feedback_id"]
        before = len(self._observer.seen[feedback_id])
        if step.action in SENDER_STEPS and (visitor := self._visitors.get(request.source)):
            await visitor.act(step)
        elif step.action in SENDER_STEPS:
            await self._act_as_sender(request, outcome, step)
        else:
            agency = self._observer.assigned_to[feedback_id]
            officer = _OFFICER.get(step.action, "officer-1")
            body = {"action": step.action, "feedback_id": feedback_id, "actor": officer, **step.values}
            await self._post(f"actions.{agency}", str(uuid.uuid4()), "AgencyAction", f"/{agency}", feedback_id, body)
        effect = _EFFECT[step.action]

        def shown() -> bool:
            new = self._observer.seen[feedback_id][before:]
            return any(name in (effect, "agency:ActionRefused") for name, _ in new)

        await self._observer.wait_for(feedback_id, f"{effect} of {outcome['code']}", shown)
        if step.action == "publish" and (visitor := self._visitors.get(request.source)):
            await visitor.read(next(act.values["reply"] for act in reversed(request.steps) if act.action == "reply"))

    async def _act_as_sender(self, request: DemoRequest, outcome: Answer, step: Act) -> None:
        code = outcome["code"]
        secret = outcome.get("lookup_secret") or await self._secret_by_letter(code)
        key = derived_id("demo", f"{request.source}-{step.action}-{step.at.isoformat()}")
        headers = {"Idempotency-Key": key, "X-Lookup-Secret": secret}
        # What is shown follows what is decided by a moment, so "not asked for yet" is tried again.
        response = await self._try(f"/v1/feedback/{code}/{SENDER_STEPS[step.action]}", headers, {"json": dict(step.values)}, 409)
        if not response.is_success:
            raise RuntimeError(f"{step.action} of {code} was refused: {response.text}")

    async def _secret_by_letter(self, code: str) -> str:
        """Who came by a portal has the secret from the first letter, which may still be under way."""
        for _ in range(TRIES):
            if secret := self._mailbox.secrets.get(code):
                return secret
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise TimeoutError(f"no letter about {code} arrived in {TRIES * TRY_AGAIN_SECONDS:.0f} s; see the log of notify")

    async def _try(self, path: str, headers: dict[str, str], form: dict[str, Any], *again_on: int) -> httpx.Response:
        """Send until it is answered with another status than `again_on`; the key keeps a repetition from counting."""
        for _ in range(TRIES):
            response = await self._http.post(path, headers=headers, **form)
            if response.status_code not in again_on:
                return response
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise TimeoutError(f"POST {path} was not possible in {TRIES * TRY_AGAIN_SECONDS:.0f} s; see the log of intake")

    async def _post(self, topic: str, id: str, name: str, source: str, key: str, body: dict[str, Any]) -> None:
        headers = binary_headers(id=id, type=f"pakn.{name}.v1", source=source, time=self._timekeeper.now())
        await self._producer.send_and_wait(
            topic_name(self._settings.namespace, topic),
            json.dumps(body, ensure_ascii=False).encode(),
            key=key.encode(),
            headers=[(header, value.encode()) for header, value in headers.items()],
        )
