"""sql: one SELECT over the package's resources, and nothing else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Field, Flow, Package, ProcessorError, Schema
from dataflows_core.processors import sql

ORDERS = [
    {"id": 1, "customer": "b", "price": Decimal("1.10")},
    {"id": 2, "customer": "a", "price": Decimal("2.20")},
    {"id": 3, "customer": "b", "price": Decimal("3.30")},
]
CUSTOMERS = [{"name": "a", "Full Name": "Ada"}, {"name": "b", "Full Name": "Bob"}]


def rename(package: Package) -> None:
    for resource, name in zip(package.resources, ["orders", "my customers"], strict=False):
        resource.name = name


def selected(query: str, *sources: Any, **options: Any) -> list[dict[str, Any]]:
    """The rows of the new resource."""
    return Flow(*(sources or (ORDERS, CUSTOMERS)), rename, sql(query, **options)).results().rows[-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT id FROM orders WHERE price > 2", [{"id": 2}, {"id": 3}]),
        ("SELECT sum(price) AS s FROM orders", [{"s": Decimal("6.6")}]),
        (
            """SELECT "Full Name" AS who, count(*) AS n FROM orders JOIN "my customers" ON customer = name
            GROUP BY ALL ORDER BY n DESC""",
            [{"who": "Bob", "n": 2}, {"who": "Ada", "n": 1}],
        ),
        ("SELECT id, row_number() OVER (PARTITION BY customer ORDER BY id DESC) AS r FROM orders ORDER BY id",
         [{"id": 1, "r": 2}, {"id": 2, "r": 1}, {"id": 3, "r": 1}]),
        ("WITH b AS (FROM orders WHERE customer = 'b') SELECT x.id FROM b x, b y WHERE x.id < y.id",
         [{"id": 1}]),
        ("SELECT id FROM orders UNION ALL SELECT id FROM orders ORDER BY 1 LIMIT 2", [{"id": 1}, {"id": 1}]),
        ("FROM orders SELECT max(id) AS m", [{"m": 3}]),
        ("SELECT id FROM orders WHERE customer IN (SELECT min(name) FROM \"my customers\")", [{"id": 2}]),
        ("SELECT 1 AS one", [{"one": 1}]),
        ("SELECT * EXCLUDE (price, customer) FROM ORDERS", [{"id": 1}, {"id": 2}, {"id": 3}]),
        ("SELECT count(*) FILTER (id > 1) AS n, CASE WHEN true THEN date '2020-01-02' END AS d FROM orders",
         [{"n": 2, "d": dt.date(2020, 1, 2)}]),
    ],
)  # fmt: skip
def test_selects(query: str, expected: list[dict[str, Any]]) -> None:
    assert selected(query) == expected
    assert selected(query) == expected


def test_sources_stay_unless_they_shall_go() -> None:
    flow = Flow(ORDERS, CUSTOMERS, rename, sql("SELECT id FROM orders", name="ids"))
    assert [resource.name for resource in flow.package().resources] == ["orders", "my customers", "ids"]
    assert flow.results().rows == [ORDERS, CUSTOMERS, [{"id": 1}, {"id": 2}, {"id": 3}]]
    flow = Flow(ORDERS, CUSTOMERS, rename, sql("SELECT id FROM orders", name="orders", source_delete=True))
    assert flow.results().rows == [CUSTOMERS, [{"id": 1}, {"id": 2}, {"id": 3}]]


KINDS: list[tuple[str, pa.DataType, Any]] = [
    ("number", pa.decimal128(38, 12), Decimal("1.5")),
    ("number", pa.decimal128(10, 2), Decimal("1.50")),
    ("integer", pa.decimal128(38, 0), Decimal(10**37)),
    ("datetime", pa.timestamp("us", "Europe/Berlin"), 10**15),
    ("datetime", pa.timestamp("ms"), 10**12),
    ("time", pa.time32("s"), 3600),
    ("year", pa.int32(), 2020),
    ("yearmonth", pa.string(), "2020-01"),
    ("duration", pa.month_day_nano_interval(), pa.MonthDayNano((1, 2, 3000))),
    (
        "geopoint",
        pa.struct([("lon", pa.decimal128(38, 12)), ("lat", pa.decimal128(38, 12))]),
        {"lon": 1, "lat": 2},
    ),
    ("object", pa.json_(pa.string()), '{"a": 1.0}'),
    ("list", pa.list_(pa.int64()), [1, None]),
]


@pytest.mark.parametrize(("name", "kind", "value"), KINDS)
def test_columns_that_are_passed_on_stay_what_they_are(name: str, kind: pa.DataType, value: Any) -> None:
    schema = Schema((Field({"name": "Value", "type": name, "title": "A value"}, kind), Field({"name": "n"})))
    batch = pa.record_batch([pa.array([value, None], kind), pa.array(["x", "y"])], names=["Value", "n"])

    def source(package: Package) -> None:
        package[0].map_batches(lambda _: batch, schema)

    for query in ("SELECT * FROM orders", "SELECT value AS other FROM orders"):
        resource = Flow([{"x": 1}], source, rename, sql(query, source_delete=True)).package()[0]
        field = resource.schema.fields[0]
        assert (field.type, field.arrow, field.descriptor["title"]) == (name, kind, "A value")
        assert resource.to_arrow().column(0).combine_chunks().equals(batch.column(0))


def test_what_is_computed_is_typed_by_sql() -> None:
    flow = Flow(ORDERS, rename, sql("SELECT avg(price) AS a, sum(id) AS s, list(id) AS l FROM orders"))
    fields = {field.name: field for field in flow.package()["result"].schema}
    assert (fields["a"].type, fields["a"].descriptor["floatNumber"]) == ("number", True)
    assert (fields["s"].type, fields["l"].type) == ("integer", "list")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", "SELECT statement is expected"),
        ("SELEC 1", "cannot be parsed"),
        ("INSERT INTO orders VALUES (1)", "no SELECT"),
        ("DROP TABLE orders", "no SELECT"),
        ("SET threads = 8", "no SELECT"),
        ("PIVOT orders ON id USING sum(id)", "no SELECT"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM ordres", "did you mean 'orders'"),
        ("SELECT * FROM '/etc/passwd'", "no resource '/etc/passwd'"),
        ("SELECT * FROM read_csv('/etc/passwd')", "a table function is not allowed"),
        ("SELECT * FROM information_schema.tables", "qualified table name"),
        ("SELECT * FROM duckdb_settings", "no resource 'duckdb_settings'"),
        ("SELECT * FROM \"the stream of orders\"", "no resource"),
        ("SELECT getenv('HOME')", "looks at the system"),
        ("SELECT current_setting('memory_limit')", "looks at the system"),
        ("SELECT random() AS r", "differs from one run to the next"),
        ("SELECT current_date AS d", "differs from one run to the next"),
        ("SELECT user AS u", "name of the system|looks at the system"),
        ("SELECT unnest([1, 2]) AS u", "multiplies rows"),
        ("SELECT * FROM range(10)", "a table function is not allowed"),
        ("SELECT list_transform([1], x -> x) AS l", "lambda|not allowed"),
        ("SELECT main.upper('a')", "qualified function"),
        ("SELECT * FROM orders WHERE id = $1", "a parameter"),
        ("SELECT * FROM orders TABLESAMPLE 10%", "TABLESAMPLE"),
        ("DESCRIBE orders", "DESCRIBE, SHOW or SUMMARIZE|no SELECT"),
        ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT * FROM r", "WITH RECURSIVE"),
        ("SELECT nope FROM orders", "(?s)nope.*known fields: id, customer, price"),
        ("SELECT sum(customer) FROM orders", "sum"),
        ("SELECT id, id FROM orders", "two fields have the name 'id'"),
        ("SELECT {'a': 1} AS s", "a structure|structures"),
        ("SELECT id FROM orders ORDER BY (SELECT getenv('HOME'))", "looks at the system"),
        ("SELECT id IN (SELECT id FROM pg_class) AS x FROM orders", "no resource 'pg_class'"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_when_the_flow_is_planned(query: str, problem: str) -> None:
    with pytest.raises(ProcessorError, match=problem) as caught:
        Flow(ORDERS, CUSTOMERS, rename, sql(query)).process()
    assert caught.value.exit_code == 2


def test_the_names_of_results_and_fields() -> None:
    with pytest.raises(ProcessorError, match="named 'orders' is there already"):
        Flow(ORDERS, rename, sql("SELECT 1 AS x", name="orders")).process()
    with pytest.raises(ProcessorError, match="differ only in case"):
        Flow([{"Year": 1, "year": 2}], rename, sql("SELECT 1 AS x FROM orders")).process()
    with pytest.raises(ProcessorError, match="no resource 'my customers'"):
        Flow(ORDERS, CUSTOMERS, rename, sql('FROM "my customers"', resources="orders")).process()


def test_values_that_cannot_be_computed_fail_the_run() -> None:
    for query in (
        "SELECT cast(customer AS integer) AS i FROM orders",
        "SELECT sum(price * 1e30::decimal(38,0)) AS p FROM orders",
    ):
        with pytest.raises(ProcessorError, match="step 3, sql") as caught:
            Flow(ORDERS, rename, sql(query)).process()
        assert caught.value.exit_code in {1, 2}


def test_a_moment_that_sql_cannot_hold_is_an_error() -> None:
    table = pa.table({"t": pa.array([1000, 1001], pa.timestamp("ns"))})
    with pytest.raises(ProcessorError, match="SQL can hold exactly"):
        Flow(table, rename, sql("SELECT t FROM orders")).process()


def test_a_select_larger_than_memory() -> None:
    table = pa.table(
        {"k": pa.array([n * 7919 % 300_000 for n in range(300_000)]), "t": pa.array(["x" * 80] * 300_000)}
    )
    rows = Flow(
        table, rename, sql("SELECT k, t FROM orders ORDER BY k", memory_limit="40MB", source_delete=True)
    )
    column = rows.package()[0].to_arrow().column("k").combine_chunks()
    assert column.equals(pa.array(range(300_000)))
