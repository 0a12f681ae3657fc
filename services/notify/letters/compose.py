"""Composes a letter or a text message: the values that a template sees, the rendered texts, the headers.

Templates belong to a pack, so they run in a sandbox that fails on an unknown name. What citizens and agencies wrote is only
ever a value: it is escaped in HTML and put on one line in headers.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from typing import Any, get_args
from zoneinfo import ZoneInfo

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AwareDatetime, BaseModel

import schemas
from pakn import links
from pakn.packs.load import Pack
from schemas.addresses import mail_address
from schemas.states import STATE_AFTER
from services.notify.domain import Case, Contact, Letter
from services.notify.letters import message

# What an event says that is not a person's words. Of a bare letter's event the other texts are empty.
_IMPERSONAL = frozenset({"code", "category", "agency", "previous_agency", "rule", "routing_rule", "rule_set"})
_BLANK_LINES = re.compile(r"\n{3,}")


class CannotCompose(Exception):
    """The letter cannot be composed, at any repetition. The text has nothing that the sender wrote."""


def template_version(pack: Pack) -> str:
    """The pack's version of its letters with a fingerprint, so that templates changed without a new version differ."""
    digest = hashlib.sha256()
    for name in sorted(pack.templates):
        digest.update(f"{name}\0{pack.templates[name]}\0".encode())
    return f"{pack.letters.version}+{digest.hexdigest()[:8]}"


def message_id(letter_id: str, token: str, sender: str) -> str:
    """The Message-ID of a letter, the same at every attempt, so that a person can look for it in a mailbox.

    The id can be told from a case's facts. Nobody knows the `token` who has not read the letter, so a bounce that names it is one.
    """
    return f"<{letter_id}.{token}@{sender_domain(sender)}>"


def sender_domain(sender: str) -> str:
    """The domain of a From address, which is that of all Message-IDs."""
    return parseaddr(sender)[1].rpartition("@")[2]


