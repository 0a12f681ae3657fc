"""Turns runs into figures and prints them: each with the number of runs and its spread, the engine's beside the floor's."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench.engine import Run
from tests.bench.floor import Floor

Figures = dict[str, Any]


def of_engine(run: Run, cases: int) -> Figures:
    """The figures of one run of the engine."""
    return _common(run, cases) | {
        "seconds_to_last_letter": round(run.letters_seconds, 2),
        "submit_to_assigned_ms": _percentiles(run.assigned_after),
        "submit_to_letter_queued_ms": _percentiles(run.letter_after),
        "records_per_turn": {name: round(records / max(turns, 1), 1) for name, (turns, records) in run.turns.items()},
        "turns": {name: turns for name, (turns, _) in run.turns.items()},
        "findings": list(run.findings),
    }


def of_floor(run: Floor, cases: int) -> Figures:
    """The figures of one run of the floor."""
    return _common(run, cases) | {"did": dict(run.did)}


def _common(run: Run | Floor, cases: int) -> Figures:
    return {
        "seconds": round(run.seconds, 2),
        "cases_per_second": round(cases / run.seconds, 1),
        "cpu_ms_per_case": {name: round(ms / cases, 3) for name, ms in run.used.cpu_ms.items()},
        "peak_mib": {name: round(mib) for name, mib in run.used.peak_mib.items()},
    }


def _percentiles(sorted_seconds: Sequence[float]) -> dict[str, float]:
    last = len(sorted_seconds) - 1
    return {f"p{part}": round(sorted_seconds[round(last * part / 100)] * 1000) for part in (50, 99)}


def print_stack(machine: Mapping[str, Any], description: str) -> None:
    """On what is measured."""
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    print(f"machine   {machine['cores']} cores, {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']}")
    print(f"stack     {description}")
    print(f"          Python {machine['python']}, {libraries}; load average before: {machine['load_before']}")


def head(machine: Mapping[str, Any], description: str, cases: int, runs: int) -> None:
    """What is measured, on what, before anything is."""
    print_stack(machine, description)
    print(
        f"cases     {cases}, half by HTTP and half by portals' topics, all offered at once; an agency answers each with three acts;"
    )
    print("          three letters a case, to an SMTP server in this process that counts and forgets (its cost is in `world`)")
    print(f"runs      {runs}, after a rehearsal that is not counted; a run ends when all is published, sent, announced, committed")
    print(
        "floor     the rehearsal's very commands and records by plain PyMongo and aiokafka in as many processes; no HTTP, no SMTP"
    )
    print(flush=True)


def run_line(number: int, engine: Figures, floor: Figures) -> None:
    """One line after each run."""
    speed, bare = engine["cases_per_second"], floor["cases_per_second"]
    print(f"run {number}: engine {speed} cases/s, floor {bare} cases/s, ratio {speed / bare:.2f}", flush=True)


def show(result: Figures) -> None:
    """The table at the end: medians, and the lowest and highest of all runs."""
    engines, floors = result["engine"], result["floor"]
    ratios = [one["cases_per_second"] / other["cases_per_second"] for one, other in zip(engines, floors, strict=True)]
    print("\n{:<34}{:>28}{:>28}".format(f"median of {len(engines)} (lowest .. highest)", "engine", "floor"))
    _row("cases/s", engines, floors, lambda run: run["cases_per_second"])
    print(f"{'ratio engine/floor':<34}{_spread(ratios, '.2f'):>28}")
    # On a machine that others use as well, time is theirs too; processor time is not.
    costs = [_all_cpu(other) / _all_cpu(one) for one, other in zip(engines, floors, strict=True) if one["cpu_ms_per_case"]]
    if costs:
        print(f"{'the same by CPU, floor/engine':<34}{_spread(costs, '.2f'):>28}")
    _row("seconds to the end", engines, floors, lambda run: run["seconds"])
    _row("seconds to the last letter", engines, [], lambda run: run["seconds_to_last_letter"])
    for name in engines[0]["cpu_ms_per_case"]:
        _row(f"CPU ms a case, {name}", engines, floors, lambda run, name=name: run["cpu_ms_per_case"].get(name))  # type: ignore[misc]
    _row("CPU ms a case, all", engines, floors, _all_cpu)
    for name in engines[0]["peak_mib"]:
        _row(f"peak memory MiB, {name}", engines, floors, lambda run, name=name: run["peak_mib"].get(name))  # type: ignore[misc]
    for name in engines[0]["turns"]:
        _row(f"records a turn, {name}", engines, [], lambda run, name=name: run["records_per_turn"][name])  # type: ignore[misc]
    for what in ("submit_to_assigned_ms", "submit_to_letter_queued_ms"):
        for part in ("p50", "p99"):
            label = f"{what.removesuffix('_ms').replace('_', ' ')}, {part} ms"
            _row(label, engines, [], lambda run, what=what, part=part: run[what][part])  # type: ignore[misc]
    for label, rates in result["due_dates"].items():
        print(f"{'due dates/s, ' + label:<34}{_spread(rates, ',.0f'):>40}   ({len(rates)} runs, one process)")
    findings = [finding for run in engines for finding in run["findings"]]
    print(f"\nlost or doubled: {len(findings)}" + "".join(f"\n  {finding}" for finding in findings[:20]))


def _row(label: str, engines: Sequence[Figures], floors: Sequence[Figures], value: Callable[[Figures], float | None]) -> None:
    columns = []
    for runs in (engines, floors):
        values = [found for run in runs if (found := value(run)) is not None]
        columns.append(_spread(values, ".2f" if label.startswith(("CPU", "seconds")) else ".0f") if values else "")
    print(f"{label:<34}{columns[0]:>28}{columns[1]:>28}")


def _all_cpu(run: Figures) -> float:
    return float(sum(run["cpu_ms_per_case"].values()))


def _spread(values: Sequence[float], form: str) -> str:
    return f"{median(values):{form}} ({min(values):{form}} .. {max(values):{form}})"
