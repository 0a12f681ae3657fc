"""What a POST of Open311 is as a submission, and its faults by the names that its sender knows. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pakn.packs.load import Pack
from schemas.values import MOST_LINE, Fault
from services.intake import domain
from services.intake.doors.open311 import services

_TITLE: Final = 100
"""Characters of a title that is made of the description."""
# What the sender of a form calls a field of a submission, where that is another name.
_NAMES: Final = {
    "category": "service_code",
    "content": "description",
    "sender": "first_name",
    "sender.name": "first_name",
    "sender.phone": "phone",
    "sender.email": "email",
    "place": "lat",
    "place.latitude": "lat",
    "place.longitude": "long",
    "place.description": "address_string",
}
_PLACE: Final = (("lat", "latitude"), ("long", "longitude"))


def submission(
    pack: Pack, values: Mapping[str, str], attributes: Mapping[str, Sequence[str]], language: str
) -> tuple[dict[str, Any], list[Fault]]:
    """The submission that the fields of a form make, not checked yet, and the faults of what makes no sense there.

    An address of media elsewhere is handed on in the text, and never fetched.
    """
    faults: list[Fault] = []
    content = "\n\n".join(filter(None, (values.get("description"), values.get("media_url"))))
    fields = {code: said[0] for code, said in attributes.items() if code in services.FIELDS}
    category = domain.find_category(pack, values.get("service_code", ""))
    asked = {row.id: row.kind for row in category.questions} if category else {}
    known = {row.code for row in services.definition(pack, category, language).attributes} if category else set(fields)
    for code, said in attributes.items():
        if code not in known:
            faults.append(
                Fault(
                    field=f"attribute[{code}]"[:120],
                    code="unknown_question",
                    message="is no attribute of this service; leave it out",
                )
            )
        elif len(said) > 1 and code in fields:
            faults.append(
                Fault(field=f"attribute[{code}]", code="sent_twice", message="stands in the form more than once; send it once")
            )
    # The standard sends a day as an instant, of which its first ten signs are the day.
    answers = [
        {"question": code, "value": said[0][:10] if asked[code] == "date" else ", ".join(said)}
        for code, said in attributes.items()
        if code in asked
    ]
    sender = {"name": _name(pack, values), "address": fields.pop("address", None)}
    sender |= {name: values.get(name) for name in ("phone", "email")}
    made: dict[str, Any] = {
        "category": values.get("service_code"),
        "title": values.get("title") or _title(content, min(_TITLE, pack.header.title_max)),
        "content": content or None,
        "language": language,
        "sender": _there(sender),
        "place": _place(values, faults),
        "answers": answers or None,
        **{code: said for code, said in fields.items() if code in known},
    }
    return _there(made), faults


def renamed(faults: Iterable[Fault]) -> Iterator[Fault]:
    """Faults of a submission by the names of the form's fields, each once."""
    seen: set[tuple[str, str]] = set()
    for fault in faults:
        name = _NAMES.get(fault.field, fault.field)
        last = name.rpartition(".")[2]
        if name == "title" and fault.code == "missing":
            continue  # It is made of the description, which is missing too.
        if last in services.FIELDS:
            name = f"attribute[{last}]"
        elif name.startswith("attachments"):
            name = name.replace("attachments", "media", 1)
        elif name.startswith("answers"):
            name = "attribute"
        if (name, fault.code) not in seen:
            seen.add((name, fault.code))
            yield fault.model_copy(update={"field": name})


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _name(pack: Pack, values: Mapping[str, str]) -> str | None:
    names = [values.get("first_name"), values.get("last_name")]
    if pack.open311 and pack.open311.family_name_first:
        names.reverse()
    return " ".join(filter(None, names)) or None


def _title(content: str, most: int) -> str | None:
    """The first line of the text, cut between words where it is long."""
    line = content.strip().partition("\n")[0].strip()
    if len(line) <= most:
        return line or None
    cut = line[: most - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def _place(values: Mapping[str, str], faults: list[Fault]) -> dict[str, Any] | None:
    place: dict[str, Any] = {}
    for name, field in _PLACE:
        if name not in values:
            continue
        try:
            place[field] = float(values[name])
        except ValueError:
            faults.append(Fault(field=name, code="wrong_type", message="must be a number of degrees (WGS 84)"))
    if ("lat" in values) != ("long" in values):
        faults.append(
            Fault(
                field="long" if "lat" in values else "lat", code="missing", message="is missing: send lat and long, or none of them"
            )
        )
    said = [values.get("address_string"), f"address_id {values['address_id']}" if "address_id" in values else None]
    if written := ", ".join(filter(None, said)):
        # Line breaks, which some clients put into an address, are no part of a line.
        place["description"] = " ".join(written[: 10 * MOST_LINE].split())
    return place or None
