"""A pack: every fault is shown at once with its place, and the dated questions have dated answers."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from pakn.packs.load import PackError, load_pack
from tests.support.packs import FOLDER, VN


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the pack, to be broken."""
    return Path(shutil.copytree(FOLDER, tmp_path / "vn"))


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
            ("agencies.csv", "2025-02-28,bo-khoa-hoc-va-cong-nghe", "2025-02-28,bo-nothing", "unknown agency `bo-nothing`"),
            ("routing.yaml", "category: [giai-phap-sang-kien]", "category: [gossip]", "unknown category `gossip`"),
            ("rules.yaml", "start: [received]", "start: [waved_at]", "'waved_at'"),
            ("rules.yaml", "effective: {from: 2026-07-20}", "effective: {from: 2026-08-01}", "no rule set is in force"),
            ("calendar.yaml", "date: 2024-05-04", "date: 2024-05-06", "is a monday, worked anyway"),
            ("calendar.yaml", "date: 2026-09-02", "date: 2026-09-01", "listed twice"),
            ("letters.yaml", "event: MoreRequested", "evnt: MoreRequested", "`moments.more_requested.evnt` is not known"),
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
        ("pack.yaml", "personal_data:\n", "sender:\n", "titles are shown, and no `personal_data`"),
        ("pack.yaml", "(?!\\d)'", "(?!\\d'", "no regular expression"),
        ("pack.yaml", '"{letter}."', '"{word}."', "must match"),
        ("pack.yaml", "required: [name", "required: [shoe_size, name", "use one of 'name', 'address'"),
        ("pack.yaml", "- id: cdvcqg", "- id: cdvc/qg", "must match"),
        ("pack.yaml", "id: vn", "id: [vn", "not valid YAML"),
        ("pack.yaml", "id: vn", "[a, b]: vn", "a list or mapping stands as a name"),
        ("categories.yaml", "accepted: false", "accepted: true", "`reason` is for a category that is not accepted"),
        ("agencies.csv", "gia-lai,Gia Lai,province,,,,", "gia-lai,Gia Lai,province,2025-13-01,,,", "valid date"),
        ("agencies.csv", "bo-y-te,Bộ Y tế,ministry,,,,", "bo-y-te,Bộ Y tế,ministry,,2026-01-01,,", "has no successor"),
        ("agencies.csv", "hue,Huế,city,2025-01-01,", "hue,Huế,city,2025-02-01,", "close the gap"),
        ("agencies.csv", "gia-lai,Gia Lai,province,,,,", "gia-lai,Gia Lai,province,,2026-01-01,binh-dinh,", "go in a circle"),
        ("agencies.csv", "gia-lai,Gia Lai", "da-nang,Gia Lai", "`da-nang` is listed twice"),
        ("agencies.csv", "gia-lai,Gia Lai", "da-nang.x,Gia Lai", "`da-nang.x` continues `da-nang` with a dot"),
        ("agencies.csv", "bo-y-te,Bộ Y tế", "bo-y-te,Bộ Y tế,Hà Nội", "quote a cell that holds a comma"),
        ("routing.yaml", "  - id: mac-dinh\n", "  - id: mac-dinh\n    when: {level: [commune]}\n", "the last rule must match"),
        ("routing.yaml", "when: {category: [giai-phap-sang-kien]}", "when: {}", "never reached"),
        ("routing.yaml", "{from: province}", "{from: province, agency: hue}", "exactly one of"),
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
        ("letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: [email, pigeon]", "use one of 'email' or 'sms'"),
        ("letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: []", "at least 1"),
        ("letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: [email, email]", "a channel is listed twice"),
        ("letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: [email, sms]", "there is no `phone_region`"),
        ("letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: [sms]", "uses this file"),
        ("letters.yaml", "moments:", "phone_region: XX\nmoments:", "unknown region `XX`"),
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


def test_a_moment_with_text_messages_needs_their_templates(copy: Path) -> None:
    break_line(copy, "letters.yaml", "moments:", "phone_region: VN\nmoments:")
    place = break_line(copy, "letters.yaml", "event: MoreRequested", "event: MoreRequested, channels: [email, sms]")
    (copy / "letters" / "more_requested.en.sms.txt.j2").write_text("Please send more: {{ links.lookup }}")
    (missing,) = faults_of(copy)
    assert missing.startswith(f"{place} the template letters/more_requested.vi.sms.txt.j2 is missing")


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


def test_an_agency_that_has_ended_is_answered_for_by_its_successor() -> None:
    assert VN.agency_on("binh-dinh", date(2025, 6, 30)).id == "binh-dinh"
    assert VN.agency_on("binh-dinh", date(2025, 7, 1)).id == "gia-lai"
    assert VN.agency_on("thua-thien-hue", date(2025, 1, 1)).id == "hue"
    assert VN.agency_on("gia-lai", date(2021, 1, 1)).id == "gia-lai"
    with pytest.raises(KeyError):
        VN.agency_on("atlantis", date(2026, 1, 1))


def test_an_agency_needs_its_topics_until_its_last_day() -> None:
    assert "binh-dinh" in {agency.id for agency in VN.agencies_not_ended(date(2025, 6, 30))}
    today = {agency.id for agency in VN.agencies_not_ended(date(2026, 8, 17))}
    assert "binh-dinh" not in today
    assert len(today) == 4 + 3


@pytest.mark.parametrize(
    ("own", "limits"),
    [
        ("by_agency: {da-nang: 3}, by_category: {khac: 10}}", [15, 10, 3]),
        ("by_category: {khac: 20}}\n        limit_is_per_category: true", [15, 20, 20]),
    ],
)
def test_an_own_limit_may_shorten_the_general_one_or_be_longer_where_the_rule_says_so(
    copy: Path, own: str, limits: list[int]
) -> None:
    break_line(copy, "rules.yaml", "{n: 15, unit: working_days}", "{n: 15, unit: working_days, " + own)
    pack = load_pack(copy)
    cases = (("giai-phap-sang-kien", "hue"), ("khac", "hue"), ("khac", "da-nang"))
    assert [pack.limit(pack.rule_sets[0].rules["handle_reply"], *case) for case in cases] == limits


def test_a_limit_for_objections_beside_the_usual_one_is_a_fault_where_both_would_start(copy: Path) -> None:
    break_line(copy, "rules.yaml", "publish:", "handle_objection:")
    assert any("starts at an objection too, beside `handle_objection`" in fault for fault in faults_of(copy))
