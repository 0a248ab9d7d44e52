"""Functions of rows in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import ExpressionError, FlowError, ProcessorError, RemoteError, WorkerError
from dataflows_core.processes import ProcessRunner
from dataflows_core.processors import add_field, filter_rows, load, parallelize

ROWS = [{"n": number} for number in range(100)]


def test_rows_keep_their_order_and_returned_rows_count() -> None:
    def square(row: Any) -> Any:
        return {"n": row["n"] ** 2}

    def change(row: Any) -> None:
        row["n"] += 1

    flow = Flow(ROWS, parallelize(square, 2), parallelize(change, 1))
    assert flow.results().rows == [[{"n": number**2 + 1} for number in range(100)]]


def test_many_batches_and_what_comes_before_and_after(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(300_000)))
    flow = Flow(
        load(str(tmp_path / "a.csv")),
        filter_rows("n % 3 = 0"),
        parallelize(lambda row: row.update(n=-row["n"]), 2),
        filter_rows("n % 2 = 0"),
    )
    assert flow.results().rows == [[{"n": -n} for n in range(0, 300_000, 6)]]


def test_several_processes_work_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would wait for ever."""

    def meet(row: Any) -> None:
        row["pid"] = os.getpid()
        (tmp_path / str(os.getpid())).touch()
        until = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2:
            os.sched_yield()
            assert time.monotonic() < until, "nobody else came"

    rows = Flow(ROWS[:8], add_field("pid", "integer"), parallelize(meet, 2)).results().rows[0]
    pids = {row["pid"] for row in rows}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert [row["n"] for row in rows] == list(range(8))


@pytest.mark.parametrize("predicate", ["n >= 98", lambda row: row["n"] >= 98])
def test_only_rows_that_the_predicate_is_true_for_are_changed(predicate: Any) -> None:
    rows = Flow(ROWS, parallelize(lambda row: {"n": 0}, 2, predicate=predicate)).results().rows
    assert rows == [[*ROWS[:98], {"n": 0}, {"n": 0}]]


def test_an_error_names_the_row_as_it_came(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(100)))

    def fail(row: Any) -> None:
        row["n"] *= 2
        if row["n"] == 2 * 77:
            raise ValueError("seventy-seven")

    flow = Flow(load(str(tmp_path / "a.csv")), filter_rows("n > 10"), parallelize(fail, 2))
    with pytest.raises(ProcessorError) as caught:
        flow.process()
    error = caught.value
    assert (error.processor, error.position, error.resource) == ("parallelize", "3", "a")
    assert (error.row, error.values) == (78, {"n": 77})
    assert isinstance(error.cause, ValueError)
    assert str(error.cause) == "seventy-seven"


def test_the_first_row_in_order_that_fails_is_named() -> None:
    def fail(row: Any) -> None:
        if row["n"] in (40, 90):
            raise ValueError(row["n"])

    def later(rows: Any) -> Any:
        yield from rows
        raise RuntimeError("upstream")

    with pytest.raises(ProcessorError, match="ValueError: 40"):
        Flow(ROWS, later, parallelize(fail, 2)).process()
    with pytest.raises(ProcessorError, match=r"step 2, .*later.*\n.*RuntimeError: upstream"):
        Flow(ROWS, later, parallelize(lambda row: None, 2)).process()


def test_what_no_field_declares_and_what_cannot_be_sent_is_told() -> None:
    with pytest.raises(ProcessorError, match=r"row 6 (?s:.*)there is no field 'm'"):
        Flow(ROWS, parallelize(lambda row: {"m": 1} if row["n"] == 5 else None, 1)).process()

    class Local(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("never")

    def local(row: Any) -> None:
        raise Local("told all the same")

    with pytest.raises(ProcessorError, match="told all the same") as caught:
        Flow(ROWS, parallelize(local, 1)).process()
    assert isinstance(caught.value.cause, RemoteError)
    lock = threading.Lock()
    with pytest.raises(ProcessorError, match="cannot be sent to a worker process"):
        Flow(ROWS, parallelize(lambda row: lock.locked() and None, 1)).process()


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    def die_once(row: Any) -> None:
        if row["n"] == 42 and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        row["n"] += 1

    assert Flow(ROWS, parallelize(die_once, 2)).results().rows == [[{"n": n + 1} for n in range(100)]]
    assert (tmp_path / "died").exists()


def test_a_row_that_ends_its_process_is_named() -> None:
    def die(row: Any) -> None:
        if row["n"] == 5:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS[:8], parallelize(die, 1)).process()
    assert isinstance(caught.value.cause, WorkerError)
    assert (caught.value.row, caught.value.values) == (6, {"n": 5})


def test_no_process_stays_behind_whoever_stops_first() -> None:
    rows = Flow(ROWS, parallelize(lambda row: None, 2)).package()[0].rows()
    assert next(rows) == {"n": 0}
    rows.close()
    assert multiprocessing.active_children() == []


def test_it_works_behind_a_runner_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n2\n")
    seen: list[int] = []
    flow = Flow(
        load(str(tmp_path / "a.csv")),
        parallelize(lambda row: row.update(n=row["n"] * 2), 1),
        lambda row: seen.append(row["n"]),
    )
    flow.run(ProcessRunner(1))
    assert seen == [2, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: parallelize("n"), "takes a function of a row, and not str"),  # type: ignore[arg-type]
        (lambda: parallelize(lambda row: None, 0), "num_processors must be a whole number from 1"),
        (lambda: parallelize(lambda row: None, predicate=5), "an expression or a function, not int"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_when_the_flow_is_written(make: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        make()


def test_an_unknown_field_in_the_predicate_is_refused_when_the_flow_is_planned() -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, parallelize(lambda row: None, predicate="m > 1")).package()
    assert isinstance(caught.value.cause, ExpressionError)
