"""Prints what came of the demo, and where to look: a letter, the logs, and pages for as long as they are there."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pakn import links
from pakn.demo.audit import Report
from pakn.demo.scene import Scene
from schemas.topics import ServiceName


def show(console: Console, report: Report, scene: Scene, keep: bool) -> None:
    """The table of figures, what was lost or doubled by name, and where to find more; `keep` says whether all goes on running."""
    console.print(table_of(report, f"Pack {scene.pack.id}: what came of {len(scene.requests)} requests"))
    _show_owners(console, report)
    for finding in report["findings"][:20]:
        console.print(f"[red]{finding}")
    if len(report["findings"]) > 20:
        console.print(f"[red]... and {len(report['findings']) - 20} more; --report FILE.json keeps them all")
    letters = sorted(scene.mailbox.folder.glob("*.eml"))[:1]
    lines = [f"A letter:   .venv/bin/python docs/examples/letter.py {_path(letter)}" for letter in letters]
    texts = sorted(scene.gateway.folder.glob("*.txt"))[:1]
    lines += [f"A text:     cat {_path(text)}   ({scene.gateway.parts} parts in all)" for text in texts]
    lines.append(f"The logs:   {_path(scene.home / 'logs')}")
    if keep:
        lines += [f"{name + ':':<12}{url}" for name, url in addresses(report, scene.stack.urls, scene.mailbox.secrets)]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def table_of(report: Report, title: str) -> Table:
    """The figures in the order in which they add up: indented rows are the parts of the row above them."""
    assigned, dead, planted = sum(report["assigned"].values()), report["dead_letters"], report["dead_letters_of_refused"]
    doors = report["doors"]
    rows: list[tuple[str, int, str] | None] = [
        ("requests", len(report["requests"]), ""),
        ("  by the pages", doors.get("pages", 0), "sent, followed, answered, judged"),
        ("  by JSON", doors.get("json", 0), ""),
        ("  by portals' topics", doors.get("kafka", 0), ""),
        None,
        ("requests", len(report["requests"]), ""),
        ("  refused", report["refused"], "faults in the data; told which"),
        ("  submitted", report["submitted"], ""),
        ("    not accepted", report["not_accepted"], "by intake; told the right channel"),
        ("    not assigned yet", report["unassigned"], ""),
        ("    assigned", assigned, "see below"),
        *((f"      to {agency}", number, "") for agency, number in report["assigned"].items()),
        None,
        ("assigned", assigned, ""),
        ("  published", report["published"], ""),
        ("  declined", report["declined"], "by the agency: no matter of its own"),
        ("  open", report["open"], "when the demo ends"),
        None,
        ("warned", report["warned"], "cases with a limit that came near"),
        ("overdue", report["overdue"], "cases with a limit that was missed"),
        ("letters sent", report["letters_sent"], ""),
        ("text messages sent", report["texts_sent"], ""),
        None,
        ("dead letters", dead, ""),
        ("  planted", planted, "refused ones that came by a portal's topic"),
        ("  not planted", dead - planted, "the log of the service says why"),
        ("lost", report["lost"], ""),
        ("doubled", report["doubled"], ""),
    ]
    table = Table("", "", "", title=title, show_header=False)
    for row in rows:
        if row is None:
            table.add_section()
        # What is never there in a demo that went well is shown only where it is.
        elif row[1] or row[0].strip() not in ("not assigned yet", "text messages sent", "planted", "not planted"):
            table.add_row(row[0], str(row[1]), row[2])
    return table


def addresses(report: Report, urls: Mapping[ServiceName, str], secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a person can open while everything runs, each with its name; `secrets` are those of letters, by code."""
    intake = urls["intake"]
    coded = [row for row in report["requests"] if row["code"]]
    # Rather one with a reply, and one whose letter came.
    coded.sort(key=lambda row: (row["state"] != "published", row["code"] not in secrets))
    found = [("Send", f"{intake}/send"), ("Published", f"{intake}/published")]
    for row in coded[:1]:
        if secret := secrets.get(row["code"]):
            found.append(("A sender", f"{intake}/follow/{row['code']}/open?secret={secret}"))
        found.append(("Anybody", f"{intake}/follow/{row['code']}"))
        found.append(("JSON", f"{intake}{links.feedback_path(row['code'])}"))
    found += [("API", f"{intake}/schema"), ("Events", f"{intake}/schema/events")]
    return found + [("Metrics", f"{url}/metrics   ({name})") for name, url in urls.items()]


def _path(path: Path) -> str:
    return min(str(path), os.path.relpath(path), key=len)


def _show_owners(console: Console, report: Report) -> None:
    """Where the file names the owner: how many were assigned to another, by the file's own count."""
    rows = [row for row in report["requests"] if row["owner"] and row["agency"]]
    other = [row for row in rows if row["owner"] != row["agency"]]
    if not rows:
        return
    console.print(f"{len(rows) - len(other)} of {len(rows)} were assigned to the owner that the file names.")
    by_type = Counter((row["category"], row["owner"], row["agency"]) for row in other)
    for (category, owner, agency), number in sorted(by_type.items()):
        total = sum(row["category"] == category for row in rows)
        console.print(
            f"  Category {category}: {number} of {total} have the owner {owner} in the file, and {agency} by the pack's table"
        )
