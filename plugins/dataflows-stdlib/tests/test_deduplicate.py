"""deduplicate: the first row of each key stays, in order."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, FlowError, Package, ProcessorError
from dataflows_core.processors import deduplicate, dump_to_path, load


def primary_key(*fields: str) -> Any:
    def step(package: Package) -> None:
        for resource in package.resources:
            resource.schema = resource.schema.with_properties(primaryKey=list(fields) or None)

    return step


def left(rows: Any, *steps: Any) -> list[Any]:
    return [list(row.values())[-1] for row in Flow(rows, *steps).results().rows[0]]


@settings(max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"a": st.none() | st.sampled_from(["", "x", "X"]), "b": st.none() | st.integers(0, 2)}
        ),
        min_size=1,
        max_size=20,
    ).filter(lambda rows: any(row["a"] for row in rows) and any(row["b"] is not None for row in rows)),
    st.sampled_from([["a"], ["b"], ["a", "b"]]),
)
def test_the_first_of_each_key_stays(rows: list[dict[str, Any]], keys: list[str]) -> None:
    rows = [{**row, "n": number} for number, row in enumerate(rows)]
    firsts: dict[tuple[Any, ...], int] = {}
    for row in rows:
        firsts.setdefault(tuple(row[key] for key in keys), row["n"])
    assert left(rows, deduplicate(keys=keys)) == list(firsts.values())


def test_the_primary_key_is_the_key() -> None:
    rows = [{"id": 1, "n": 0}, {"id": 2, "n": 1}, {"id": 1, "n": 2}]
    assert left(rows, primary_key("id"), deduplicate()) == [0, 1]
    assert left(rows, primary_key("id", "n"), deduplicate()) == [0, 1, 2]


def test_resources_without_a_key_pass_when_others_have_one() -> None:
    def first_only(package: Package) -> None:
        package[0].schema = package[0].schema.with_properties(primaryKey="id")

    rows = [{"id": 1}, {"id": 1}]
    assert Flow(rows, rows, first_only, deduplicate()).results().rows == [[{"id": 1}], rows]
    with pytest.raises(ProcessorError, match=r"'res_2' has no primary key[\s\S]*set_primary_key") as caught:
        Flow(rows, rows, first_only, deduplicate(resources=["res_1", "res_2"])).process()
    assert caught.value.exit_code == 2


def test_no_key_at_all_is_refused() -> None:
    with pytest.raises(ProcessorError, match=r"no primary key[\s\S]*keys="):
        Flow([{"id": 1}], deduplicate()).process()
    with pytest.raises(FlowError, match="names no field"):
        deduplicate(keys=[])
    with pytest.raises(ProcessorError, match="did you mean 'name'"):
        Flow([{"name": 1}], deduplicate(keys="nam")).process()


def test_whole_rows_and_values_that_equal_themselves() -> None:
    rows = [{"f": math.nan, "n": 0}, {"f": math.nan, "n": 0}, {"f": 0.0, "n": 1}, {"f": -0.0, "n": 1}]
    assert left(rows, deduplicate(keys="*")) == [0, 1]


def test_a_file_keeps_its_texts_and_its_order(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    lines = [f"{n % 30_000},{n}.10,x{n}" for n in range(100_000)]
    source.write_text("\n".join(["id,price,note", *lines]))
    flow = Flow(
        load(str(source), name="t"),
        deduplicate(keys=["id"], memory_limit="40MB"),
        dump_to_path(str(tmp_path / "out")),
    )
    assert flow.process().stats["count_of_rows"] == 30_000
    written = (tmp_path / "out" / "t.csv").read_text().splitlines()
    assert written[1:] == [line.replace(".10", ".1") for line in lines[:30_000]]
    assert flow.process().stats["count_of_rows"] == 30_000


def test_an_empty_resource() -> None:
    table = pa.schema([("id", pa.int64())]).empty_table()
    assert Flow(table, deduplicate(keys="id")).results().rows == [[]]


def test_an_error_above_is_blamed_on_its_step() -> None:
    def fail(row: dict[str, Any]) -> None:
        if row["n"] == 5:
            raise ValueError("no")

    with pytest.raises(ProcessorError, match=r"step 2, .*row 6[\s\S]*ValueError: no"):
        Flow([{"n": n} for n in range(9)], fail, deduplicate(keys="n")).process()
