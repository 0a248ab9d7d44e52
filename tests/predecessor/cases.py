"""The same small flows for both: written once, with the processors of whoever runs them.

Each case gets a namespace of processors, and returns the links of a flow. Neither library is imported here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

__all__ = ["CASES", "Case"]

Case = Callable[[Any], list[Any]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Registers a case under its name."""
    CASES[function.__name__] = function
    return function


def people() -> list[dict[str, Any]]:
    """Rows with every kind of value, and some without."""
    return [
        {
            "id": 1,
            "name": "ann",
            "age": 31,
            "pay": Decimal("10.5"),
            "since": dt.date(2020, 2, 29),
            "team": "a",
        },
        {"id": 2, "name": "bob", "age": None, "pay": Decimal("20.25"), "since": None, "team": "b"},
        {"id": 3, "name": "cem", "age": 17, "pay": None, "since": dt.date(1999, 12, 31), "team": "a"},
        {"id": 4, "name": "dee", "age": 31, "pay": Decimal(7), "since": dt.date(2020, 1, 1), "team": None},
    ]


def teams() -> list[dict[str, Any]]:
    """What some of their teams are."""
    return [{"team": "a", "room": 1}, {"team": "b", "room": 2}, {"team": "c", "room": 3}]


def named(name: str, rows: list[dict[str, Any]], p: Any) -> list[Any]:
    """A resource with a name."""
    return [rows, p.update_resource(-1, name=name, path=f"{name}.csv")]


# --- rows and fields -------------------------------------------------------------------------------------


@case
def iterable(p: Any) -> list[Any]:
    return [people()]


@case
def row_function(p: Any) -> list[Any]:
    def older(row: dict[str, Any]) -> None:
        row["age"] = (row["age"] or 0) + 1

    return [people(), older]


@case
def row_function_that_returns(p: Any) -> list[Any]:
    def replaced(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "name": row["name"].upper()}

    return [people(), replaced]


@case
def rows_function(p: Any) -> list[Any]:
    def twice(rows: Any) -> Any:
        for row in rows:
            yield row
            yield {**row, "id": row["id"] + 100}

    return [people(), twice]


@case
def add_field_constant(p: Any) -> list[Any]:
    return [people(), p.add_field("unit", "string", "EUR")]


@case
def add_field_of_row(p: Any) -> list[Any]:
    return [people(), p.add_field("double", "integer", lambda row: row["id"] * 2)]


@case
def add_computed_field_sum(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="total", operation="sum", source=["id", "age"])]


@case
def add_computed_field_average(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="mean", operation="avg", source=["id", "age"])]


@case
def add_computed_field_max_min(p: Any) -> list[Any]:
    return [
        people(),
        p.add_computed_field(
            [
                {"target": "most", "operation": "max", "source": ["id", "age"]},
                {"target": "least", "operation": "min", "source": ["id", "age"]},
            ]
        ),
    ]


@case
def add_computed_field_multiply(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="product", operation="multiply", source=["id", "pay"])]


@case
def add_computed_field_constant(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="c", operation="constant", with_="x")]


@case
def add_computed_field_join(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="j", operation="join", source=["name", "team"], with_="-")]


@case
def add_computed_field_format(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="f", operation="format", with_="{id}: {name}")]


@case
def add_computed_field_callable(p: Any) -> list[Any]:
    return [people(), p.add_computed_field(target="k", operation=lambda row: str(row["id"]) + row["name"])]


@case
def select_fields(p: Any) -> list[Any]:
    return [people(), p.select_fields(["name", "id"])]


@case
def select_fields_by_pattern(p: Any) -> list[Any]:
    return [people(), p.select_fields([".*e"])]


@case
def delete_fields(p: Any) -> list[Any]:
    return [people(), p.delete_fields(["pay", "since"])]


@case
def delete_fields_by_pattern(p: Any) -> list[Any]:
    return [people(), p.delete_fields(["(p|s).*"])]


