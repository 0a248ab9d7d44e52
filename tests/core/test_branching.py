"""Flows that part and meet."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from dataflows_core import Flow, FlowError, Package, ProcessorError, Resource
from dataflows_core.branching import branch, sources

MANY = [{"n": number} for number in range(50_000)]


def test_every_branch_sees_all_rows_and_changes_only_its_own() -> None:
    seen: dict[str, list[int]] = {"left": [], "right": [], "main": []}

    def watch(name: str) -> Any:
        return lambda row: seen[name].append(row["n"])

    double = Flow(lambda row: row.update(n=row["n"] * 2), watch("left"))
    few = Flow(lambda rows: (row for row, _ in zip(rows, range(3), strict=False)), watch("right"))
    rows = Flow(MANY, branch(double, few), watch("main")).results().rows

    assert rows == [MANY]
    assert seen["left"] == [row["n"] * 2 for row in MANY]
    assert seen["right"] == [0, 1, 2]
    assert seen["main"] == [row["n"] for row in MANY]


def test_a_branch_computes_what_is_above_it_once() -> None:
    calls: list[int] = []

    Flow(MANY, lambda row: calls.append(row["n"]), branch(Flow(None), Flow(None))).process()

    assert len(calls) == len(MANY)


def test_a_failure_in_a_branch_fails_the_run_at_its_position() -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(MANY, branch(Flow(None), Flow(None, lambda row: 1 / row["n"]))).process()
    assert (caught.value.position, caught.value.resource) == ("2.2.2", "res_1")


def test_branches_finish_and_share_the_stats() -> None:
    def finishing(package: Package) -> None:
        package.on_finish(lambda: package.stats.update(finished=True))

    assert Flow(MANY[:3], branch(Flow(finishing))).process().stats == {"finished": True}


def test_a_branch_runs_twice() -> None:
    flow = Flow(MANY[:10], branch(Flow(lambda row: None)))

    assert flow.results().rows == flow.results().rows


def test_sources_do_not_see_each_other() -> None:
    flow = Flow([{"a": 0}], sources(Flow([{"a": 1}], lambda row: row.update(a=7)), [{"b": 2}], [{"c": 3}]))

    results = flow.results()

    assert results.rows == [[{"a": 0}], [{"a": 7}], [{"b": 2}], [{"c": 3}]]
    assert results.package.names == ["res_1", "res_2", "res_3", "res_4"]


def test_a_limit_holds_in_branches_and_sources() -> None:
    seen: list[int] = []

    Flow(sources(MANY), branch(Flow(MANY, lambda row: seen.append(row["n"])))).run(limit=5)

    assert seen == [0, 1, 2, 3, 4] * 2


@pytest.mark.parametrize("make", [branch, sources])
def test_nothing_and_no_links_are_refused(make: Any) -> None:
    with pytest.raises(FlowError):
        make()
    with pytest.raises(FlowError, match="int"):
        make(7)


def test_a_branch_gets_what_the_package_says_of_itself_as_copies() -> None:
    def describe(package: Package) -> None:
        package.properties["title"] = "Numbers"
        package[0].properties["dialect"] = {"delimiter": ","}
        image = package.add(Resource("image", properties={"path": "a.png"}))
        image.source = ["a.png"]

    seen: list[dict[str, Any]] = []

    def change(package: Package) -> None:
        seen.append(deepcopy(package.descriptor))
        package.properties["title"] = "Others"
        package[0].properties["dialect"]["delimiter"] = ";"
        package["image"].source.append("b.png")

    package = Flow(MANY[:3], describe, branch(Flow(change))).process().package

    assert seen == [package.descriptor]
    assert package.properties["title"] == "Numbers"
    assert package[0].properties["dialect"] == {"delimiter": ","}
    assert package["image"].source == ["a.png"]
