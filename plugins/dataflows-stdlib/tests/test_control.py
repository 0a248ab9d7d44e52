"""What runs only sometimes, or only at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.processors import conditional, dump_to_path, finalizer, update_stats

ROWS = [{"n": 1}, {"n": 2}]


def double(row: Any) -> None:
    row["n"] *= 2


@pytest.mark.parametrize(
    "flow",
    [
        Flow(double),
        double,
        lambda dp: Flow(double),
        lambda package: Flow(double),
        lambda dp: Flow(None, double),
    ],
)
def test_a_flow_is_put_in_when_the_condition_holds(flow: Any) -> None:
    assert Flow(ROWS, conditional(lambda package: package.names == ["res_1"], flow)).results().rows == [
        [{"n": 2}, {"n": 4}]
    ]
    assert Flow(ROWS, conditional(lambda package: not package.names, flow)).results().rows == [ROWS]


def test_a_conditional_step_of_a_package_is_a_step() -> None:
    def title(package: Any) -> None:
        package.properties["title"] = "T"

    assert Flow(ROWS, conditional(lambda package: True, title)).package().properties == {"title": "T"}


def test_the_condition_sees_no_rows_and_a_nested_failure_has_its_place() -> None:
    def fail(row: Any) -> None:
        raise ValueError("no")

    flow = Flow(ROWS, conditional(lambda package: package[0].schema.names == ("n",), Flow(double, fail)))
    with pytest.raises(ProcessorError, match=r"step 2\.2, .*fail"):
        flow.process()


def test_conditional_refuses_what_is_no_condition_and_no_flow() -> None:
    with pytest.raises(FlowError, match="a function of the package, and not bool"):
        conditional(True, Flow())  # type: ignore[arg-type]
    with pytest.raises(FlowError, match="which is no step"):
        conditional(lambda package: True, 5)
    with pytest.raises(ProcessorError, match="it returned int"):
        Flow(ROWS, conditional(lambda package: True, lambda dp: 5)).package()


def test_the_finalizer_is_called_once_when_everything_is_in_its_place(tmp_path: Path) -> None:
    seen: list[Any] = []

    def look(stats: Any) -> None:
        seen.append((stats["count_of_rows"], stats["later"]))
        json.loads((tmp_path / "out" / "datapackage.json").read_text())

    flow = Flow(ROWS, ROWS, finalizer(look), dump_to_path(str(tmp_path / "out")), update_stats({"later": 1}))
    flow.process()
    assert seen == [(4, 1)]


def test_the_finalizer_need_not_take_stats_and_a_run_that_fails_calls_none() -> None:
    seen: list[int] = []
    Flow(ROWS, finalizer(lambda: seen.append(1))).process()
    assert seen == [1]
    with pytest.raises(ProcessorError):
        Flow(ROWS, finalizer(lambda: seen.append(2)), lambda row: 1 / 0).process()
    assert seen == [1]


def test_a_finalizer_that_fails_fails_the_run_at_its_step() -> None:
    with pytest.raises(ProcessorError, match=r"step 2, finalizer:\n  ZeroDivisionError"):
        Flow(ROWS, finalizer(lambda: 1 / 0), double).process()


@pytest.mark.parametrize("callback", [5, lambda package: None, lambda stats, other: None])
def test_a_finalizer_that_cannot_be_called_is_refused_when_the_flow_is_written(callback: Any) -> None:
    with pytest.raises(FlowError, match=r"takes a function|it is called with stats"):
        finalizer(callback)
