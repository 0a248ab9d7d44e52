"""Flows that are killed by signal 9 before each change to their checkpoint; run by test_checkpoint.py.

Prints, for each kill, what the next run of the same flow gives, and what is in the folder then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from dataflows_core import Flow
from dataflows_stdlib.checkpoint import checkpoint


def run(folder: Path, rows: list[dict[str, int]]) -> list[dict[str, int]]:
    return Flow(rows, checkpoint("kept", folder)).results().rows[0]


def killed(folder: Path, step: int) -> bool:
    """Whether a child that writes the checkpoint anew was killed before its change number `step`."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, args: tuple) -> None:
            nonlocal left
            if event == "open":
                changes = isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
            else:
                changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
            if changes and str(folder) in str(args[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        run(folder, [{"n": 2}])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def main() -> None:
    step, going = 0, True
    while going:
        step += 1
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root)
            run(folder, [{"n": 1}])
            (folder / "kept" / "mine.txt").write_text("mine")
            going = killed(folder, step)
            # Whichever checkpoint is there, it is whole, and the flow that made it gets its rows.
            seen = [run(folder, [{"n": 1}]), run(folder, [{"n": 2}]), run(folder, [{"n": 2}])]
            files = sorted(path.name for path in (folder / "kept").iterdir())
            print(json.dumps({"killed": going, "rows": seen, "files": files}))


if __name__ == "__main__":
    main()
