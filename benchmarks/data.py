"""The tables that the benchmarks read: made from a seed, exact, the same on every machine.

Eight columns, as an order book has them: an integer key, a name, a country, a date, a quantity, a price and
a discount (exact decimals) and a note that is sometimes empty and sometimes needs quotes. Wider tables
repeat further columns of these kinds. A block of rows is made once and repeated with new keys, since it is
the size of a file, not its randomness, that takes time.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

VERSION = 1
"""Part of every file's name: raise it when what is written changes."""
SEED = 20_260_101
BLOCK = 50_000
COLUMNS = ("id", "name", "country", "date", "quantity", "price", "discount", "note")

_FIRST = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Radia", "Leslie", "Zoë", "José", "Łukasz"]
_LAST = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Perlman", "Lamport", "Allen", "Hoare"]
_COUNTRIES = ["France", "Peru", "Japan", "Kenya", "Norway", "Brazil", "Iceland", "Viet Nam", "Côte d'Ivoire"]
_NOTES = ["", "", "", "urgent", "gift", "leave at the door", 'said "no hurry"', "fragile, this side up"]


def table(folder: Path, rows: int, columns: int = 8, *, slow: bool = False, shuffled: bool = False) -> Path:
    """A CSV file of that shape, made when it is not there yet.

    Args:
        folder: Where the files are kept.
        rows: Number of rows; with more than 2 million the keys of the first 2 million are repeated.
        columns: Number of columns, 8 or more.
        slow: Writes `quantity` with digits that no vectorised parser takes (full-width), in every row.
        shuffled: Gives the rows the keys from 1 to `rows`, each once, in random order.

    Returns:
        The file's path.
    """
    path = _path(folder, rows, columns, slow=slow, shuffled=shuffled)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_header(columns)) + "\n")
        for block in _blocks(rows, columns, slow, shuffled):
            file.write(block)
    unfinished.rename(path)
    return path


def table_apart(
    folder: Path, rows: int, columns: int = 8, *, slow: bool = False, shuffled: bool = False
) -> Path:
    """The same, made by a process of its own.

    Linux counts what a process held before it became another program: one that starts programs in order to
    measure their memory must stay small itself.
    """
    path = _path(folder, rows, columns, slow=slow, shuffled=shuffled)
    if not path.exists():
        flags = [name for name, given in (("slow", slow), ("shuffled", shuffled)) if given]
        words = [str(folder), str(rows), str(columns), *flags]
        subprocess.run([sys.executable, __file__, *words], check=True)
    return path


def _path(folder: Path, rows: int, columns: int, *, slow: bool, shuffled: bool) -> Path:
    flags = f"{'-slow' if slow else ''}{'-shuffled' if shuffled else ''}"
    return folder / f"v{VERSION}-{rows}x{columns}{flags}.csv"


def _header(columns: int) -> list[str]:
    return [*COLUMNS, *(f"{COLUMNS[1:][i % 7]}_{i + 9}" for i in range(columns - 8))]


def _blocks(rows: int, columns: int, slow: bool, shuffled: bool) -> Iterator[str]:
    chooser = random.Random(SEED)
    tails = [_tail(chooser, columns, slow) for _ in range(min(BLOCK, rows))]
    keys = list(range(1, rows + 1)) if shuffled else []
    chooser.shuffle(keys)
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        first = start % 2_000_000 + 1
        block = keys[start : start + count] if shuffled else range(first, first + count)
        yield "".join(f"{key},{tail}" for key, tail in zip(block, tails, strict=False))


def _tail(chooser: random.Random, columns: int, slow: bool) -> str:
    """All cells of a row but its key, and the line's end."""
    cells: list[str] = []
    while len(cells) < columns - 1:
        cells += _cells(chooser)
    if slow:
        cells[3] = cells[3].translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    return ",".join(cells[: columns - 1]) + "\n"


def _cells(chooser: random.Random) -> list[str]:
    day = date(2015, 1, 1) + timedelta(days=chooser.randrange(4000))
    note = chooser.choice(_NOTES)
    quoted = '"' + note.replace('"', '""') + '"' if '"' in note or "," in note else note
    return [
        f"{chooser.choice(_FIRST)} {chooser.choice(_LAST)}",
        chooser.choice(_COUNTRIES),
        day.isoformat(),
        str(chooser.randrange(1, 500)),
        f"{chooser.randrange(1, 100_000)}.{chooser.randrange(100):02d}",
        f"0.{chooser.randrange(100, 10_000):04d}"[: chooser.randrange(4, 7)],
        quoted,
    ]


if __name__ == "__main__":
    flags = sys.argv[4:]
    table(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        int(sys.argv[3]),
        slow="slow" in flags,
        shuffled="shuffled" in flags,
    )
