"""Prints figures of runs: each with the number of runs and its spread, the engine's beside the floor's."""

from collections.abc import Callable, Sequence
from statistics import median

from tests.bench.usage import Figures

_BY_NAME = (
    ("peak_mib", "peak memory MiB"),
    ("records_per_turn", "records a turn"),
    ("records_per_case", "records a case"),
    ("bytes_per_case", "bytes a case"),
)


def print_stack(machine: Figures, description: str) -> None:
    """On what is measured."""
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    print(f"machine   {machine['cores']} cores, {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}")
    print(f"stack     {description}")
    print(f"          Python {machine['python']}, {libraries}; load average before: {machine['load_before']}")


def head(result: Figures, runs: int) -> None:
    """What is measured, on what, before anything is."""
    print_stack(result["machine"], result["stack"])
    print(
        f"cases     {result['cases']}, half by HTTP and half by portals' topics, all offered at once; an agency answers each with"
        " three acts;\n"
        "          three letters a case, to an SMTP server in this process that counts and forgets (its cost is in `world`)\n"
        f"runs      {runs}, after a rehearsal that is not counted; a run ends when all is published, sent, announced, committed\n"
        "floor     the rehearsal's very commands and records by plain PyMongo and aiokafka in as many processes; no HTTP, no"
        " SMTP\n",
        flush=True,
    )


def run_line(number: int, engine: Figures, floor: Figures) -> None:
    """One line after each run."""
    speed, bare = engine["cases_per_second"], floor["cases_per_second"]
    print(f"run {number}: engine {speed} cases/s, floor {bare} cases/s, ratio {speed / bare:.2f}", flush=True)


def show(result: Figures) -> None:
    """The table at the end: medians, and the lowest and highest of all runs."""
    engines, floors = result["engine"], result["floor"]

    def row(label: str, value: Callable[[Figures], float | None]) -> None:
        form = ".2f" if label.startswith(("CPU", "seconds", "records a case")) else ".0f"
        columns = [[found for run in runs if (found := value(run)) is not None] for runs in (engines, floors)]
        print(f"{label:<40}" + "".join(f"{_spread(column, form):>28}" for column in columns))

    def ratio(label: str, values: Sequence[float]) -> None:
        print(f"{label:<40}{_spread(values, '.2f'):>28}")

    print("\n{:<40}{:>28}{:>28}".format(f"median of {len(engines)} (lowest .. highest)", "engine", "floor"))
    row("cases/s", lambda run: run["cases_per_second"])
    both = list(zip(engines, floors, strict=True))
    ratio("ratio engine/floor", [one["cases_per_second"] / other["cases_per_second"] for one, other in both])
    # On a machine that others use as well, time is theirs too; processor time is not.
    ratio("the same by CPU, floor/engine", [_all_cpu(other) / _all_cpu(one) for one, other in both if one["cpu_ms_per_case"]])
    row("seconds to the end", lambda run: run["seconds"])
    row("seconds to the last letter", lambda run: run.get("seconds_to_last_letter"))
    for name in engines[0]["cpu_ms_per_case"]:
        row(f"CPU ms a case, {name}", lambda run, name=name: run["cpu_ms_per_case"].get(name))  # type: ignore[misc]
    row("CPU ms a case, all", _all_cpu)
    for field, label in _BY_NAME:
        for name in engines[0][field]:
            row(f"{label}, {name}", lambda run, field=field, name=name: run.get(field, {}).get(name))  # type: ignore[misc]
    for field in ("submit_to_assigned_ms", "submit_to_letter_queued_ms"):
        for part in ("p50", "p99"):
            label = f"{field.removesuffix('_ms').replace('_', ' ')}, {part} ms"
            row(label, lambda run, field=field, part=part: run.get(field, {}).get(part))  # type: ignore[misc]
    for label, rates in result["due_dates"].items():
        print(f"{'due dates/s, ' + label:<40}{_spread(rates, ',.0f'):>34}   ({len(rates)} runs, one process)")
    findings = [finding for run in engines for finding in run["findings"]]
    print(f"\nlost or doubled: {len(findings)}" + "".join(f"\n  {finding}" for finding in findings[:20]))


def _all_cpu(run: Figures) -> float:
    return float(sum(run["cpu_ms_per_case"].values()))


def _spread(values: Sequence[float], form: str) -> str:
    return f"{median(values):{form}} ({min(values):{form}} .. {max(values):{form}})" if values else ""
