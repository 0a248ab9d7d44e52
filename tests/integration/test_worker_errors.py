"""What goes wrong in worker processes is told as it would be here, and nothing of it stays behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Field, Flow, Package, ProcessorError, Resource, Schema, Stream
from dataflows_core.errors import FlowError
from dataflows_core.processes import ProcessRunner

SCHEMA = Schema((Field({"name": "n", "type": "integer"}),))


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process."""
    while not condition():
        time.sleep(0.01)


class Odd(Exception):
    """Cannot be made of its arguments, as pickle would make it."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


class Locked(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


@dataclass(frozen=True)
class Numbers:
    """A split of one block for each number."""

    count: int
    fails_at: int = -1
    source: str = "numbers"
    size: int | None = None

    def blocks(self) -> Iterator[int]:
        for number in range(self.count):
            if number == self.fails_at:
                raise OSError("the line is dead")
            yield number

    def decode(self, block: int) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pa.array([block])], names=["n"])

    def locate(self, block: int, index: int) -> int:
        return block + 1


def load(*splits: Numbers) -> Any:
    def step(package: Package) -> None:
        package.add(Resource("numbers", Stream.of(splits, SCHEMA)))

    return step


def mapped(function: Callable[[dict[str, Any]], None]) -> Any:
    return lambda package: package[0].map_rows(function)


def failing(error: Callable[[], BaseException]) -> Any:
    def fail(row: dict[str, Any]) -> None:
        if row["n"] == 2:
            raise error()

    return mapped(fail)


def outcome(runner: str | None, *links: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(*links).run(runner)
    return caught.value


@pytest.mark.parametrize(
    "error", [lambda: Odd("a", "b"), lambda: Locked("x"), lambda: FlowError("no"), ZeroDivisionError]
)
def test_an_error_is_told_as_it_would_be_here(error: Any) -> None:
    here = outcome(None, load(Numbers(5)), failing(error))
    there = outcome("processes:1", load(Numbers(5)), failing(error))

    assert str(there) == str(here)
    assert (there.row, there.values, there.exit_code) == (3, {"n": 2}, here.exit_code)
    assert "in fail" in str(there.cause.__cause__)  # where it was


@pytest.mark.parametrize("runner", [None, "processes:1"])
def test_a_source_that_cannot_be_read_blames_the_step_that_brought_it(runner: str | None) -> None:
    error = outcome(runner, None, load(Numbers(5, 3)), mapped(lambda row: None))

    assert (error.position, error.resource) == ("2", "numbers")
    assert "the line is dead" in str(error)


@dataclass(eq=False)
class Target:
    """A sink that fails in one of its methods."""

    fails_in: str

    def begin(self) -> None: ...

    def encode(self, batch: pa.RecordBatch) -> bytes:
        return self._done("encode")

    def open_part(self, part: int) -> Any:
        self._done("open_part")
        return self

    def append(self, encoded: bytes) -> None:
        self._done("append")

    def close(self) -> Any:
        self._done("close")

    def commit(self, receipts: Any) -> None: ...

    def abort(self) -> None: ...

    def _done(self, method: str) -> bytes:
        if method == self.fails_in:
            raise OSError(f"no {method}")
        return b""


@pytest.mark.parametrize("method", ["encode", "open_part", "append", "close"])
def test_a_sink_that_fails_in_a_worker_is_blamed(method: str) -> None:
    error = outcome("processes:1", load(Numbers(5)), None, lambda package: package[0].write(Target(method)))

    assert (error.position, error.resource) == ("3", "numbers")
    assert f"no {method}" in str(error)


@dataclass(frozen=True)
class FailAfter:
    """Fails when the file of another one is there; leaves a file of its own."""

    number: int
    folder: Path
    other: int

    @property
    def name(self) -> str:
        return f"task {self.number}"

    def __call__(self) -> None:
        until(lambda: self.other < 0 or (self.folder / str(self.other)).exists())
        (self.folder / str(self.number)).touch()
        raise FlowError(f"task {self.number} fails")


def test_of_several_errors_the_first_in_order_is_raised(tmp_path: Path) -> None:
    tasks = [FailAfter(0, tmp_path, other=1), FailAfter(1, tmp_path, other=-1)]

    with pytest.raises(FlowError, match="task 0 fails"):
        list(ProcessRunner(2).run(tasks))


@dataclass(frozen=True)
class Answer:
    number: int
    folder: Path
    name: str = "answer"

    def __call__(self) -> int:
        return self.number


@dataclass(frozen=True)
class DieWhenTold(Answer):
    """Says who it is, and kills its worker when it is told to; the second time it answers."""

    def __call__(self) -> int:
        if not (self.folder / "pid").exists():
            (self.folder / "part").write_text(str(os.getpid()))
            (self.folder / "part").rename(self.folder / "pid")
            until((self.folder / "die").exists)
            os.kill(os.getpid(), signal.SIGKILL)
        return self.number


def is_gone(process: int) -> bool:
    """Whether a worker is gone, which is when the pool has noticed that it ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_that_dies_while_nobody_waits_for_it_costs_its_task_again(tmp_path: Path) -> None:
    tasks = [Answer(0, tmp_path), DieWhenTold(1, tmp_path), Answer(2, tmp_path), Answer(3, tmp_path)]
    results = ProcessRunner(2).run(tasks)
    assert next(results) == (0, 0)
    until((tmp_path / "pid").exists)
    (tmp_path / "die").touch()
    until(lambda: is_gone(int((tmp_path / "pid").read_text())))

    assert sorted(results) == [(1, 1), (2, 2), (3, 3)]


UNGUARDED = """
from dataflows_core import Flow
from dataflows_core.processors import load

print("the script runs")
offset = 5

class Adder:
    def add(self, row):
        row["n"] += offset

def step(package):
    package[0].map_rows(Adder().add)

flow = Flow(load("numbers.csv"), step, lambda row: print(row["n"]))
flow.run("processes:1")
"""


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("n\n1\n2\n")
    (tmp_path / "script.py").write_text(UNGUARDED)

    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )

    assert (done.stdout, done.stderr) == ("the script runs\n6\n7\n", "")


ENDLESS = """
import fcntl, pathlib, time
from dataflows_core.processes import ProcessRunner

class Endless:
    name = "endless"

    def __call__(self):
        with open("lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            pathlib.Path("begun").touch()
            while True:
                time.sleep(0.01)

list(ProcessRunner(1).run([Endless()]))
"""


def test_workers_end_when_their_driver_is_killed(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    command = [sys.executable, "endless.py"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as driver:
        until(lambda: (tmp_path / "begun").exists() or driver.poll() is not None)
        assert driver.poll() is None
        driver.kill()

    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits until the worker is gone
