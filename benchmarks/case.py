"""What a case is: programs that do the same work, the ratios between them, and what is hoped for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PROGRAMS = Path(__file__).parent / "programs"
OURS = "ours"


@dataclass(frozen=True)
class Table:
    """The shape of a source; see `data.table`.

    Args:
        rows: Rows at `--rows` 2 million; other sizes follow in proportion, unless the table is `fixed`.
        columns: Columns.
        slow: With a column that no vectorised parser takes.
        shuffled: With its keys in random order.
        fixed: The number of rows belongs to the question.
    """

    rows: int
    columns: int = 8
    slow: bool = False
    shuffled: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Program:
    """A program of one of the two environments.

    Args:
        script: Its file under `programs/`; those in `peers/` run in the peers' environment.
        table: What it reads; none when it takes no source.
        second: Another table that it reads.
        command: A command of our environment, instead of a script.
        arguments: What it gets after sources and target.
        dumps: It writes `orders.csv` into a folder, its argument after the sources.
    """

    script: str = ""
    table: Table | None = None
    second: Table | None = None
    command: str = ""
    arguments: tuple[str, ...] = ()
    dumps: bool = True


@dataclass(frozen=True)
class Ratio:
    """One figure that a case prints.

    Args:
        peer: The label of the program that ours is compared with.
        kind: ``"time"``: our time to the peer's, smaller is better; ``"speed"``: how many times faster we
            are; ``"memory"``: our peak to the peer's.
        target: What the ratio may be at most (at least, for a speed); None when none was set.
        ours: The label of the program that is measured against the peer.
    """

    peer: str
    kind: Literal["time", "speed", "memory"] = "time"
    target: float | None = None
    ours: str = OURS


@dataclass(frozen=True)
class Case:
    """A question, and the programs that answer it.

    Args:
        name: What `run.py` calls it.
        question: One line.
        programs: The programs by label; they are run in turn.
        ratios: What is printed.
        peak: What our peak memory may be at most, in MB; None when no limit was set.
        equal_rows: The dumps of all programs must have the same number of lines.
    """

    name: str
    question: str
    programs: dict[str, Program]
    ratios: tuple[Ratio, ...]
    peak: float | None = None
    equal_rows: bool = True
