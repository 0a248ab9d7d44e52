"""Renews the index that the registry's wheel carries, from the wheels of this repository.

python registry/bundle.py            says whether it is up to date, with exit code 1 if not
python registry/bundle.py --write    renews it

Files, hashes and line numbers are left out: they change with every build, and what a package index offers is
for that index to say.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dataflows_registry.index import Index, bundled_index
from dataflows_registry.index.build import build_index
from dataflows_registry.model import Release, dumps
from dataflows_registry.sources import Memory, Reading
from dataflows_registry.sources.wheels import WheelFolder

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "registry" / "dataflows_registry" / "index" / "bundled"


class OwnWheels:
    """The wheels of this repository, without what changes with every build of them.

    Args:
        folder: Where the wheels are.
    """

    name = "this repository"

    def __init__(self, folder: Path) -> None:
        self.wheels = WheelFolder(folder)

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:
        """Every release, as it is bundled."""
        for release in self.wheels.read(memory, reading):
            processors = tuple(
                replace(one, source=one.source and {"file": one.source["file"]}) for one in release.processors
            )
            yield replace(release, files=(), processors=processors)
        reading.state.clear()


def projects() -> list[Path]:
    """The folders of the distributions of this repository."""
    folders = [ROOT, ROOT / "registry", *sorted((ROOT / "plugins").iterdir())]
    return [folder for folder in folders if (folder / "pyproject.toml").is_file()]


def build_wheels(folder: Path) -> list[Path]:
    """Build the wheel of every distribution of this repository.

    Args:
        folder: Where they are put.
    """
    for project in projects():
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


def build(folder: Path, wheels: Path) -> None:
    """Build the index as it is bundled.

    Args:
        folder: Where it is, or is to be.
        wheels: The folder of the wheels.
    """
    built = build_index([OwnWheels(wheels)], folder, name="bundled", places=False)
    if built.problems:
        raise SystemExit("\n".join(built.problems))
    (folder / "validators.json").unlink()


def differences(folder: Path) -> list[str]:
    """The distributions that the bundled index describes otherwise than a new one.

    Args:
        folder: The new one.
    """
    known = bundled_index()
    texts = [
        {one.name: dumps(one) for one in Index(place).distributions()} if place else {}
        for place in (known, folder)
    ]
    return sorted(name for name in {*texts[0], *texts[1]} if texts[0].get(name) != texts[1].get(name))


def main(words: list[str]) -> int:
    """Check, or renew."""
    with tempfile.TemporaryDirectory() as name:
        wheels = Path(name) / "wheels"
        build_wheels(wheels)
        if words == ["--write"]:
            build(TARGET, wheels)
            return 0
        build(Path(name) / "index", wheels)
        changed = differences(Path(name) / "index")
    if changed:
        sys.stderr.write(f"out of date: {', '.join(changed)}; renew it: python registry/bundle.py --write\n")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
