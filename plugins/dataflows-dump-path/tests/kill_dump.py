"""Flows that are killed by signal 9 before each change they make to their output; run by test_faults.py.

Prints, for a folder and for a zip file, what whoever reads the output sees after each kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from dataflows_core import Flow
from dataflows_core.commit import STAGING, recover
from dataflows_dump_path import dump_to_path, dump_to_zip

OLD = [{"id": 1}], [{"id": 2}]
NEW = [{"id": 3}, {"id": 4}], [{"id": 5}]


def run(out: Path, tables, step=None) -> None:
    dump = (
        dump_to_zip(out)
        if out.suffix == ".zip"
        else dump_to_path(out, format="csv" if tables is OLD else "json")
    )
    Flow(*tables, dump).process()


def killed(out: Path, step: int) -> bool:
    """Whether a child that dumps was killed before its change number `step`."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event, args):
            nonlocal left
            if event == "open":
                changes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            else:
                changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
            if changes and str(out.parent) in str(args[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        run(out, NEW)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def tree(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_bytes().hex() for p in folder.rglob("*") if p.is_file()}


def states(root: Path, name: str) -> list[str]:
    expected = {}
    for label, tables in (("old", OLD), ("new", NEW)):
        folder = root / f"{name}-{label}"
        folder.mkdir()
        run(folder / name, tables)
        expected[label] = tree(folder)
    step, found, alive = 0, [], True
    while alive:
        step += 1
        folder = root / f"{name}-{step}"
        folder.mkdir()
        run(folder / name, OLD)
        (folder / "foreign").write_text("mine")
        alive = killed(folder / name, step)
        recover(folder / name)  # as a load of it does first
        seen = tree(folder)
        seen.pop("foreign")
        if name.endswith(".zip"):  # nothing but the next run removes what is left beside it
            seen = {path: data for path, data in seen.items() if STAGING not in path}
        found.append(
            next((label for label, files in expected.items() if seen == files), f"broken: {sorted(seen)}")
        )
        run(folder / name, NEW)
        left = tree(folder)
        assert left.pop("foreign")
        assert left == expected["new"], sorted(left)
        assert not list(folder.rglob(f"*{STAGING}"))
    return found


def main() -> None:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as root:
        for name in ("out", "out.zip"):
            print(json.dumps(states(Path(root), name)))


if __name__ == "__main__":
    main()