class Composer:
    """Composes messages from a pack's templates, and from older versions of them that letters keep to."""

    def __init__(self, pack: Pack, sender: str, public_url: str) -> None:
        """`sender` is the From address; `public_url` is where senders look up their feedback. Raises ValueError on a bad sender."""
        self._pack = pack
        self._zone = ZoneInfo(pack.header.timezone)
        name, address = parseaddr(sender)
        self._from = Address(display_name=name, addr_spec=address)
        self._sender, self._domain = sender, sender_domain(sender)
        self._public_url = public_url
        self.version = template_version(pack)
        self._environments = {self.version: _environment(pack.templates)}

    def knows(self, version: str) -> bool:
        """Whether the templates of this version are loaded."""
        return version in self._environments

    def learn(self, version: str, templates: Mapping[str, str]) -> None:
        """Load the templates of an older version."""
        self._environments[version] = _environment(templates)

    def compose(self, letter: Letter, case: Case, now: datetime) -> tuple[str, bytes]:
        """The address and the bytes of the message; `now` is the machine's time. Raises CannotCompose with the reason."""
        contact = case.contact
        if contact is None or not contact.email:
            raise CannotCompose("no email address")
        language = self._language(contact)
        to = _address(contact if contact.email_confirmed else replace(contact, name=None))
        try:
            subject, text, html = self._render(letter, language, self.view(letter, case, language))
            return to.addr_spec, self._message(letter, to, language, subject, text, html, now)
        except Exception as error:  # A pack's template may raise any error, the same one each time.
            raise CannotCompose(f"{letter.moment}.{language}: {type(error).__name__}") from error

    def text(self, letter: Letter, case: Case) -> str:
        """A text message on one line, with no word that a person wrote. Raises CannotCompose with the reason."""
        if case.contact is None:
            raise CannotCompose("no mobile number")
        language = self._language(case.contact)
        try:
            template = self._environments[letter.template_version].get_template(f"{letter.moment}.{language}.sms.txt.j2")
            return _one_line(template.render(self.view(letter, case, language)))
        except Exception as error:  # As for letters.
            raise CannotCompose(f"{letter.moment}.{language}.sms: {type(error).__name__}") from error

    def _language(self, contact: Contact) -> str:
        header = self._pack.header
        return contact.language if contact.language in header.languages else header.default_language

    def view(self, letter: Letter, case: Case, language: str) -> dict[str, Any]:
        """All values that a template sees, as `packs/vn/letters.yaml` lists them. Times are local.

        To an address that nobody has confirmed they hold no words that the sender or an officer wrote. Nobody confirms a number,
        and who reads a text message does not confirm the mail address.
        """
        model = schemas.CATALOGUE[letter.event_type]
        event = {name: self._local(value) for name, value in _typed(model, letter.event).items()}
        contact = case.contact
        by_mail = letter.channel == "email"
        bare = contact is None or not contact.email_confirmed or not by_mail
        if bare:
            event = _without_words(event)
        token = contact.email_confirmation_token if contact and bare and by_mail else None
        category = event.get("category") or case.category
        category_name = next((row.name[language] for row in self._pack.categories if row.id == category), category)
        agency = letter.agency or case.agency
        agency_name = next((row.letter_name for row in self._pack.agencies if row.id == agency), agency)
        link = links.page(self._public_url, letter.code, contact.lookup_secret if contact else None)
        return {
            "feedback": {
                "code": letter.code,
                "title": contact.title or "" if contact and not bare else "",
                "category_name": category_name,
                "submitted_at": event.get("submitted_at") or self._local(case.submitted_at),
                "state": STATE_AFTER.get(model.event_name()),
            },
            "sender": {"name": contact.name or "" if contact and not bare else ""},
            "agency": {"id": agency, "name": agency_name} if agency else None,
            "event": event,
            "links": {
                "lookup": link,
                "confirm": links.confirmation(self._public_url, letter.code, token) if token else None,
            },
            "deadline": self._deadline(letter, case, language),
        }

    def _deadline(self, letter: Letter, case: Case, language: str) -> dict[str, Any] | None:
        deadline = case.deadline
        # When a letter goes out, another agency may have the case, with a due date of its own.
        if deadline is None or letter.agency not in (None, deadline.agency):
            return None
        rule_name, article = deadline.rule, deadline.article
        for rule_set in self._pack.rule_sets:
            for name, rule in rule_set.rules.items():
                if (rule_set.id, name) == (deadline.rule_set, deadline.rule):
                    rule_name, article = rule.name[language], rule.article[language]
        return {
            "due_date": deadline.due_date,
            "rule_name": rule_name,
            "article": article,
            "verified": deadline.verified,
            "count": deadline.count.model_dump(),
        }

    def _local(self, value: Any) -> Any:
        return value.astimezone(self._zone) if isinstance(value, datetime) else value

    def _render(self, letter: Letter, language: str, view: Mapping[str, Any]) -> tuple[str, str, str]:
        environment = self._environments[letter.template_version]
        subject, text, html = (
            environment.get_template(f"{letter.moment}.{language}.{part}.j2").render(view)
            for part in ("subject.txt", "txt", "html")
        )
        return _one_line(subject), _BLANK_LINES.sub("\n\n", text).strip() + "\n", html

    def _message(self, letter: Letter, to: Address, language: str, subject: str, text: str, html: str, now: datetime) -> bytes:
        headers = (
            message.address_header("From", self._from),
            message.address_header("To", to),
            message.text_header("Subject", subject),
            message.token_header("Date", format_datetime(now)),
            message.token_header("Message-ID", message_id(letter.id, letter.token, self._sender)),
            # A mailbox shows the letters of one feedback together.
            message.token_header("References", f"<{letter.feedback_id}@{self._domain}>"),
            # RFC 3834: answering machines do not answer an automatic message. It is no list, so it has no List headers.
            message.token_header("Auto-Submitted", "auto-generated"),
            message.token_header("X-Auto-Response-Suppress", "All"),
            message.token_header("Content-Language", language),
            message.token_header("X-PAKN-Code", letter.code),
            message.token_header("X-PAKN-Moment", letter.moment),
        )
        return message.build(headers, letter.id, text, html)


def _environment(templates: Mapping[str, str]) -> jinja2.Environment:
    return ImmutableSandboxedEnvironment(
        loader=jinja2.DictLoader(dict(templates)),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
    )


def _one_line(text: str) -> str:
    """`text` on one line, without characters that a mail header must not have."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _address(contact: Contact) -> Address:
    """The recipient. Raises CannotCompose for an address that intake would refuse: recorded ones may be older than its rules."""
    try:
        return Address(display_name=_one_line(contact.name or ""), addr_spec=mail_address(contact.email or ""))
    except ValueError:
        raise CannotCompose("no letter can go to the address") from None


def _without_words(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with empty texts. Where no agency refused, intake has: it gives the pack's own text, which stays."""
    kept = _IMPERSONAL | ({"reason", "right_channel"} if event.get("agency", "") is None else set())
    impersonal = (bool, int, date)
    return {name: value if name in kept or isinstance(value, impersonal) else "" for name, value in event.items()}


def _typed(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """The kept fields of an event, with times and dates as such, so that templates can format them."""
    typed = dict(data)
    for name, field in model.model_fields.items():
        value = typed.get(name)
        kinds = (field.annotation, *get_args(field.annotation))
        if isinstance(value, str) and AwareDatetime in kinds:
            typed[name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and date in kinds:
            typed[name] = date.fromisoformat(value)
    return typed
