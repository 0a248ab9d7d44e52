"""The runner of worker processes: nothing lost when a worker dies, and the one that kills is named."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataflows_core.errors import FlowError, WorkerError
from dataflows_core.processes import ProcessRunner


@dataclass(frozen=True)
class Square:
    number: int

    @property
    def name(self) -> str:
        return f"square of {self.number}"

    def __call__(self) -> tuple[int, int]:
        return self.number**2, os.getpid()


@dataclass(frozen=True)
class DieOnce(Square):
    """Kills its worker the first time that it runs anywhere."""

    marker: Path = Path()

    def __call__(self) -> tuple[int, int]:
        try:
            self.marker.touch(exist_ok=False)
        except FileExistsError:
            return super().__call__()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass(frozen=True)
class Die(Square):
    def __call__(self) -> tuple[int, int]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass(frozen=True)
class Fail(Square):
    def __call__(self) -> tuple[int, int]:
        raise FlowError(f"{self.number} is wrong")


def test_every_task_is_done_once_in_other_processes() -> None:
    results = dict(ProcessRunner("2").run([Square(number) for number in range(7)]))

    assert {index: square for index, (square, _) in results.items()} == {n: n * n for n in range(7)}
    assert os.getpid() not in {process for _, process in results.values()}


def test_a_lost_worker_costs_its_tasks_again_not_the_run(tmp_path: Path) -> None:
    tasks = [DieOnce(number, tmp_path / "died") if number == 3 else Square(number) for number in range(7)]

    results = dict(ProcessRunner(2).run(tasks))

    assert {index: square for index, (square, _) in results.items()} == {n: n * n for n in range(7)}
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_its_worker_fails_the_run_by_name() -> None:
    tasks = [Die(number) if number == 3 else Square(number) for number in range(5)]

    with pytest.raises(WorkerError, match="square of 3"):
        list(ProcessRunner("2").run(tasks))


def test_an_error_comes_back_as_it_was_raised() -> None:
    with pytest.raises(FlowError, match="1 is wrong"):
        list(ProcessRunner("1").run([Square(0), Fail(1)]))


@pytest.mark.parametrize("option", ["0", "-1", "many", "1.5"])
def test_the_number_of_workers_is_checked(option: str) -> None:
    with pytest.raises(FlowError, match="processes:4"):
        ProcessRunner(option)


def test_what_cannot_be_sent_is_named() -> None:
    @dataclass
    class Holds:
        lock: object
        name: str = "holds a lock"

        def __call__(self) -> None: ...

    with pytest.raises(FlowError, match="holds a lock"):
        list(ProcessRunner(1).run([Holds(threading.Lock())]))