@case
def rename_fields(p: Any) -> list[Any]:
    return [people(), p.rename_fields({"name": "who"})]


@case
def rename_fields_by_group(p: Any) -> list[Any]:
    return [people(), p.rename_fields({"(na)(me)": r"\2\1"})]


@case
def find_replace(p: Any) -> list[Any]:
    return [
        people(),
        p.find_replace(
            [
                {
                    "name": "name",
                    "patterns": [{"find": "(n+)", "replace": r"<\1>"}, {"find": "^b", "replace": "B"}],
                }
            ]
        ),
    ]


@case
def find_replace_null(p: Any) -> list[Any]:
    return [people(), p.find_replace([{"name": "team", "patterns": [{"find": "a", "replace": "A"}]}])]


@case
def set_type_number(p: Any) -> list[Any]:
    return [[{"n": "1.50"}, {"n": "2"}], p.set_type("n", type="number")]


@case
def set_type_formats(p: Any) -> list[Any]:
    rows = [{"d": "29/02/2020", "n": "1.234,5", "b": "yes"}]
    return [
        rows,
        p.set_type("d", type="date", format="%d/%m/%Y"),
        p.set_type("n", type="number", decimalChar=",", groupChar="."),
        p.set_type("b", type="boolean", trueValues=["yes"], falseValues=["no"]),
    ]


@case
def set_type_by_pattern(p: Any) -> list[Any]:
    return [[{"n1": "1", "n2": "2", "t": "3"}], p.set_type("n.", type="integer")]


@case
def set_type_transform(p: Any) -> list[Any]:
    return [[{"n": "7 kg"}], p.set_type("n", type="integer", transform=lambda v: v.split()[0])]


@case
def set_type_drop(p: Any) -> list[Any]:
    rows = [{"n": "1"}, {"n": "x"}, {"n": "3"}]
    return [rows, p.set_type("n", type="integer", on_error=p.schema_validator.drop)]


@case
def set_type_clear(p: Any) -> list[Any]:
    rows = [{"n": "1"}, {"n": "x"}, {"n": "3"}]
    return [rows, p.set_type("n", type="integer", on_error=p.schema_validator.clear)]


@case
def validate_function(p: Any) -> list[Any]:
    return [people(), p.validate(lambda row: row["id"] < 3, on_error=p.schema_validator.drop)]


@case
def validate_field(p: Any) -> list[Any]:
    return [people(), p.validate("id", lambda v: v % 2 == 1, on_error=p.schema_validator.drop)]


@case
def filter_rows_equals(p: Any) -> list[Any]:
    return [people(), p.filter_rows(equals=[{"team": "a"}])]


@case
def filter_rows_equals_or(p: Any) -> list[Any]:
    return [people(), p.filter_rows(equals=[{"team": "b"}, {"age": 17}])]


@case
def filter_rows_not_equals(p: Any) -> list[Any]:
    return [people(), p.filter_rows(not_equals=[{"team": "a"}])]


@case
def filter_rows_condition(p: Any) -> list[Any]:
    return [people(), p.filter_rows(lambda row: (row["age"] or 0) > 20)]


@case
def unpivot(p: Any) -> list[Any]:
    rows = [{"place": "x", "y2000": 1, "y2001": 2}, {"place": "z", "y2000": 3, "y2001": None}]
    return [
        rows,
        p.unpivot(
            [{"name": "y([0-9]+)", "keys": {"year": r"\1"}}],
            [{"name": "year", "type": "year"}],
            {"name": "value", "type": "integer"},
        ),
    ]


# --- order and repetition --------------------------------------------------------------------------------


@case
def sort_rows_text(p: Any) -> list[Any]:
    return [people(), p.sort_rows("{name}", reverse=True)]


@case
def sort_rows_number(p: Any) -> list[Any]:
    return [[{"n": n} for n in (10, 9, 100, -1, 0)], p.sort_rows("{n}")]


