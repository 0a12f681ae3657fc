"""Prints what came of the demo and where to look. `play.py` calls `show` after each pack."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from pakn.demo.audit import Report
from pakn.demo.scene import Scene

_FIGURES = (
    "submitted",
    "refused",
    "not_accepted",
    "warned",
    "overdue",
    "published",
    "letters_sent",
    "dead_letters",
    "lost",
    "doubled",
)


def show(console: Console, report: Report, scene: Scene) -> None:
    """The table of figures, what was lost or doubled by name, and where to find a letter, a timeline, metrics, logs."""
    table = Table(title=f"Pack {scene.pack.id}: what came of {len(scene.requests)} requests", show_header=False)
    for name in (
        "submitted",
        "refused",
        "not_accepted",
        "warned",
        "overdue",
        "published",
        "letters_sent",
        "dead_letters",
        "lost",
        "doubled",
    ):
        table.add_row(name.replace("_", " "), str(report[name]))
        if name == "not_accepted":
            for agency, number in report["assigned"].items():
                table.add_row(f"  assigned to {agency}", str(number))
    console.print(table)
    _show_owners(console, report)
    for finding in report["findings"][:20]:
        console.print(f"[red]{finding}")
    if len(report["findings"]) > 20:
        console.print(f"[red]... and {len(report['findings']) - 20} more; --report FILE.json keeps them all")
    letter = next(iter(sorted(scene.mailbox.folder.glob("*.eml"))), None)
    row = next((row for row in report["requests"] if row["state"] == "published"), report["requests"][0])
    console.print(f"A letter:   {letter}", highlight=False, soft_wrap=True)
    console.print(f"The logs:   {scene.home / 'logs'}", highlight=False, soft_wrap=True)
    if row["code"]:
        console.print(f"A timeline: curl {scene.stack.urls['intake']}/v1/feedback/{row['code']}", highlight=False, soft_wrap=True)
    for name, url in scene.stack.urls.items():
        console.print(f"Metrics:    curl {url}/metrics   ({name})", highlight=False, soft_wrap=True)


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
        console.print(f"  {category}: {number} of {total} have the owner {owner} in the file, and {agency} by the pack's table")
