"""How fast the registry's search is among 100 000 processors, and how large what it opens.

Usage: `python benchmarks/registry/speed.py [--processors N] [--keep FOLDER]`
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import synthetic

from dataflows_registry.search import Head, search, write_head

MOST_MILLISECONDS = 10.0
MOST_MEGABYTES = 60.0


def main() -> None:
    """Prints the size and the times of 500 questions; ends with 1 when a target is missed."""
    parser = argparse.ArgumentParser(description="Search among many processors.")
    parser.add_argument("--processors", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="keep the head there, and use it when it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.keep or Path(folder)) / "head.sqlite"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            write_head(path, list(synthetic.distributions(options.processors)))
            print(f"written in {time.perf_counter() - start:.1f} s")
        size = path.stat().st_size / 1e6
        head = Head(path, "synthetic")
        times = sorted(_times(head))
        head.close()
    p50, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
    print(f"{head.processors} processors: {size:.1f} MB (≤ {MOST_MEGABYTES:g})")
    print(
        f"search: median {p50:.2f} ms, p95 {p95:.2f} ms (≤ {MOST_MILLISECONDS:g}), worst {times[-1]:.2f} ms"
    )
    if size > MOST_MEGABYTES or p95 > MOST_MILLISECONDS:
        raise SystemExit(1)


def _times(head: Head) -> list[float]:
    """Milliseconds for each question: the best of three, since other programs run too."""
    return [min(_time(head, question) for _ in range(3)) for question in synthetic.questions(500)]


def _time(head: Head, question: str) -> float:
    start = time.process_time()  # all is in memory: what others do on the machine does not count
    search([head], question, most=20)
    return (time.process_time() - start) * 1000


if __name__ == "__main__":
    main()
