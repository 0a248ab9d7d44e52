"""Runs benchmark cases and prints, beside each ratio, what was hoped for.

Usage: `nox -s benchmarks -- [CASE …] [--rows N] [--repeat N] [--json FILE]`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import cases
import data
import measure
from case import OURS, PROGRAMS, Case, Program, Ratio, Table

ROWS = 2_000_000


def main() -> None:
    """Parses the command line, runs the cases, prints the ratios; ends with 1 when a program failed."""
    options = _options()
    chosen = [case for case in cases.ALL if not options.cases or case.name in options.cases]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; median of {options.repeat}, interleaved"
    )
    report: dict[str, dict[str, object]] = {}
    for case in chosen:
        print(f"\n{case.name}: {case.question}", flush=True)
        try:
            runs = _measure(case, options)
        except measure.ProgramError as error:
            print(f"  FAILED: {error}")
            report[case.name] = {"failed": str(error)}
            continue
        for label, result in runs.items():
            print(f"  {label:<18} {result.seconds:8.3f} s ({result.spread})  {result.peak / 1e6:6.0f} MB")
        figures = [_figure(ratio, runs) for ratio in case.ratios]
        if case.peak is not None:
            figures.append(_judged("peak memory, MB", runs[OURS].peak / 1e6, case.peak, most=True))
        for line, _ in figures:
            print(f"  {line}", flush=True)
        report[case.name] = {
            "seconds": {label: [run.seconds for run in result.runs] for label, result in runs.items()},
            "peak": {label: [run.peak for run in result.runs] for label, result in runs.items()},
            "figures": [line for line, _ in figures],
            "met": all(met for _, met in figures),
        }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    if any("failed" in result for result in report.values()):
        raise SystemExit(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ratios between dataflows and its peers.")
    names = [case.name for case in cases.ALL]
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of: {', '.join(names)}; all without one")
    parser.add_argument("--peers", required=True, help="the Python that has the peers installed")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the largest ordinary table")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each program")
    parser.add_argument("--json", type=Path, help="also write every run to this file")
    parser.add_argument("--data", type=Path, default=Path(".benchmarks"), help="where the tables are kept")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(names):
        parser.error(f"no case is named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def _measure(case: Case, options: argparse.Namespace) -> dict[str, measure.Runs]:
    with tempfile.TemporaryDirectory(dir=_folder(options.data)) as folder:
        targets = {label: Path(folder) / str(number) for number, label in enumerate(case.programs)}
        commands = {
            label: _command(program, targets[label], options) for label, program in case.programs.items()
        }
        runs = measure.interleave(commands, options.repeat, targets)
        if case.equal_rows:
            _compare(case, targets)
        return runs


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path.absolute()


def _command(program: Program, target: Path, options: argparse.Namespace) -> list[str]:
    if program.command:
        return [str(Path(sys.executable).with_name(program.command)), *program.arguments]
    python = options.peers if program.script.startswith("peers/") else sys.executable
    words = [python, str(PROGRAMS / program.script)]
    tables = [table for table in (program.table, program.second) if table is not None]
    words += [str(_source(table, options)) for table in tables]
    if program.dumps:
        words.append(str(target))
    return [*words, *program.arguments]


def _source(table: Table, options: argparse.Namespace) -> Path:
    rows = table.rows if table.fixed else max(1, table.rows * options.rows // ROWS)
    return data.table_apart(
        options.data.absolute(), rows, table.columns, slow=table.slow, shuffled=table.shuffled
    )


def _compare(case: Case, targets: dict[str, Path]) -> None:
    """Fails when programs that should do the same work dumped different numbers of lines."""
    counts = {
        label: measure.lines(targets[label] / "orders.csv")
        for label, program in case.programs.items()
        if program.dumps
    }
    if len(set(counts.values())) > 1:
        raise measure.ProgramError(f"the programs dumped different numbers of lines: {counts}")


def _figure(ratio: Ratio, runs: dict[str, measure.Runs]) -> tuple[str, bool]:
    ours, peer = runs[ratio.ours], runs[ratio.peer]
    if ratio.kind == "speed":
        return _judged(
            f"times faster than {ratio.peer}", peer.seconds / ours.seconds, ratio.target, most=False
        )
    if ratio.kind == "memory":
        return _judged(f"peak memory / {ratio.peer}", ours.peak / peer.peak, ratio.target, most=True)
    return _judged(f"time, {ratio.ours} / {ratio.peer}", ours.seconds / peer.seconds, ratio.target, most=True)


def _judged(name: str, value: float, target: float | None, *, most: bool) -> tuple[str, bool]:
    if target is None:
        return f"{name:<40} {value:8.2f}   no target", True
    met = value <= target if most else value >= target
    return (
        f"{name:<40} {value:8.2f}   target {'≤' if most else '≥'} {target:g}: {'met' if met else 'MISSED'}",
        met,
    )


if __name__ == "__main__":
    main()