@case
def sort_rows_ties(p: Any) -> list[Any]:
    return [[{"n": 1, "i": i} for i in range(5)], p.sort_rows("{n}")]


@case
def sort_rows_ties_reverse(p: Any) -> list[Any]:
    return [[{"n": i % 2, "i": i} for i in range(5)], p.sort_rows("{n}", reverse=True)]


@case
def sort_rows_null(p: Any) -> list[Any]:
    return [[{"t": "b"}, {"t": None}, {"t": "a"}], p.sort_rows("{t}")]


@case
def sort_rows_two_keys(p: Any) -> list[Any]:
    rows = [{"a": "ab", "b": "a"}, {"a": "a", "b": "z"}, {"a": "a", "b": "c"}]
    return [rows, p.sort_rows(["a", "b"])]


@case
def sort_rows_function(p: Any) -> list[Any]:
    return [people(), p.sort_rows(lambda row: row["name"][::-1])]


@case
def deduplicate(p: Any) -> list[Any]:
    rows = [{"k": 1, "v": "x"}, {"k": 2, "v": "y"}, {"k": 1, "v": "z"}]
    return [rows, p.set_primary_key(["k"]), p.deduplicate()]


# --- several resources -----------------------------------------------------------------------------------


@case
def two_resources(p: Any) -> list[Any]:
    return [people(), teams()]


@case
def concatenate(p: Any) -> list[Any]:
    return [
        [{"a": 1, "b": "x"}],
        [{"c": 2, "b": "y"}],
        p.concatenate({"a": ["c"], "b": []}, target={"name": "both", "path": "data/both.csv"}),
    ]


@case
def duplicate(p: Any) -> list[Any]:
    return [*named("p", people(), p), p.duplicate("p", "q", "q.csv")]


@case
def duplicate_to_end(p: Any) -> list[Any]:
    return [
        *named("p", people(), p),
        *named("t", teams(), p),
        p.duplicate("p", "q", "q.csv", duplicate_to_end=True),
    ]


@case
def delete_resource(p: Any) -> list[Any]:
    return [people(), teams(), p.delete_resource("res_1")]


def joined(p: Any, fields: Any, **options: Any) -> list[Any]:
    return [
        *named("t", teams(), p),
        *named("p", people(), p),
        p.join("t", ["team"], "p", ["team"], fields, **options),
    ]


@case
def join_half_outer(p: Any) -> list[Any]:
    return joined(p, {"room": {}})


@case
def join_inner(p: Any) -> list[Any]:
    return joined(p, {"room": {}}, mode="inner")


@case
def join_full_outer(p: Any) -> list[Any]:
    return joined(p, {"room": {}}, mode="full-outer")


@case
def join_keeps_source(p: Any) -> list[Any]:
    return joined(p, {"room": {}}, source_delete=False)


@case
def join_renamed(p: Any) -> list[Any]:
    return joined(p, {"where": {"name": "room"}})


@case
def join_all_fields(p: Any) -> list[Any]:
    return joined(p, {"*": {}})


@case
def join_format_key(p: Any) -> list[Any]:
    return [
        *named("t", teams(), p),
        *named("p", people(), p),
        p.join("t", "{team}", "p", "{team}", {"room": {}}, mode="inner"),
    ]


def grouped(p: Any, **aggregates: str) -> list[Any]:
    fields = {name: {"name": "v", "aggregate": aggregate} for name, aggregate in aggregates.items()}
    rows = [{"k": k, "v": v} for k, v in (("x", 3), ("y", 1), ("x", 2), ("x", 7))]
    return [
        *named("s", rows, p),
        *named("t", [{"k": "x"}, {"k": "y"}, {"k": "z"}], p),
        p.join("s", ["k"], "t", ["k"], fields),
    ]


@case
def join_sum_max_min(p: Any) -> list[Any]:
    return grouped(p, sum="sum", max="max", min="min")


