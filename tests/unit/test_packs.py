"""The packs: both load, every fault is shown at once with its place, and the dated questions have dated answers."""

import csv
import json
import re
import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import jinja2
import jinja2.meta
import pytest

from pakn.packs import load
from pakn.packs.load import Pack, PackError, load_pack

VN = load.PACKS / "vn"


@pytest.fixture(scope="module")
def vn() -> Pack:
    return load_pack("vn")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the national pack, to be broken."""
    folder = tmp_path / "vn"
    shutil.copytree(VN, folder, ignore=shutil.ignore_patterns("requests_sample*"))
    return folder


def break_line(folder: Path, file: str, old: str, new: str) -> str:
    """Replaces the first `old` in the file; returns `file:line:` of the place."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    before, found, after = text.partition(old)
    assert found, f"{old!r} is not in {file}"
    path.write_text(before + new + after, encoding="utf-8")
    return f"{file}:{before.count(chr(10)) + 1}:"


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", ["vn", "la311"])
def test_a_pack_of_the_repository_has_no_fault(name: str) -> None:
    pack = load_pack(name)
    assert pack.id == name
    assert pack.agency(pack.header.coordinator)


def test_a_pack_is_found_by_its_folder_too(vn: Pack) -> None:
    assert load_pack(VN) == vn


def test_an_unknown_pack_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(PackError, match=r"no such pack; .*la311, vn"):
        load_pack("atlantis")


