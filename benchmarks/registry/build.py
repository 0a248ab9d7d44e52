"""How many distributions a second an index is built of, from a folder of wheels.

Usage: `python benchmarks/registry/build.py [--wheels N] [--most N]`

The wheels are made first, of the words that `synthetic` gives processors: modules with signatures, docstrings
and steps of ordinary size. Printed are the first build, in processes, and one that finds nothing changed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
import zipfile
from itertools import islice
from pathlib import Path

import synthetic

from dataflows_registry.index.build import build_index
from dataflows_registry.model import Processor, Release
from dataflows_registry.sources.wheels import WheelFolder

WANTED = 200
"""Distributions a second."""


def source(processor: Processor) -> str:
    """A module that defines the processor as its description says."""
    parameters = ", ".join(
        f"{p.name}: {p.type or 'str'} = {p.default or 'None'}" for p in processor.parameters
    )
    docs = "\n".join(f"        {p.name}: {p.doc}" for p in processor.parameters)
    return f'''"""{processor.summary}"""

from __future__ import annotations

from typing import Any

from dataflows_core.steps import Step


def {processor.name}({parameters}) -> Step:
    """{processor.summary}

    {processor.description}

    Args:
{docs or "        none: None."}

    Examples:
        >>> {processor.name}()
    """

    def step(package: Any) -> None:
        for resource in package.tables(None):
            resource.map_batches(_work, resource.schema)

    return step


def _work(batch: Any) -> Any:
    return batch
'''


def wheel(release: Release, most: int = 3) -> tuple[str, bytes]:
    """Name and content of a wheel that is described as the release, with some of its processors."""
    top = release.distribution.replace("-", "_")
    info = f"{top}-{release.version}.dist-info"
    content = io.BytesIO()
    processors = {processor.name: processor for processor in release.processors[:most]}
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, processor in processors.items():
            archive.writestr(f"{top}/{name}.py", source(processor))
        lines = "\n".join(f"{name} = {top}.{name}:{name}" for name in processors)
        archive.writestr(f"{info}/entry_points.txt", f"[dataflows.processors]\n{lines}\n")
        head = f"Metadata-Version: 2.3\nName: {release.distribution}\nVersion: {release.version}\n"
        archive.writestr(
            f"{info}/METADATA", f"{head}Summary: {release.summary}\nRequires-Dist: dataflows-core\n"
        )
        archive.writestr(f"{top}/__init__.py", "")
    return f"{top}-{release.version}-py3-none-any.whl", content.getvalue()


def main() -> int:
    """Build twice, and say how fast; the exit code says whether it was fast enough."""
    parser = argparse.ArgumentParser(description="Build an index of many wheels.")
    parser.add_argument("--wheels", type=int, default=1000)
    parser.add_argument("--most", type=int, default=3, help="processors in a wheel")
    options = parser.parse_args()
    count = options.wheels
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "wheels").mkdir()
        for distribution in islice(synthetic.distributions(count * 30), count):
            file, content = wheel(distribution.latest, options.most)
            (place / "wheels" / file).write_bytes(content)
        wheels = len(list((place / "wheels").iterdir()))
        speeds = []
        for what in ("first", "unchanged"):
            start, spent = time.perf_counter(), sum(os.times()[:4])
            built = build_index([WheelFolder(place / "wheels")], place / "index")
            taken = time.perf_counter() - start
            speeds.append(wheels / taken)
            print(f"{what:10} {wheels} wheels, {built.processors} processors, {taken:.2f} s: ", end="")
            spent = sum(os.times()[:4]) - spent
            print(f"{wheels / taken:.0f} distributions/s, {wheels / spent:.0f} per second of a processor")
            if built.problems or built.distributions != wheels:
                print(*built.problems[:5], sep="\n")
                return 1
    print(f"wanted     {WANTED} distributions/s: {'met' if speeds[0] >= WANTED else 'missed'}")
    return 0 if speeds[0] >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
