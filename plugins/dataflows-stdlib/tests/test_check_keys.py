"""check_keys: primary, unique and foreign keys, across resources."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, FlowError, Package, ProcessorError
from dataflows_core.processors import check_keys


def declare(number: int = 0, **properties: Any) -> Any:
    def step(package: Package) -> None:
        package[number].schema = package[number].schema.with_properties(**properties)

    return step


def problems(*steps: Any) -> list[str]:
    """What the error says, line by line; none when there is none."""
    try:
        Flow(*steps).process()
    except ProcessorError as error:
        return [] if error.exit_code == 2 else str(error.cause).splitlines()
    return []


ORDERS = [{"id": 1, "customer": "a"}, {"id": 2, "customer": "b"}, {"id": 3, "customer": None}]
CUSTOMERS = [{"name": "b"}, {"name": "a"}]
FOREIGN = declare(
    0, foreignKeys=[{"fields": "customer", "reference": {"resource": "res_2", "fields": "name"}}]
)


def test_keys_that_hold_let_everything_pass() -> None:
    flow = Flow(
        ORDERS, CUSTOMERS, declare(0, primaryKey="id", uniqueKeys=[["customer"]]), FOREIGN,
        declare(1, primaryKey=["name"]), check_keys(),
    )  # fmt: skip
    assert flow.results().rows == [ORDERS, CUSTOMERS]
    assert flow.results().rows == [ORDERS, CUSTOMERS]


def test_every_broken_key_is_told() -> None:
    orders = [*ORDERS, {"id": 1, "customer": "z"}, {"id": None, "customer": "b"}, {"id": 2, "customer": "z"}]
    assert problems(orders, CUSTOMERS, declare(0, primaryKey="id"), FOREIGN, check_keys()) == [
        "5 keys are broken",
        "  resource 'res_1', row 4: the primary key id=1 is that of row 1 already",
        "  resource 'res_1', row 5: the primary key id=None has a null",
        "  resource 'res_1', row 6: the primary key id=2 is that of row 2 already",
        "  resource 'res_1', row 4: the foreign key customer='z' is no name of 'res_2'",
        "  resource 'res_1', row 6: the foreign key customer='z' is no name of 'res_2'",
    ]


def test_no_more_is_shown_than_the_limit() -> None:
    lines = problems([{"id": n % 10} for n in range(20)], declare(primaryKey="id"), check_keys(limit=2))
    assert lines[0] == "10 keys are broken"
    assert lines[1:] == [
        "  resource 'res_1', row 11: the primary key id=0 is that of row 1 already",
        "  resource 'res_1', row 12: the primary key id=1 is that of row 2 already",
        "  resource 'res_1': … and 8 more of its primary key",
    ]


def test_a_foreign_key_may_refer_to_its_own_resource_and_to_other_numbers() -> None:
    tree = [{"id": 1, "parent": None}, {"id": 2, "parent": "1"}, {"id": 3, "parent": "7"}]
    key = declare(0, foreignKeys=[{"fields": ["parent"], "reference": {"resource": "", "fields": ["id"]}}])

    def number(package: Package) -> None:
        package[0].map_sql(columns={"parent": "cast(parent as decimal(38, 3))"})

    assert problems(tree, number, key, check_keys()) == [
        "1 key is broken",
        "  resource 'res_1', row 3: the foreign key parent=Decimal('7') is no id of 'res_1'",
    ]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.none() | st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12))
def test_unique_keys_are_compared_where_they_have_no_null(pairs: list[tuple[int | None, int]]) -> None:
    table = pa.table({"a": pa.array([a for a, _ in pairs], pa.int64()), "b": [b for _, b in pairs]})
    whole = [pair for pair in pairs if None not in pair]
    broken = len({pair for pair in whole if whole.count(pair) > 1})
    lines = problems(table, declare(uniqueKeys=[["a", "b"]]), check_keys())
    assert (lines[0].split()[0] if lines else "0") == str(broken)


def test_the_constraint_unique_is_a_key() -> None:
    def unique(package: Package) -> None:
        schema = package[0].schema
        package[0].schema = schema.add(schema.field("id").update(constraints={"unique": True}))

    assert problems([{"id": "x"}, {"id": "x"}], unique, check_keys())[1:] == [
        "  resource 'res_1', row 2: the unique key id='x' is that of row 1 already"
    ]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([ORDERS, check_keys()], "no resource declares a key"),
        ([ORDERS, declare(foreignKeys=[{"fields": "customer"}]), check_keys()], "needs `fields`, and a `ref"),
        ([ORDERS, FOREIGN, check_keys()], "no resource is named 'res_2'"),
        ([ORDERS, [{"nam": 1}], FOREIGN, check_keys()], "did you mean 'nam'"),
        (
            [ORDERS, [{"name": 1}], FOREIGN, check_keys()],
            "type string, and the field 'name'.* of the type integer",
        ),
        ([ORDERS, declare(primaryKey="idd"), check_keys()], "did you mean 'id'"),
    ],
)
def test_what_cannot_be_checked(steps: list[Any], problem: str) -> None:
    with pytest.raises(ProcessorError, match=f"(?s){problem}") as caught:
        Flow(*steps).process()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("limit", [0, -1, "many", True])
def test_a_limit_that_is_none(limit: Any) -> None:
    with pytest.raises(FlowError, match="limit"):
        check_keys(limit=limit)


def test_nothing_is_written_when_a_key_is_broken(tmp_path: Any) -> None:
    from dataflows_core.processors import dump_to_path

    assert problems(
        [{"id": 1}, {"id": 1}], declare(primaryKey="id"), check_keys(), dump_to_path(str(tmp_path / "out"))
    )
    assert not (tmp_path / "out" / "datapackage.json").exists()
