"""Checks a pack across its files: references, successors, languages, letters.

Every check reads the documents rather than the models and passes over values of the wrong shape, which the models report:
so one run shows every fault of a pack.
"""

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS

from pakn.packs import law_checks
from pakn.packs.files import ANY, PackFault, PackFile, Position

_DAY = timedelta(days=1)
_LETTER_PARTS: dict[str, tuple[str, ...]] = {"email": ("subject.txt.j2", "txt.j2", "html.j2"), "sms": ("sms.txt.j2",)}
_REQUIRED_LETTERS = ("received", "not_accepted", "more_requested", "reply_published")


class Documents(NamedTuple):
    """The files of one pack; `templates` maps the file names in letters/ to their text."""

    pack: PackFile
    categories: PackFile
    agencies: PackFile
    routing: PackFile
    rules: PackFile
    calendar: PackFile
    letters: PackFile
    templates: dict[str, str]
    open311: PackFile | None = None


def cross_faults(documents: Documents) -> Iterator[PackFault]:
    """Every fault that only shows when two values are compared, in the order of the files.

    What would be compared with a file that could not be read at all is passed over: that file is the fault.
    """
    yield from _duplicates(documents)
    yield from _ids_within_ids(documents)
    yield from _unknown_references(documents)
    yield from _header_faults(documents.pack)
    yield from _untranslated(documents)
    yield from _category_faults(documents.categories)
    yield from _successor_faults(documents.agencies)
    yield from _routing_faults(documents.routing)
    yield from law_checks.rule_set_faults(documents.rules)
    yield from law_checks.limit_faults(documents.rules)
    yield from law_checks.calendar_faults(documents.calendar, documents.pack)
    yield from _phone_region_faults(documents.letters)
    yield from _template_faults(documents)


def _duplicates(documents: Documents) -> Iterator[PackFault]:
    unique = (
        (documents.pack, str, ("portals", ANY, "id")),
        (documents.pack, str, ("languages", ANY)),
        (documents.pack, str, ("provinces", ANY)),
        (documents.pack, str, ("levels", ANY, "id")),
        (documents.categories, str, ("categories", ANY, "id")),
        (documents.categories, str, ("categories", ANY, "aliases", ANY)),
        (documents.agencies, str, (ANY, "id")),
        (documents.routing, str, ("rules", ANY, "id")),
        (documents.rules, str, ("rule_sets", ANY, "id")),
        (documents.calendar, int, ("years", ANY, "year")),
        (documents.calendar, date, ("years", ANY, ANY, ANY, "date")),
        (documents.calendar, date, ("years", ANY, "working_days", ANY, "for")),
    )
    for document, kind, pattern in unique:
        first: dict[Any, Position] = {}
        for place, value in document.each(kind, *pattern):
            if value in first:
                line = document.line(first[value])
                yield document.fault(place, f"`{value}` is listed twice (first in line {line}); remove or rename one")
            first.setdefault(value, place)


def _ids_within_ids(documents: Documents) -> Iterator[PackFault]:
    """The consumer groups of a login begin with its name and a dot: those of `bo.y-te` would be those of `bo` too."""
    for document, pattern in ((documents.pack, ("portals", ANY, "id")), (documents.agencies, (ANY, "id"))):
        rows = list(document.each(str, *pattern))
        ids = {value for _, value in rows}
        for place, value in rows:
            parts = value.split(".")
            shorter = next((found for end in range(1, len(parts)) if (found := ".".join(parts[:end])) in ids), None)
            if shorter is not None:
                yield document.fault(place, f"`{value}` continues `{shorter}` with a dot; write another sign for the dot")


