"""What `dataflows registry search` costs as a whole among 100 000 processors, against a bare click program.

Usage: `python benchmarks/registry/command.py [--processors N] [--repeat N] [--keep FOLDER]`
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import synthetic

import measure
from dataflows_registry.index.build import build_index
from dataflows_registry.model import Release
from dataflows_registry.sources import Memory, Reading
from dataflows_registry.store import ConfiguredIndex, Store

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
MOST = 2.5


class Synthetic:
    """A source of made-up distributions."""

    name = "synthetic"

    def __init__(self, processors: int) -> None:
        self.processors = processors

    def read(self, _memory: Memory, _reading: Reading) -> Iterator[Release]:
        """Every release."""
        for distribution in synthetic.distributions(self.processors):
            yield from distribution.releases


def main() -> None:
    """Prints the ratio; ends with 1 when it is too large."""
    parser = argparse.ArgumentParser(description="The whole command.")
    parser.add_argument("--processors", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=11)
    parser.add_argument("--keep", type=Path, help="keep the index there, and use it when it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(options.keep or folder)
        if not store.indexes():
            build_index([Synthetic(options.processors)], store.index_folder("big"), name="big")
            store.add(ConfiguredIndex("big", "synthetic"))
        os.environ["DATAFLOWS_HOME"] = str(store.root)
        search = [str(Path(sys.executable).with_name("dataflows")), "registry", "search"]
        commands = {
            "search": [*search, "load", "exchange", "rates"],
            "with a typing error": [*search, "exchnage", "rates"],
            "bare click": [sys.executable, str(PROGRAMS / "bare" / "click_help.py")],
        }
        for command in commands.values():  # what is installed is described once
            measure.run(command)
        runs = measure.interleave(commands, options.repeat, dict.fromkeys(commands, Path(folder) / "none"))
    peer = runs.pop("bare click").seconds
    print(f"bare click: {peer * 1000:.0f} ms")
    for label, result in runs.items():
        print(f"{label}: {result.seconds * 1000:.0f} ms, {result.seconds / peer:.2f} × (≤ {MOST})")
    if max(result.seconds for result in runs.values()) > MOST * peer:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
