"""Checks that a folder holds a valid Data Package, with the predecessors' libraries as the authority.

Usage: `python check_package.py FOLDER`. Every row is read back and cast; hashes, bytes and row counts must be
what the descriptor says. Ends with 1 and a message when something is not.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import datapackage


def check(folder: Path) -> dict[str, int]:
    """Checks a package.

    Returns:
        The number of rows of each resource, by its name.

    Raises:
        ValueError: Something in the package is not valid, or not what its descriptor says.
    """
    package = datapackage.Package(str(folder / "datapackage.json"))
    if not package.valid:
        raise ValueError(f"the descriptor is not valid: {package.errors}")
    counts = {}
    for resource in package.resources:
        said = resource.descriptor
        content = (folder / said["path"]).read_bytes()
        kind, _, digest = said["hash"].rpartition(":")
        found = {
            "bytes": len(content),
            "hash": hashlib.new(kind or "md5", content).hexdigest(),
            "count_of_rows": sum(1 for _ in resource.iter(cast=True)) if resource.tabular else None,
        }
        expected = {"bytes": said["bytes"], "hash": digest, "count_of_rows": said.get("count_of_rows")}
        if found != expected:
            raise ValueError(f"{resource.name}: the descriptor says {expected}, the file has {found}")
        counts[resource.name] = found["count_of_rows"] or 0
    total = package.descriptor.get("count_of_rows")
    if total is not None and total != sum(counts.values()):
        raise ValueError(f"the descriptor counts {total} rows, its resources hold {sum(counts.values())}")
    if not counts:
        raise ValueError("the package has no resource")
    return counts


if __name__ == "__main__":
    try:
        print(f"valid: {check(Path(sys.argv[1]))}")
    except ValueError as error:
        sys.exit(str(error))