def _unknown_references(documents: Documents) -> Iterator[PackFault]:
    listed = {
        "agency": (documents.agencies, (ANY, "id")),
        "category": (documents.categories, ("categories", ANY, "id")),
        "level": (documents.pack, ("levels", ANY, "id")),
        "province": (documents.pack, ("provinces", ANY)),
        "language": (documents.pack, ("languages", ANY)),
        "rule set": (documents.rules, ("rule_sets", ANY, "id")),
    }
    known = {kind: {id for _, id in document.each(str, *pattern)} for kind, (document, pattern) in listed.items() if document.data}
    references = (
        ("agency", documents.pack, ("coordinator",)),
        ("agency", documents.pack, ("objections", "to")),
        ("agency", documents.pack, ("provinces", ANY)),
        ("category", documents.pack, ("portals", ANY, "open311", "other_category")),
        ("language", documents.pack, ("default_language",)),
        ("agency", documents.agencies, (ANY, "successor")),
        ("agency", documents.agencies, (ANY, "parent")),
        ("agency", documents.routing, ("rules", ANY, "assign", "agency")),
        ("agency", documents.routing, ("rules", ANY, "when", "addressed_to", ANY)),
        ("category", documents.routing, ("rules", ANY, "when", "category", ANY)),
        ("level", documents.routing, ("rules", ANY, "when", "level", ANY)),
        ("province", documents.routing, ("rules", ANY, "when", "province", ANY)),
        ("rule set", documents.rules, ("rule_sets", ANY, "copied_from")),
    )
    for kind, document, pattern in references:
        for place, id in document.each(str, *pattern):
            if id not in known.get(kind, {id}):
                yield document.fault(place, f"unknown {kind} `{id}`; correct the id or add the {kind}")
    for field, kind in (("by_category", "category"), ("by_agency", "agency")):
        for place, _ in documents.rules.each(object, "rule_sets", ANY, "rules", ANY, "limit", field, ANY):
            if (name := str(place[-1])) not in known.get(kind, {name}):
                yield documents.rules.fault(place, f"unknown {kind} `{name}` in {field}; correct the id or add the {kind}")


def _header_faults(pack: PackFile) -> Iterator[PackFault]:
    for place, name in pack.each(str, "timezone"):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield pack.fault(place, f"unknown time zone `{name}`; use a name such as Asia/Ho_Chi_Minh")
    for place, is_shown in pack.each(bool, "publish_titles"):
        if is_shown and "personal_data" not in pack.data:
            yield pack.fault(place, "titles are shown, and no `personal_data` says what to hide in them; write it, or remove this")


def _untranslated(documents: Documents) -> Iterator[PackFault]:
    languages = [language for _, language in documents.pack.each(str, "languages", ANY)]
    translated = (
        (documents.pack, ("name",)),
        (documents.pack, ("portals", ANY, "name")),
        (documents.pack, ("levels", ANY, "name")),
        (documents.categories, ("categories", ANY, "name")),
        (documents.categories, ("categories", ANY, "reason")),
        (documents.categories, ("categories", ANY, "channel")),
        (documents.categories, ("categories", ANY, "questions", ANY, "name")),
        (documents.categories, ("categories", ANY, "questions", ANY, "hint")),
        (documents.categories, ("categories", ANY, "questions", ANY, "choices", ANY, "name")),
        (documents.rules, ("rule_sets", ANY, "legal_basis")),
        (documents.rules, ("rule_sets", ANY, "rules", ANY, "name")),
        (documents.rules, ("rule_sets", ANY, "rules", ANY, "article")),
        *((documents.open311, (name,)) for name in ("contact", "key_service") if documents.open311),
    )
    for document, pattern in translated:
        for place, texts in document.each(dict, *pattern):
            for language in languages:
                if language not in texts:
                    yield document.fault(place, f"`{place[-1]}` has no text in language `{language}`; add it")


def _category_faults(categories: PackFile) -> Iterator[PackFault]:
    if categories.data and not any(category.get("accepted", True) for _, category in categories.each(dict, "categories", ANY)):
        yield categories.fault(("categories",), "no category is accepted; give at least one with accepted: true")
    for place, category in categories.each(dict, "categories", ANY):
        for field in ("reason", "channel"):
            if category.get("accepted", True) is False and field not in category:
                yield categories.fault(place, f"a category that is not accepted has no `{field}`; add it")
            if category.get("accepted", True) is True and field in category:
                what = f"`{field}` is for a category that is not accepted; remove it or set accepted: false"
                yield categories.fault((*place, field), what)
    for place, category in categories.each(dict, "categories", ANY):
        if category.get("accepted", True) is False and category.get("questions"):
            yield categories.fault((*place, "questions"), "a category that is not accepted asks nothing; remove its questions")
    for place, question in categories.each(dict, "categories", ANY, "questions", ANY):
        yield from _question_faults(categories, place, question)
    for place, questions in categories.each(list, "categories", ANY, "questions"):
        yield from _repeated(categories, place, questions)


def _question_faults(categories: PackFile, place: Position, question: dict[str, Any]) -> Iterator[PackFault]:
    kind, choices = question.get("kind", "text"), question.get("choices") or []
    if kind == "choice" and isinstance(choices, list) and len(choices) < 2:
        yield categories.fault(place, "a question of kind choice needs at least two `choices`; add them")
    if kind != "choice" and choices:
        yield categories.fault(place, f"a question of kind {kind} takes no `choices`; remove them, or set kind: choice")
    if kind != "number" and not {"least", "most"}.isdisjoint(question):
        yield categories.fault(place, "`least` and `most` are for a question of kind number; remove them")
    if isinstance(choices, list):
        yield from _repeated(categories, (*place, "choices"), choices)


