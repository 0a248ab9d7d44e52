"""What a step may do to a package, and what is made good when it does it carelessly."""

from __future__ import annotations

from typing import Any

import pytest

from dataflows_core import Flow, FlowError, Package, ProcessorError, Resource, Stream

ROWS = [{"n": number} for number in range(5)]


def finishing(package: Package) -> None:
    package.on_finish(lambda: package.stats.update(finished=True))
    package.stats["planned"] = True


def another(package: Package) -> Package:
    """A step that returns a package of its own."""
    made = Package(package.properties)
    for resource in package.resources:
        made.add(resource)
    return made


def test_another_package_does_what_the_one_before_it_had_to_do() -> None:
    aborted: list[str] = []

    def aborting(package: Package) -> None:
        package.on_abort(lambda: aborted.append("taken back"))

    processed = Flow(ROWS, finishing, aborting, another).process()
    assert processed.stats == {"planned": True, "finished": True}

    with pytest.raises(ProcessorError):
        Flow(ROWS, aborting, another, lambda row: 1 / 0).process()
    assert aborted == ["taken back"]


def test_a_limit_holds_behind_another_package() -> None:
    rows: list[Any] = []

    Flow(another, ROWS, lambda row: rows.append(row["n"])).run(limit=2)

    assert rows == [0, 1]


@pytest.mark.parametrize(
    "lose",
    [
        lambda package: Package(),
        lambda package: package.resources.clear(),
        lambda package: package.remove(package[0]),
        lambda package: package.resources.__setitem__(0, Resource("other")),
    ],
)
def test_a_resource_that_is_gone_is_read_to_its_end_once(lose: Any) -> None:
    seen: list[int] = []

    results = Flow(ROWS, lambda row: seen.append(row["n"]), lose).results()

    assert seen == [0, 1, 2, 3, 4]
    assert results.rows == []


def test_a_resource_that_another_one_goes_on_with_is_not_read_twice() -> None:
    seen: list[int] = []

    def renamed(package: Package) -> Package:
        made = Package()
        made.add(Resource("renamed", package[0].stream))
        return made

    def derived(package: Package) -> Package:
        stream = package[0].stream
        assert stream is not None
        made = Package()
        made.add(Resource("derived", Stream.derive([stream], lambda batches: batches, stream.schema)))
        return made

    rows = Flow(ROWS, lambda row: seen.append(row["n"]), renamed, derived).results().rows

    assert rows == [ROWS]
    assert seen == [0, 1, 2, 3, 4]


def test_two_resources_of_one_name_are_refused_at_the_step_that_names_them() -> None:
    def rename(package: Package) -> None:
        for resource in package.resources:
            resource.name = "same"

    with pytest.raises(ProcessorError, match="two resources are named 'same'") as caught:
        Flow(ROWS, ROWS, rename, lambda row: None).process()
    assert (caught.value.position, caught.value.exit_code) == ("3", 2)


def test_a_resource_can_be_renamed() -> None:
    def rename(package: Package) -> None:
        package[0].name = "renamed"

    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, rename, lambda row: 1 / 0).process()
    assert caught.value.resource == "renamed"
    assert Flow(ROWS, rename).results().package.names == ["renamed"]


@pytest.mark.parametrize("flow", [Flow(), Flow(None), Flow(Flow()), Flow(Flow(None), None)])
def test_a_flow_of_nothing_does_nothing(flow: Flow) -> None:
    assert flow.process().package.resources == []
    assert flow.results().rows == []
    assert flow.package().resources == []


def test_a_step_returns_a_package_or_none() -> None:
    with pytest.raises(ProcessorError, match="it returned int") as caught:
        Flow(ROWS, lambda package: 7).process()
    assert isinstance(caught.value.cause, FlowError)


def standing_in(stands: bool, seen: list[Any]) -> Any:
    """A step that can stand in for those before it, as a checkpoint does."""

    def step(package: Package) -> None:
        seen.append("asked nobody")

    def behind(before: Any, package: Package) -> Any:
        seen.append([planned.ref.name for planned in before])

        def bring(package: Package) -> None:
            if stands:
                Flow([{"n": 7}]).plan(package)

        return bring, stands

    step.__behind__ = behind  # type: ignore[attr-defined]
    return step


def never(package: Package) -> None:
    raise AssertionError("it was planned")


def test_a_step_can_stand_in_for_those_before_it() -> None:
    seen: list[Any] = []
    flow = Flow(Flow(ROWS, never), standing_in(True, seen), lambda row: row.update(n=row["n"] + 1))
    assert flow.results().rows == [[{"n": 8}]]
    assert seen == [["list", "never"]]
    assert flow.plan(last=1).names == ["res_1"]


def test_a_step_that_does_not_stand_in_lets_those_before_it_be_asked() -> None:
    seen: list[Any] = []
    flow = Flow(never, standing_in(True, seen), standing_in(False, seen))
    assert flow.results().rows == [[{"n": 7}]]
    assert seen == [["never", "standing_in"], ["never"]]


def test_nobody_stands_in_for_what_comes_from_outside() -> None:
    seen: list[Any] = []
    Flow(standing_in(True, seen)).plan(Flow(ROWS).package())
    assert seen == ["asked nobody"]


def test_what_is_asked_to_be_last_is_called_behind_all_others() -> None:
    called: list[str] = []

    def finishes(name: str, last: bool) -> Any:
        return lambda package: package.on_finish(lambda: called.append(name), last=last)

    Flow(finishes("a", True), another, ROWS, finishes("b", False), finishes("c", True)).process()
    assert called == ["b", "a", "c"]


def test_a_cast_can_change_what_else_the_schema_says() -> None:
    def missing(package: Package) -> None:
        package[0].cast(package[0].schema.fields, properties={"missingValues": ["-"], "custom": 1})

    results = Flow([{"a": "-"}, {"a": "b"}], missing).results()
    assert results.rows == [[{"a": None}, {"a": "b"}]]
    assert results.package[0].schema.properties == {"missingValues": ["-"], "custom": 1}


def test_an_expression_that_one_resource_does_not_understand_is_said_to_be_of_that_one() -> None:
    def compute(package: Package) -> None:
        for resource in package.resources:
            resource.map_sql(columns={"double": "n * 2"})

    with pytest.raises(ProcessorError, match="step 3, compute, resource 'res_2'") as caught:
        Flow([{"n": 1}], [{"m": 1}], compute).process()
    assert caught.value.resource == "res_2"