@case
def join_first_last_count(p: Any) -> list[Any]:
    return grouped(p, first="first", last="last", count="count")


@case
def join_average(p: Any) -> list[Any]:
    return [*grouped(p, avg="avg")]


@case
def join_array(p: Any) -> list[Any]:
    return grouped(p, all="array")


@case
def join_with_self(p: Any) -> list[Any]:
    rows = [{"k": k, "v": v} for k, v in (("y", 1), ("x", 3), ("x", 2))]
    return [*named("s", rows, p), p.join_with_self("s", ["k"], {"k": {}, "v": {"aggregate": "sum"}})]


@case
def sources(p: Any) -> list[Any]:
    return [p.sources([{"a": 1}]), [{"b": 2}]]


# --- descriptors, stats, control -------------------------------------------------------------------------


@case
def update_package(p: Any) -> list[Any]:
    return [people(), p.update_package(title="T", name="n")]


@case
def add_metadata(p: Any) -> list[Any]:
    return [people(), p.add_metadata(title="T", name="n")]


@case
def update_resource(p: Any) -> list[Any]:
    return [people(), p.update_resource("res_1", name="new", title="T", path="new.csv")]


@case
def update_schema_missing(p: Any) -> list[Any]:
    return [[{"t": "x"}, {"t": "-"}], p.update_schema("res_1", missingValues=["-"]), p.validate()]


@case
def set_primary_key(p: Any) -> list[Any]:
    return [people(), p.set_primary_key(["id"])]


@case
def update_stats(p: Any) -> list[Any]:
    return [people(), p.update_stats({"seen": 4}), p.update_stats({"more": 1})]


@case
def conditional_true(p: Any) -> list[Any]:
    return [people(), p.conditional(lambda package: True, p.Flow(p.add_field("c", "integer", 1)))]


@case
def conditional_false(p: Any) -> list[Any]:
    return [people(), p.conditional(lambda package: False, p.Flow(p.add_field("c", "integer", 1)))]


@case
def nested_flow(p: Any) -> list[Any]:
    return [p.Flow(people(), p.delete_fields(["pay"])), p.add_field("c", "integer", 1)]


@case
def none_is_nothing(p: Any) -> list[Any]:
    return [people(), None, p.add_field("c", "integer", 1)]


@case
def partial_function(p: Any) -> list[Any]:
    import functools

    def older(row: dict[str, Any], by: int) -> None:
        row["age"] = (row["age"] or 0) + by

    return [people(), functools.partial(older, by=5)]


# --- printing, pipes, parallel work ----------------------------------------------------------------------


@case
def printer(p: Any) -> list[Any]:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        return [people(), p.printer(num_rows=1, header_print=lambda *_: None, table_print=lambda *_: None)]


@case
def stream_and_unstream(p: Any) -> list[Any]:
    import tempfile
    from pathlib import Path

    path = Path(tempfile.mkdtemp(prefix="dataflows-stream-"), "stream")
    p.Flow(people(), p.stream(path.open("w"))).process()
    return [p.unstream(path.open())]


@case
def finalizer(p: Any) -> list[Any]:
    seen: list[str] = []
    return [people(), p.finalizer(lambda: seen.append("done")), p.update_stats({"at_end": not seen})]


@case
def parallelize(p: Any) -> list[Any]:
    return [people(), p.parallelize(abs_age, num_processors=1), p.sort_rows("{id}")]


def abs_age(row: dict[str, Any]) -> None:
    """Changes a row in place, as both understand it."""
    row["age"] = abs(row["age"] or 0)


@case
def checkpoint(p: Any) -> list[Any]:
    import tempfile

    folder = tempfile.mkdtemp(prefix="dataflows-checkpoint-")
    p.Flow(people(), p.checkpoint("c", checkpoint_path=folder)).process()
    return [people(), p.checkpoint("c", checkpoint_path=folder), p.add_field("c", "integer", 1)]
