"""The services that Open311 lists, and what may be sent with each beside the standard's own fields. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from pakn.packs.load import Pack
from pakn.packs.models import Category
from services.intake import known_values
from services.intake.doors.open311 import words
from services.intake.doors.open311.answers import AttributeValue, Service, ServiceAttribute, ServiceDefinition

# The fields of a submission for which the standard has none, by the code of the attribute that stands for each.
FIELDS: Final = ("address", "province", "commune", "level", "addressed_to")
_DATATYPES: Final = {"text": "string", "number": "number", "date": "datetime", "choice": "singlevaluelist"}


def services(pack: Pack, language: str) -> list[Service]:
    """The categories that are accepted."""
    return [
        Service(
            service_code=row.id,
            service_name=row.name[language],
            description=row.name[language],
            metadata=bool(definition(pack, row, language).attributes),
            keywords=", ".join(row.aliases),
            group=pack.header.name[language],
        )
        for row in pack.categories
        if row.accepted
    ]


def definition(pack: Pack, category: Category, language: str) -> ServiceDefinition:
    """The attributes of a category: what the pack requires or its routing table asks for, and the category's questions."""
    rows = [*_fields(pack, language), *_questions(category, language)]
    ordered = [row.model_copy(update={"order": order}) for order, row in enumerate(rows, 1)]
    return ServiceDefinition(service_code=category.id, attributes=ordered)


def _fields(pack: Pack, language: str) -> Iterator[ServiceAttribute]:
    said = words.load(language)["attribute"]
    header, rules = pack.header, pack.routing.rules
    asked = {name for rule in rules for name, value in rule.when if value} | {rule.assign.from_ for rule in rules}
    names = {
        "province": {id: known_values.agency_name(pack, id)[language] for id in header.provinces},
        "level": {row.id: row.name[language] for row in header.levels},
        "addressed_to": {row.id: known_values.agency_name(pack, row.id)[language] for row in pack.agencies if row.valid_to is None},
    }
    if "address" in header.sender.required:
        yield _attribute("address", said["address"], "string", required=True)
    for name, values in names.items():
        if name in asked and values:
            yield _attribute(name, said[name], "singlevaluelist", values=values)
        if name == "province" and values:
            yield _attribute("commune", said["commune"], "string")


def _questions(category: Category, language: str) -> Iterator[ServiceAttribute]:
    for row in category.questions:
        values = {choice.id: choice.name[language] for choice in row.choices}
        yield _attribute(row.id, row.name[language], _DATATYPES[row.kind], required=row.required, values=values)


def _attribute(
    code: str, description: str, datatype: Any, *, required: bool = False, values: dict[str, str] | None = None
) -> ServiceAttribute:
    listed = [AttributeValue(key=key, name=name) for key, name in (values or {}).items()]
    return ServiceAttribute(
        variable=True, code=code, datatype=datatype, required=required, order=1, description=description, values=listed or None
    )
