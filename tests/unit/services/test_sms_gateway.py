"""The request to an SMS gateway and the meaning of its answers are data: what cannot work is said at start."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from pakn.gateways import Gateway, SmsSettings
from pakn.settings import SettingsError, read_settings
from services.notify.channels.channel import Attempt, Message
from services.notify.channels.sms import Sms
from services.notify.domain import Contact
from services.notify.letters.compose import CannotCompose
from tests.support.certificates import needs_certificate, trusted_certificate
from tests.support.letters import NOW, case, composer_of, letter
from tests.support.sms_world import BODY, TEXTS, SmsGateway, gateway_settings

TEXT = 'Đề nghị: "bổ sung" & <2> \\ 50% + ?#=;'
VALUES: dict[str, Any] = {
    "to": "+84912345678", "national": "0912345678", "text": TEXT, "id": "i-1", "parts": 2, "unicode": True
}  # fmt: skip
FORM = '{"Content-Type": "application/x-www-form-urlencoded", "X-Key": "k"}'
XML = '{"content-type": "text/xml; charset=utf-8"}'


def gateway(**settings: Any) -> Gateway:
    found = SmsSettings(url="https://sms.example/send", **settings).gateway
    assert found
    return found


def test_a_gateway_may_want_json_a_form_an_address_or_xml() -> None:
    body = '{"u": {{ unicode | tojson }}, "n": {{ parts }}, "m": {"to": {{ to[1:] | tojson }}, "t": {{ text | tojson }}}}'
    asked = gateway(body=body)
    request = asked.request(VALUES)
    assert (request.method, request.url) == ("POST", "https://sms.example/send")
    assert request.headers == {"Content-Type": "application/json; charset=utf-8"}
    assert json.loads(request.body or b"") == {"u": True, "n": 2, "m": {"to": "84912345678", "t": TEXT}}
    form = gateway(headers=FORM, body="phone={{ national }}&msg={{ text | urlencode }}&ref={{ id }}").request(VALUES)
    assert form.headers["X-Key"] == "k"
    assert parse_qs((form.body or b"").decode()) == {"phone": ["0912345678"], "msg": [TEXT], "ref": ["i-1"]}
    address = "https://sms.example/send?to={{ to | urlencode }}&text={{ text | urlencode }}"
    found = SmsSettings(url=address, method="GET").gateway
    assert found
    request = found.request(VALUES)
    assert (request.method, request.body) == ("GET", None)
    assert parse_qs(urlsplit(request.url).query) == {"to": ["+84912345678"], "text": [TEXT]}
    document = gateway(headers=XML, body='<r to="{{ to }}"><t>{{ text | e }}</t></r>').request(VALUES)
    root = ElementTree.fromstring((document.body or b"").decode())
    assert (root.get("to"), root.findtext("t")) == ("+84912345678", TEXT)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"body": '{"to": "{{ to }}", "text": "{{ text }}"}'}, "does not become a document of its Content-Type"),
        ({"headers": FORM, "body": "to={{ to | urlencode }}&text={{ text }}"}, "does not reach the gateway as it was written"),
        ({"headers": XML, "body": "<r><n>{{ to }}</n><t>{{ text }}</t></r>"}, "does not become a document"),
        ({"body": '{"to": {{ to | tojson }}}'}, "does not reach the gateway as it was written"),
        ({"body": '{"text": {{ text | tojson }}}'}, "has the number"),
        ({"body": ""}, "does not reach the gateway"),
        ({"body": '{"text": {{ txt | tojson }}}'}, "is no template of to, national, text, id, parts, unicode: TypeError"),
        ({"body": '{"text": {{ text'}, "TemplateSyntaxError"),
        ({"body": BODY, "headers": "Authorization: x"}, "must be a JSON object"),
        ({"body": BODY, "headers": '{"X-Key": "a\\nb"}'}, "printable ASCII"),
        ({"body": BODY, "headers": '{"X Key": "a"}'}, "printable ASCII"),
        ({"body": BODY, "accepted": "(200"}, "is no regular expression"),
        ({"body": BODY, "accepted": ""}, "ACCEPTED is empty"),
        ({"body": BODY, "parts_per_day": 3}, "PARTS_PER_DAY is less than PARTS_MAX"),
        ({"body": BODY, "url": "sms.example/send"}, "must be the address"),
        ({"body": BODY, "url": "https://{{ id }}.example/"}, "must be the address"),
        ({"body": BODY, "url": "http://sms.example/send"}, "in clear: use https://"),
        ({"body": BODY, "url": "http://10.0.0.8/send"}, "in clear: use https://"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_to_write(settings: dict[str, Any], what: str) -> None:
    """A forgotten filter would show at the first text with a quote in it, which the gateway refuses or cuts."""
    with pytest.raises(ValidationError, match=what):
        SmsSettings(**{"url": "https://sms.example/send"} | settings)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/send", "http://localhost/send", "http://[::1]:1/send", ""])
def test_this_machine_may_be_asked_in_clear_and_nobody_need_be_asked(url: str) -> None:
    assert (SmsSettings(url=url, body=BODY).gateway is None) == (url == "")


def test_a_fault_names_the_variable_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAKN_SMS__URL", "http://sms.example/send?key=s3cret")
    monkeypatch.setenv("PAKN_SMS__HEADERS", '{"Authorization": "s3cret\\n"}')
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["PAKN_SMS__URL", "PAKN_SMS__HEADERS"]
    monkeypatch.setenv("PAKN_SMS__URL", "https://sms.example/send?key=s3cret")
    monkeypatch.setenv("PAKN_SMS__HEADERS", '{"Authorization": "s3cret"}')
    monkeypatch.setenv("PAKN_SMS__BODY", BODY)
    assert "s3cret" not in str(caught.value) + repr(read_settings())


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, "", ("sent", "200")),
        (202, "queued", ("sent", "202")),
        (301, "", ("failed", "301")),
        (401, "", ("failed", "401")),
        (408, "", ("retry", "408")),
        (429, "", ("retry", "429")),
        (503, "", ("retry", "503")),
        (500, "", ("uncertain", "500")),
        (502, "200 OK", ("uncertain", "502")),
        (504, "", ("uncertain", "504")),
    ],
)
def test_without_settings_the_status_tells_and_what_may_have_gone_on_is_uncertain(
    status: int, body: str, meaning: tuple[str, str]
) -> None:
    assert gateway(body=BODY).meaning(status, body) == meaning


def test_an_answer_is_told_by_its_body_where_the_settings_say_so() -> None:
    """Many gateways answer 200 to everything, and say in a code what they mean."""
    refused = '"CodeResult": *"(?P<code>[0-9]+)"'
    accepted = '"CodeResult": *"100"'
    asked = gateway(body=BODY, retry='"CodeResult": *"(?P<code>102)"', refused=refused.replace("[", "(?!100)["), accepted=accepted)
    assert asked.meaning(200, '{"CodeResult":"102"}') == ("retry", "200 102")
    assert asked.meaning(200, '{"CodeResult": "99"}') == ("failed", "200 99")
    assert asked.meaning(200, '{"CodeResult": "84912345678"}') == ("failed", "200"), "a number may stand where a code is wanted"
    assert asked.meaning(200, '{"CodeResult": "100"}') == ("sent", "200")
    assert asked.meaning(200, "{}") == ("uncertain", "200")
    assert gateway(body=BODY, refused="", retry="").meaning(404, "") == ("uncertain", "404")


async def hand_over(settings: SmsSettings, limit_seconds: float = 10) -> Attempt:
    asked = settings.gateway
    assert asked
    channel = Sms(composer_of(TEXTS), settings, asked, "VN", limit_seconds)
    try:
        return await channel.hand_over(Message("i-1", "+84912345678", TEXT.encode(), 2))
    finally:
        await channel.close()


@needs_certificate
@pytest.mark.parametrize(("host", "result"), [("localhost", "sent"), ("127.0.0.1", "unreachable")])
async def test_a_gateway_that_cannot_prove_its_name_gets_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, result: str
) -> None:
    server = SmsGateway()
    async with server.listening(ssl=trusted_certificate(tmp_path, monkeypatch)) as port:
        attempt = await hand_over(gateway_settings(port, host, "https"))
        assert attempt.result == result
    assert len(server.texts) == (result == "sent")


@needs_certificate
async def test_a_gateway_of_an_unknown_authority_gets_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, certificate = SmsGateway(), trusted_certificate(tmp_path, monkeypatch)
    monkeypatch.delenv("SSL_CERT_FILE")
    async with server.listening(ssl=certificate) as port:
        assert (await hand_over(gateway_settings(port, "localhost", "https"))).result == "unreachable"
    assert server.texts == []


@pytest.mark.parametrize(
    ("sends", "reason"),
    [(b"", "answer: TimeoutError"), (b"HTTP/1.1 200 OK\r\n\r\n", "answer: TimeoutError"),
     (b"SMTP\r\n\r\n", "answer: RemoteProtocolError"),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "answer: TimeoutError")],
)  # fmt: skip
async def test_an_answer_that_does_not_end_in_time_or_is_none_leaves_the_text_uncertain(sends: bytes, reason: str) -> None:
    # A connection that nobody holds is closed by newer Pythons.
    held: list[asyncio.StreamWriter] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        writer.write(sends)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        began = time.monotonic()
        attempt = await hand_over(gateway_settings(server.sockets[0].getsockname()[1]), limit_seconds=0.5)
        assert (attempt, time.monotonic() - began < 5) == (Attempt("uncertain", reason), True)
        for writer in held:
            writer.close()


async def test_of_an_endless_answer_a_bounded_part_is_read() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"code": "100"}')
        while not writer.is_closing():
            writer.write(b" " * 65536)
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        assert await hand_over(gateway_settings(server.sockets[0].getsockname()[1])) == Attempt("sent")


async def test_a_connection_that_never_comes_about_leaves_the_text_unsent() -> None:
    """A server that takes connections and never speaks TLS once could not be told from one that had taken the text."""

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    settings = gateway_settings(server.sockets[0].getsockname()[1], "localhost", "https")
    assert await hand_over(settings, limit_seconds=0.3) == Attempt("unreachable", "connect: TimeoutError")
    server.close()


def test_a_template_that_fails_for_one_text_fails_that_text_and_makes_no_other_wait() -> None:
    """It once counted as a gateway that is away, which makes all texts wait."""
    settings = gateway_settings(1, body=BODY + "{% if not id.endswith('d5f0dd3f5') %}{{ nothing }}{% endif %}")
    assert settings.gateway
    composer = composer_of(TEXTS)
    sms = Sms(composer, settings, settings.gateway, "VN", 10)
    known = case(TEXTS, "vi", contact=Contact("A", None, "vi", "secret", phone="0912345678"))
    written = replace(letter(TEXTS, "received"), channel="sms")
    assert sms.compose(written, known, NOW).recipient == "+84912345678"
    with pytest.raises(CannotCompose, match="request: UndefinedError"):
        sms.compose(replace(written, id="another"), known, NOW)
