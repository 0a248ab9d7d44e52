"""Commits that are killed by signal 9 before each of their changes to the folder; run by test_commit.py.

Each attempt is a child of its own. It prints one line per attempt: what the folder held after `recover`,
or after the next run, and whether anything was left behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from dataflows_core.commit import STAGING, Commit, recover

OLD = {"a.csv": "old a", "sub/b.csv": "old b", "gone/c.csv": "old c", "datapackage.json": "old"}
NEW = {"a.csv": "new a", "sub/b.csv": "new b", "other/d.csv": "new d", "datapackage.json": "new"}
FOREIGN = {"notes.txt": "mine", "sub/mine.csv": "mine too"}
WRITING = os.O_WRONLY | os.O_RDWR


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def read(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def commit(folder: Path) -> None:
    work = Commit(folder)
    for path, text in NEW.items():
        work.stage(path).write_text(text)
    work.finish(list(NEW), remove=["gone/c.csv"])


def killed(function, step: int) -> bool:
    """Whether a child that does it was killed before its change number `step`."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, args: tuple) -> None:
            nonlocal left
            changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
            if changes or (event == "open" and isinstance(args[2], int) and args[2] & WRITING):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        function()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def next_run(folder: Path) -> None:
    Commit(folder).abort()


def state(folder: Path) -> str:
    found = read(folder)
    strays = sorted(
        p.name for p in folder.iterdir() if not (p.is_file() or p.name in ("sub", "gone", "other"))
    )
    empty = [p.name for p in folder.rglob("*") if p.is_dir() and not any(p.iterdir())]
    for name, files in (("old", OLD), ("new", NEW)):
        if found == {**files, **FOREIGN} and not strays and not empty:
            return name
    return f"broken: {found} {strays} {empty}"


def attempt(root: Path, repair, step: int) -> tuple[bool, str]:
    folder = root / f"{repair.__name__}-{step}"
    write(folder, OLD | FOREIGN)
    was_killed = killed(lambda: commit(folder), step)
    # The repair is killed before each of its own changes as well, until it comes through.
    again = 1
    while killed(lambda: repair(folder), again):
        again += 1
    assert not (folder / STAGING).exists()
    return was_killed, state(folder)


def main() -> None:
    # In memory where there is such a place: the disk need not hear of each of some thousand commits.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as root:
        for repair in (recover, next_run):
            step, was_killed, states = 0, True, []
            while was_killed:
                step += 1
                was_killed, found = attempt(Path(root), repair, step)
                states.append(found)
            print(json.dumps({"repair": repair.__name__, "states": states}))


if __name__ == "__main__":
    main()