def _repeated(categories: PackFile, place: Position, rows: list[Any]) -> Iterator[PackFault]:
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    for id in sorted({id for id in ids if isinstance(id, str) and ids.count(id) > 1}):
        yield categories.fault(place, f"`{id}` is listed twice; remove or rename one")


def _successor_faults(agencies: PackFile) -> Iterator[PackFault]:
    rows = {row["id"]: row for _, row in agencies.each(dict, ANY) if "id" in row}
    reported: set[str] = set()
    for place, row in agencies.each(dict, ANY):
        begins, ends, successor = row.get("valid_from"), row.get("valid_to"), row.get("successor")
        if isinstance(begins, date) and isinstance(ends, date) and ends < begins:
            yield agencies.fault(place, f"valid_to {ends} is before valid_from {begins}; correct one")
        if ends is not None and successor is None:
            yield agencies.fault(place, "the agency has ended and has no successor; name who answers for it now")
        if ends is None and successor is not None:
            yield agencies.fault(place, "a successor but no valid_to; say on which day the agency ended")
        next_begins = rows.get(successor, {}).get("valid_from")
        if isinstance(ends, date) and isinstance(next_begins, date) and next_begins > ends + _DAY:
            what = f"successor `{successor}` begins on {next_begins}, later than the day after {ends}; close the gap"
            yield agencies.fault(place, what)
        chain: list[str] = []
        id = row.get("id")
        while isinstance(id, str) and id in rows and id not in chain:
            chain.append(id)
            id = rows[id].get("successor")
        if isinstance(id, str) and id in chain and not reported & set(chain):
            reported |= set(chain)
            what = f"the successors go in a circle ({' > '.join([*chain, id])}); let one of them not have ended"
            yield agencies.fault(place, what)


def _routing_faults(routing: PackFile) -> Iterator[PackFault]:
    rules = list(routing.each(dict, "rules", ANY))
    for place, rule in rules:
        assign = rule.get("assign")
        if isinstance(assign, dict) and ("agency" in assign) == ("from" in assign):
            yield routing.fault((*place, "assign"), "`assign` needs exactly one of `agency` and `from`; keep the one that is meant")
        catches_all = not rule.get("when") and isinstance(assign, dict) and "agency" in assign
        if catches_all and place != rules[-1][0]:
            yield routing.fault(place, "this rule matches everything, so those after it are never reached; move it to the end")
        if not catches_all and place == rules[-1][0]:
            yield routing.fault(place, "the last rule must match everything; add one with no `when` and with assign: {agency: ...}")
    if routing.data and not rules:
        yield routing.fault(("rules",), "there is no rule; add at least one that matches everything")


def _phone_region_faults(letters: PackFile) -> Iterator[PackFault]:
    found = dict(letters.each(str, "phone_region"))
    for place, region in found.items():
        if region not in SUPPORTED_REGIONS:
            yield letters.fault(place, f"unknown region `{region}`; write the two letters of a country, such as VN")
    texts = [place for place, channel in letters.each(str, "moments", ANY, "channels", ANY) if channel == "sms"]
    if texts and not found:
        yield letters.fault(texts[0], "text messages are sent, but there is no `phone_region`; name the country of their numbers")


def _template_faults(documents: Documents) -> Iterator[PackFault]:
    letters = documents.letters
    if not letters.data or not documents.pack.data:
        return
    moments = {str(place[-1]): place for place, _ in letters.each(object, "moments", ANY)}
    for moment in _REQUIRED_LETTERS:
        if moment not in moments:
            yield letters.fault(("moments",), f"the moment `{moment}` is missing; senders must be told then, so add it")
    languages = [language for _, language in documents.pack.each(str, "languages", ANY)]
    expected: dict[str, Position] = {}
    for moment, place in moments.items():
        channels = [channel for _, channel in letters.each(str, *place, "channels", ANY) if channel in _LETTER_PARTS]
        parts = [part for channel in channels or ["email"] for part in _LETTER_PARTS[channel]]
        expected |= {f"{moment}.{language}.{part}": place for language, part in itertools.product(languages, parts)}
    for name, place in expected.items():
        if name not in documents.templates:
            yield letters.fault(place, f"the template letters/{name} is missing; write it")
        elif not documents.templates[name].strip():
            yield PackFault(f"letters/{name}", 1, "the template is empty; write it")
    for name in sorted(documents.templates):
        if name not in expected and not name.startswith("_"):
            what = "no moment of letters.yaml and language of pack.yaml uses this file; rename or remove it, or name its channel"
            yield PackFault(f"letters/{name}", 1, what)
