"""How well the registry's search ranks: mean reciprocal rank over a judged list of queries.

Usage: `python benchmarks/registry/judge.py [--all]`

`queries.txt` says what people type and which processors answer it; `processors.txt` what is searched: this
project's processors, as the bundled index describes them or, where it does not yet, as they will be, and
others as people publish them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dataflows_registry.index import Index, bundled_index
from dataflows_registry.model import Distribution, Parameter, Processor, Release
from dataflows_registry.search import Head, search, write_head

HERE = Path(__file__).parent
TARGET = 0.9


def corpus() -> list[Distribution]:
    """The distributions that are searched."""
    folder = bundled_index()
    assert folder is not None
    own = list(Index(folder).distributions())
    known = {processor.name for one in own for processor in one.latest.processors}
    processors: dict[str, list[Processor]] = {}
    for distribution, name, kind, formats, summary, parameters in _lines("processors.txt", 6):
        if name in known:
            continue
        processors.setdefault(f"dataflows-{distribution}", []).append(
            Processor(
                name=name,
                qualified_name=f"{distribution}.{name}",
                kind=kind,
                summary=summary,
                formats=tuple(formats.split()),
                parameters=tuple(Parameter(name=parameter) for parameter in parameters.split()),
            )
        )
    return own + [
        Distribution(name, (Release(name, "1.0.0", processors=tuple(found)),))
        for name, found in processors.items()
    ]


def queries() -> list[tuple[str, set[str]]]:
    """What is asked, and the names of the processors that answer it."""
    return [(query, set(names.split())) for query, names in _lines("queries.txt", 2)]


def _lines(name: str, parts: int) -> Iterator[list[str]]:
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            found = [part.strip() for part in line.split("|")]
            if len(found) != parts:
                raise ValueError(f"{name}: {line}")
            yield found


def ranks(heads: list[Head], most: int = 20) -> dict[str, int | None]:
    """The place of the first right answer to each query; None where it is not among the first `most`."""
    found: dict[str, int | None] = {}
    for query, names in queries():
        hits = [hit.found.name for hit in search(heads, query, most=most)]
        found[query] = next((place for place, name in enumerate(hits, 1) if name in names), None)
    return found


def mean_reciprocal_rank(places: dict[str, int | None]) -> float:
    """1 when every first answer is right."""
    return sum(1 / place for place in places.values() if place) / len(places)


def main() -> None:
    """Prints the figure, and the queries whose first answer is not right."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.sqlite"
        write_head(path, corpus())
        head = Head(path, "judged")
        places = ranks([head])
        for query, place in places.items():
            if place != 1 or "--all" in sys.argv:
                hits = [f"{hit.found.name} {hit.score:.2f}" for hit in search([head], query, most=4)]
                print(f"  {place or '-':>3}  {query:<36} {', '.join(hits)}")
        value = mean_reciprocal_rank(places)
        print(f"{len(places)} queries: mean reciprocal rank {value:.3f} (≥ {TARGET})")
        head.close()
    if value < TARGET:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
