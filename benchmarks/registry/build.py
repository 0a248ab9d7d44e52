"""How many distributions a second an index is built of, from a folder of wheels: `python build.py [COUNT]`.

The wheels are made first, of the words that `synthetic` gives processors: modules with signatures, docstrings and
steps of ordinary size. Printed are the first build, in processes, and one that finds nothing changed.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import zipfile
from itertools import islice
from keyword import iskeyword
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


def wheel(release: Release) -> tuple[str, bytes]:
    """Name and content of a wheel that is described as the release."""
    top = release.distribution.replace("-", "_")
    info = f"{top}-{release.version}.dist-info"
    content = io.BytesIO()
    processors = {processor.name: processor for processor in release.processors}
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
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "wheels").mkdir()
        for distribution in islice(synthetic.distributions(count * 30), count):
            file, content = wheel(distribution.latest)
            (place / "wheels" / file).write_bytes(content)
        wheels = len(list((place / "wheels").iterdir()))
        speeds = []
        for what in ("first", "unchanged"):
            start = time.perf_counter()
            built = build_index([WheelFolder(place / "wheels")], place / "index")
            taken = time.perf_counter() - start
            speeds.append(wheels / taken)
            print(f"{what:10} {wheels} wheels, {built.processors} processors, {taken:.2f} s: ", end="")
            print(f"{wheels / taken:.0f} distributions/s")
            if built.problems or built.distributions != wheels:
                print(*built.problems[:5], sep="\n")
                return 1
    print(f"wanted     {WANTED} distributions/s: {'met' if speeds[0] >= WANTED else 'missed'}")
    return 0 if speeds[0] >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
