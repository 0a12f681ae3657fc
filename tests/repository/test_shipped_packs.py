"""The packs of `packs/` can be used as they are: no fault, letters that can be written, samples that the demo can post.

What their law says is a lawyer's to correct, and no test compares it.
"""

import csv
import json

import jinja2
import jinja2.meta
import pytest

from pakn.packs.load import PACKS, load_pack

SHIPPED = sorted(file.parent.name for file in PACKS.glob("*/pack.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pack_has_no_fault_and_its_letters_ask_for_known_values_only(name: str) -> None:
    pack = load_pack(name)
    assert pack.id == name
    environment = jinja2.Environment(loader=jinja2.DictLoader(dict(pack.templates)), autoescape=True)
    for template, text in pack.templates.items():
        asked = jinja2.meta.find_undeclared_variables(environment.parse(text))
        assert asked <= {"feedback", "sender", "agency", "event", "deadline", "links"}, template
        environment.get_template(template)


def test_the_requests_that_the_demo_posts_fit_their_packs() -> None:
    """A category or portal that is renamed in a pack is renamed in its sample too, or the demo ends in refusals."""
    city = load_pack("la311")
    rows = list(csv.DictReader((PACKS / "la311/requests_sample.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["RequestType"] for row in rows} <= {category.name["en"] for category in city.categories}
    assert {row["RequestSource"] for row in rows} <= {portal.name["en"] for portal in city.header.portals}
    assert {row["Owner"] for row in rows} <= {agency.id for agency in city.agencies}
    nation = load_pack("vn")
    accepted = {category.id: category.accepted for category in nation.categories}
    for line in (PACKS / "vn/requests_sample.jsonl").read_text(encoding="utf-8").splitlines():
        request = json.loads(line)
        assert request["portal"] in {None, *(portal.id for portal in nation.header.portals)}
        assert request["sender"].get("email", "@example.org").endswith("@example.org")
        if request["expect"] != "refused":
            assert accepted[request["category"]] == (request["expect"] == "submitted")
        named = {request["addressed_to"], *(step.get("to_agency") for step in request["plan"])} - {None}
        assert request["expect"] == "refused" or named <= {agency.id for agency in nation.agencies}
