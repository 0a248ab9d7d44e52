"""Runs whole programs, in turn, and measures each: wall clock and peak memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


class ProgramError(Exception):
    """A program failed, or did not do the work it should."""


@dataclass(frozen=True)
class Run:
    """One run of one program.

    Attributes:
        seconds: Wall clock, from the start of the process to its end.
        peak: Largest resident memory of the process, or of one of its children, in bytes.
    """

    seconds: float
    peak: int


@dataclass
class Runs:
    """All runs of one program."""

    runs: list[Run] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median of the wall clock."""
        return median(run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """The median of the peak memory, in bytes."""
        return int(median(run.peak for run in self.runs))

    @property
    def spread(self) -> str:
        """Fastest and slowest run, in seconds."""
        return f"{min(r.seconds for r in self.runs):.2f}–{max(r.seconds for r in self.runs):.2f}"


def run(command: Sequence[str]) -> Run:
    """Runs a program to its end, in an empty folder.

    Raises:
        ProgramError: It failed; the message holds what it printed.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")[-2000:]
            raise ProgramError(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    # Linux counts in KiB, macOS in bytes.
    return Run(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def interleave(
    commands: Mapping[str, Sequence[str]], repeat: int, targets: Mapping[str, Path]
) -> dict[str, Runs]:
    """Runs every program `repeat` times, one after the other in turn, so that all see the same machine.

    Args:
        commands: The command of each program, by its label.
        repeat: How often each is run; an odd number has a true median.
        targets: The folder that each program may make; removed before each of its runs, outside the clock.

    Returns:
        The runs of each program, by its label.
    """
    results = {label: Runs() for label in commands}
    for turn in range(repeat):
        for label, command in commands.items():
            _say(f"{label} ({turn + 1} of {repeat})")
            shutil.rmtree(targets[label], ignore_errors=True)
            results[label].runs.append(run(command))
    _say("")
    return results


def lines(path: Path) -> int:
    """Number of line ends in a file."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