def test_ten_different_faults_are_all_reported_with_file_and_line(copy: Path) -> None:
    expected = [
        (break_line(copy, file, old, new), what)
        for file, old, new, what in (
            ("pack.yaml", "coordinator: van-phong-chinh-phu", "coordinator: nobody", "unknown agency `nobody`"),
            ("pack.yaml", "- image/png", "- picture", "is 'picture'"),
            ("categories.yaml", "id: to-cao", "id: khieu-nai", "`khieu-nai` is listed twice"),
            ("agencies.csv", "2025-02-28,bo-xay-dung", "2025-02-28,bo-nothing", "unknown agency `bo-nothing`"),
            ("routing.yaml", "category: [giai-phap-sang-kien]", "category: [gossip]", "unknown category `gossip`"),
            ("rules.yaml", "start: [received]", "start: [waved_at]", "'waved_at'"),
            ("rules.yaml", "effective: {from: 2026-07-20}", "effective: {from: 2026-08-01}", "no rule set is in force"),
            ("calendar.yaml", "date: 2024-05-04", "date: 2024-05-06", "is a monday, worked anyway"),
            ("calendar.yaml", "date: 2026-09-02", "date: 2026-09-01", "listed twice"),
            (
                "letters.yaml",
                "event: MoreRequested",
                "evnt: MoreRequested",
                "`moments.more_requested.evnt` is not known",
            ),
        )
    ]

    faults = faults_of(copy)

    assert len(expected) == 10
    for place, what in expected:
        assert any(fault.startswith(place) and what in fault for fault in faults), f"{place} {what}\n" + "\n".join(faults)
    assert all(re.match(r"[\w./]+:\d+: .+; .+", fault) for fault in faults)


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("pack.yaml", "timezone: Asia/Ho_Chi_Minh", "timezone: Asia/Atlantis", "unknown time zone"),
        ("pack.yaml", "default_language: vi", "default_language: fr", "unknown language `fr`"),
        ("pack.yaml", "title_max: 250", "title_max: 250\ntitle_max: 300", "`title_max` is given twice"),
        ("pack.yaml", "required: [name", "required: [shoe_size, name", "use one of 'name', 'address'"),
        ("pack.yaml", "- id: cdvcqg", "- id: cdvc/qg", "must match"),
        ("pack.yaml", "id: vn", "id: [vn", "not valid YAML"),
        ("pack.yaml", "id: vn", "[a, b]: vn", "a list or mapping stands as a name"),
        ("categories.yaml", "accepted: false", "accepted: true", "`reason` is for a category that is not accepted"),
        ("agencies.csv", "dong-nai,Đồng Nai,province,,,,", "dong-nai,Đồng Nai,province,2025-13-01,,,", "valid date"),
        ("agencies.csv", "bo-y-te,Bộ Y tế,ministry,,,,", "bo-y-te,Bộ Y tế,ministry,,2026-01-01,,", "has no successor"),
        ("agencies.csv", "hue,Huế,city,2025-01-01,", "hue,Huế,city,2025-02-01,", "close the gap"),
        ("agencies.csv", "bo-xay-dung,Bộ Xây dựng,ministry,,,,",
         "bo-xay-dung,Bộ Xây dựng,ministry,,2026-01-01,bo-giao-thong-van-tai,", "go in a circle"),
        ("agencies.csv", "cao-bang,Cao Bằng", "ca-mau,Cao Bằng", "`ca-mau` is listed twice"),
        ("agencies.csv", "bo-cong-an,Bộ Công an", "bo-cong-an,Bộ Công an,Hà Nội", "quote a cell that holds a comma"),
        ("routing.yaml", "  - id: mac-dinh\n", "  - id: mac-dinh\n    when: {level: [commune]}\n", "the last rule must match"),
        ("routing.yaml", "when: {category: [giai-phap-sang-kien]}", "when: {}", "never reached"),
        ("routing.yaml", "{from: province}", "{from: province, agency: ha-noi}", "exactly one of"),
        ("rules.yaml", "effective: {from: 2026-07-20}", "effective: {from: 2026-07-01}", "overlaps the rule set"),
        ("rules.yaml", "copied_from: qd31-2021", "copied_from: qd29-2026", "is no rule set above this one"),
        ("rules.yaml", "handle_reply:", "handle_it:", "'handle_reply'"),
        ("rules.yaml", "{n: 15, unit: working_days}", "{n: 15, unit: working_days, by_category: {khac: 20}}", "only be shorter"),
        ("rules.yaml", "{n: 15, unit: working_days}", "{n: 15, unit: working_days, by_agency: {mars: 5}}", "unknown agency `mars`"),
        ("rules.yaml", "{n: 15, unit: working_days}", "{n: 15, unit: fortnights}", "'working_days', 'days' or 'hours'"),
        ("rules.yaml", "verified: false", "verified: true", "needs `verification`"),
        ("rules.yaml", "stop: [reply_ready]", "stop: [reply_ready, refused]", "stands in `stop` and in `cancel`"),
        ("calendar.yaml", "date: 2026-01-02, kind: swap_off", "date: 2026-01-02, kind: holiday",
         "is not a day off of kind swap_off"),
        ("calendar.yaml", "date: 2026-04-27", "date: 2026-04-26", "is a sunday, off anyway"),
        ("calendar.yaml", "- year: 2024", "- year: 2034", "the year 2024 is missing"),
        ("calendar.yaml", "date: 2021-01-01", "date: 2021-02-30", "not"),
        ("letters.yaml", "  not_accepted:", "  not_welcome:", "`not_accepted` is missing"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_to_do(copy: Path, file: str, old: str, new: str, what: str) -> None:
    break_line(copy, file, old, new)
    faults = faults_of(copy)
    matching = [fault for fault in faults if what in fault]
    assert matching, faults
    assert all(re.match(r"[\w./]+:\d+: .+; .+", fault) for fault in faults)


def test_a_rule_set_is_marked_as_verified_as_its_comment_says(copy: Path) -> None:
    """YAML 1.1 reads the name `on` as true, and the fault that came of it could not be corrected by anybody."""
    verified = "verified: true\n    verification: {by: Lê Thị Luật, on: 2026-11-20, text: Công báo}"
    break_line(copy, "rules.yaml", "verified: false", verified)
    found = load_pack(copy).rule_sets[0].verification
    assert found is not None
    assert (found.by, found.on) == ("Lê Thị Luật", date(2026, 11, 20))


def test_a_missing_template_is_a_fault_of_its_moment(copy: Path) -> None:
    (copy / "letters" / "overdue.en.html.j2").unlink()
    (copy / "letters" / "farewell.en.html.j2").write_text("Goodbye")
    place = break_line(copy, "letters.yaml", "  overdue:", "  overdue:")
    missing, farewell = faults_of(copy)
    assert missing.startswith(f"{place} the template letters/overdue.en.html.j2 is missing")
    assert farewell.startswith("letters/farewell.en.html.j2:1: no moment")


def test_a_file_that_is_not_utf8_is_a_fault_and_not_a_crash(copy: Path) -> None:
    (copy / "letters" / "received.vi.txt.j2").write_bytes(b"K\xednh g\x1ei")
    (copy / "categories.yaml").write_bytes(b"\xff\xfe")
    faults = faults_of(copy)
    assert {fault.split(":")[0] for fault in faults if "not UTF-8" in fault} == {
        "categories.yaml", "letters/received.vi.txt.j2"
    }  # fmt: skip


def test_a_missing_file_is_one_fault_among_the_others(copy: Path) -> None:
    (copy / "calendar.yaml").unlink()
    place = break_line(copy, "pack.yaml", "coordinator: van-phong-chinh-phu", "coordinator: nobody")
    faults = faults_of(copy)
    assert any(fault.startswith("calendar.yaml:1: the file is missing") for fault in faults)
    assert any(fault.startswith(place) for fault in faults)


def test_an_agency_that_has_ended_is_answered_for_by_its_successor(vn: Pack) -> None:
    assert vn.agency_on("binh-dinh", date(2025, 6, 30)).id == "binh-dinh"
    assert vn.agency_on("binh-dinh", date(2025, 7, 1)).id == "gia-lai"
    assert vn.agency_on("thua-thien-hue", date(2025, 1, 1)).id == "hue"
    assert vn.agency_on("gia-lai", date(2021, 1, 1)).id == "gia-lai"
    with pytest.raises(KeyError):
        vn.agency_on("atlantis", date(2026, 1, 1))


def test_an_agency_needs_its_topics_until_its_last_day(vn: Pack) -> None:
    assert "binh-dinh" in {agency.id for agency in vn.agencies_not_ended(date(2025, 6, 30))}
    today = {agency.id for agency in vn.agencies_not_ended(date(2026, 8, 17))}
    assert "binh-dinh" not in today
    assert len(today) == 17 + 34


def test_an_own_limit_may_shorten_the_general_one(copy: Path) -> None:
    own = "{n: 15, unit: working_days, by_agency: {da-nang: 3}, by_category: {khac: 10}}"
    break_line(copy, "rules.yaml", "{n: 15, unit: working_days}", own)
    pack = load_pack(copy)
    rule = pack.rule_sets[0].rules["handle_reply"]
    assert pack.limit(rule, "giai-phap-sang-kien", "ha-noi") == 15
    assert pack.limit(rule, "khac", "ha-noi") == 10
    assert pack.limit(rule, "khac", "da-nang") == 3


def test_a_limit_by_request_type_may_be_longer_where_the_pack_says_so() -> None:
    pack = load_pack("la311")
    rule = pack.rule_sets[0].rules["handle_reply"]
    assert pack.limit(rule, "graffiti-removal", "OCB") < rule.limit.n < pack.limit(rule, "single-streetlight-issue", "BSL")
    assert set(rule.limit.by_category) == {category.id for category in pack.categories}


def test_a_category_that_is_not_accepted_says_why_and_where_to_turn(vn: Pack) -> None:
    refused = [category for category in vn.categories if not category.accepted]
    assert {c.id for c in refused} >= {"khieu-nai", "to-cao", "hoi-dap-phap-luat"}
    assert all(c.reason and c.channel and c.reason["vi"] and c.channel["en"] for c in refused)
    assert sum(category.accepted for category in vn.categories) == 4


def test_the_calendar_has_the_working_days_of_each_year(vn: Pack) -> None:
    """Against the table of public notices from which the calendar was made."""
    working = {}
    for year in vn.calendar.years:
        days = (date(year.year, 1, 1) + timedelta(days=n) for n in range(366))
        weekdays = [day for day in days if day.year == year.year and day.weekday() < 5]
        working[year.year] = len(weekdays) - len(year.days_off) + len(year.working_days)
    assert [working[year] for year in range(2021, 2027)] == [250, 249, 249, 251, 250, 249]
    assert [year.year for year in vn.calendar.years if year.provisional] == [2027]


@pytest.mark.parametrize("name", ["vn", "la311"])
def test_every_template_is_valid_and_asks_for_known_values_only(name: str) -> None:
    pack = load_pack(name)
    environment = jinja2.Environment(loader=jinja2.DictLoader(dict(pack.templates)), autoescape=True)
    for template in pack.templates:
        source = environment.parse(pack.templates[template])
        asked = jinja2.meta.find_undeclared_variables(source)
        assert asked <= {"feedback", "sender", "agency", "event", "deadline", "links"}, template
        environment.get_template(template)


def test_every_request_type_and_source_of_the_sample_is_in_its_pack() -> None:
    pack = load_pack("la311")
    with (load.PACKS / "la311" / "requests_sample.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2000
    assert {row["RequestType"] for row in rows} <= {category.name["en"] for category in pack.categories}
    assert {row["RequestSource"] for row in rows} <= {portal.name["en"] for portal in pack.header.portals}
    assert {row["Owner"] for row in rows} <= {agency.id for agency in pack.agencies}


def test_the_invented_requests_fit_the_national_pack(vn: Pack) -> None:
    lines = (VN / "requests_sample.jsonl").read_text(encoding="utf-8").splitlines()
    requests = [json.loads(line) for line in lines]
    assert Counter(request["expect"] for request in requests) == {"submitted": 184, "not_accepted": 12, "refused": 4}
    assert len({request["ref"] for request in requests}) == 200
    for request in requests:
        assert request["portal"] is None or request["portal"] in {portal.id for portal in vn.header.portals}
        assert request["sender"].get("email", "@example.org").endswith("@example.org")
        if request["expect"] != "refused":
            assert vn.category(request["category"]).accepted == (request["expect"] == "submitted")
            assert request["addressed_to"] is None or vn.agency(request["addressed_to"])
        for step in request["plan"]:
            assert vn.agency(step["to_agency"]) if step["action"] == "transfer" else True
            assert ("after_working_days" in step) != ("after_days" in step)
