"""load_sql: what databases hold that others have made, refusals, and secrets."""

from __future__ import annotations

import datetime as dt
import pickle
import sqlite3
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import AccessError, FlowError
from dataflows_core.processors import dump_to_sql, load, load_sql
from dataflows_sql.address import Address
from dataflows_sql.database import writable
from dataflows_sql.other import Other


def do(url: str, *statements: str) -> None:
    with writable(url).open(write=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_types_of_postgres(postgres: str) -> None:
    do(
        postgres,
        "CREATE TABLE t AS SELECT 1.5::numeric AS loose, 1::int2 AS small, "
        "ARRAY[1.25, NULL]::numeric[] AS list, "
        "'a3'::char(3) AS fixed, '00000000-0000-0000-0000-000000000001'::uuid AS id, "
        "'2024-01-01 00:00+05:30'::timestamptz AS moment, 'P1M-2DT3S'::interval AS span",
    )
    found = Flow(load(postgres)).results()
    assert found.rows[0] == [
        {
            "loose": Decimal("1.5"),
            "small": 1,
            "list": [Decimal("1.25"), None],
            "fixed": "a3 ",
            "id": "00000000-0000-0000-0000-000000000001",
            "moment": dt.datetime(2023, 12, 31, 18, 30, tzinfo=dt.UTC),
            "span": found.rows[0][0]["span"],
        }
    ]
    assert found.package["t"].schema.field("span").type == "duration"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'infinity'::date", "'infinity' is not a value"),
        ("'NaN'::numeric(5,2)", "'NaN'"),
        ("1.5 / 7e20", "row 1"),
        ("(repeat('9', 48) || '.12')::numeric(60,2)", "at most 36 digits before the decimal point"),
        ("interval '3000000 hours'", "at most 292 years in hours"),
        ("'0044-03-15 BC'::date", "'0044-03-15 BC' is not a value"),
        ("'10000-01-01'::timestamptz", "'10000-01-01 00:00:00[+]00' is not a value"),
        ("'24:00'::time", "'24:00:00' is not a time"),
        ("ARRAY[[1], [2]]", "is not a list of plain values"),
    ],
)
def test_values_that_no_field_holds_are_errors_with_their_row(asked, expression, message) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(load(asked, query=f"SELECT {expression} AS x")).results()
    assert "row 1" in str(caught.value)


def test_numbers_with_another_scale_than_usual(asked: str) -> None:
    query = (
        "SELECT 9999949::numeric(5,-2) AS hundreds, 0.00012::numeric(3,5) AS small, "
        f"{'9' * 38}::numeric AS large, 1.50000000000000000000000000000::numeric AS padded"
    )
    with pytest.raises(ProcessorError, match="'large'"):
        Flow(load(asked, query=query)).results()
    found = Flow(load(asked, query=query.replace("::numeric AS large", "::numeric(38) AS large"))).results()
    assert found.rows[0] == [
        {"hundreds": 9999900, "small": Decimal("0.00012"), "large": int("9" * 38), "padded": Decimal("1.5")}
    ]


def test_the_row_of_an_item_that_no_list_holds(asked: str) -> None:
    array = "ARRAY['2024-01-01', CASE n WHEN 3 THEN 'infinity' END]::date[]"
    query = f"SELECT {array} AS x FROM generate_series(1, 4) AS n"
    with pytest.raises(ProcessorError, match="row 3 of query"):
        Flow(load(asked, query=query)).results()


def test_what_a_server_is_set_to_makes_no_difference(postgres: str) -> None:
    name = postgres.rpartition("/")[2]
    settings = {"DateStyle": "'SQL, DMY'", "extra_float_digits": "-15", "bytea_output": "'escape'"}
    settings |= {"IntervalStyle": "'iso_8601'", "client_encoding": "'latin1'", "TimeZone": "'Asia/Kathmandu'"}
    settings |= {"standard_conforming_strings": "off", "default_transaction_isolation": "'serializable'"}
    do(postgres, *(f"ALTER DATABASE {name} SET {key} = {value}" for key, value in settings.items()))
    row = {"x": 0.1 + 0.2, "at": dt.datetime(1883, 11, 18, 12, tzinfo=dt.UTC), "word": "Łódź \\'"}
    row |= {"day": dt.date(1066, 10, 14), "span": dt.timedelta(days=-1, microseconds=1)}
    for mode in ("rewrite", "append"):
        Flow([row], dump_to_sql({"t\\": {"resource-name": "res_1", "mode": mode}}, postgres)).process()
    assert Flow(load(postgres)).results().rows[0] == [row, row]


def test_a_query_cannot_write(postgres: str) -> None:
    do(
        postgres,
        "CREATE TABLE t (n integer)",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'DELETE FROM t RETURNING 1'",
    )
    with pytest.raises(ProcessorError, match="read-only"):
        Flow(load(postgres, query="SELECT f() FROM generate_series(1, 3)")).results()


def test_what_to_load_is_said(url: str) -> None:
    do(url, "CREATE TABLE cities (city varchar, n integer)", "INSERT INTO cities VALUES ('b', 1), ('a', 2)")
    assert Flow(load(url)).results().rows[0] == [{"city": "b", "n": 1}, {"city": "a", "n": 2}]
    chosen = load(url, table="cities", fields=["n"], order_by="city", limit_rows=1, name="x")
    assert Flow(chosen).results().rows == [[{"n": 2}]]
    assert Flow(load(url, query="SELECT n + 1 AS m FROM cities; ")).results().rows[0] == [{"m": 2}, {"m": 3}]
    for options, message in (
        ({"table": "citys"}, "did you mean 'cities'"),
        ({"table": "cities", "fields": ["citi"]}, "did you mean 'city'"),
        ({"query": "SELECT nothing FROM cities"}, "cannot run the query"),
        ({"query": "SELECT 1 AS n; DROP TABLE cities"}, "cannot run the query"),
    ):
        with pytest.raises(ProcessorError, match=message) as caught:
            Flow(load(url, **options)).results()
        assert isinstance(caught.value.cause, FlowError)
    assert Flow(load(url)).results().rows[0] == [{"city": "b", "n": 1}, {"city": "a", "n": 2}]


def test_a_query_that_cannot_run_is_shown_as_it_was_written(postgres: str) -> None:
    with pytest.raises(ProcessorError, match=r"syntax error at or near") as caught:
        Flow(load(postgres, query="DROP TABLE cities")).results()
    assert str(caught.value).endswith("\n  DROP TABLE cities")
    assert "SELECT" not in str(caught.value)


def test_a_database_in_a_store_is_to_be_copied_first() -> None:
    with pytest.raises(ProcessorError, match="copy the file to this machine first"):
        Flow(load("s3://bucket/cities.db", format="sqlite", storage_options={"anon": True})).results()


def test_a_query_without_columns_of_their_own_is_refused(asked: str) -> None:
    for query, message in (("SELECT", "gives no columns"), ("SELECT 1 AS n, 2 AS n", "have the name 'n'")):
        with pytest.raises(ProcessorError, match=message):
            Flow(load(asked, query=query)).results()


def test_bytes_are_refused_with_a_remedy(asked: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match=r"'b' holds bytes[\s\S]*encode"):
        Flow(load(asked, query="SELECT 'x'::bytea AS b")).results()
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t (b BLOB)")
        db.execute("INSERT INTO t VALUES (x'00')")
    db.close()
    with pytest.raises(ProcessorError, match=r"'b' holds bytes[\s\S]*hex"):
        Flow(load(tmp_path / "x.db")).results()


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("DATE", "2024-02-29", "soon"),
        ("INTEGER", 3, 2.5),
        ("BOOLEAN", 1, 2),
        ("DECIMAL(6,2)", 1.25, 1.255),
        ("DECIMAL(6,2)", -100, 123456789),
        ("DOUBLE", 3, "x"),
        ("TEXT", 3, b"\xff"),
    ],
)
def test_a_value_that_its_declaration_belies_is_an_error(tmp_path: Path, declared, good, bad) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute(f"CREATE TABLE t (x {declared})")
        db.executemany("INSERT INTO t VALUES (?)", [(good,), (None,), (bad,)])
    db.close()
    kept = Flow(load(tmp_path / "x.db", query="SELECT x FROM t LIMIT 2")).results().rows[0]
    assert [row["x"] for row in kept] == [str(good) if declared in ("DATE", "TEXT") else good, None] or (
        kept[0]["x"] == dt.date(2024, 2, 29)
    )
    with pytest.raises(ProcessorError, match="row 3 of t in sqlite") as caught:
        Flow(load(tmp_path / "x.db")).results()
    assert str(bad) in str(caught.value)


def test_engines_are_taken(url: str) -> None:
    if url.startswith("duckdb"):
        pytest.skip("SQLAlchemy has no dialect for DuckDB of its own")
    engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg"))
    Flow([{"a": 1}], dump_to_sql({"t": {"resource-name": "res_1"}}, engine)).process()
    assert Flow(load_sql(engine, table="t")).results().rows == [[{"a": 1}]]
    engine.dispose()


def test_an_engine_of_another_driver_is_refused() -> None:
    driver = SimpleNamespace(paramstyle="format", __version__="1.31.0")  # what SQLAlchemy asks of it
    engine = sa.create_engine("postgresql+pg8000://me:hush@h/d", module=driver)
    with pytest.raises(ProcessorError, match=r"has the driver pg8000[\s\S]*postgresql\+psycopg") as caught:
        Flow(load_sql(engine, table="t")).results()
    assert "hush" not in str(caught.value)


def test_a_database_in_memory_needs_its_engine() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Flow([{"a": 1}], dump_to_sql({"t": {"resource-name": "res_1"}}, engine)).process()
    assert Flow(load_sql(engine)).results().rows == [[{"a": 1}]]
    engine.dispose()
    with pytest.raises(ProcessorError, match="give its SQLAlchemy engine"):
        Flow(load_sql("sqlite://")).results()


def test_other_databases_are_read_by_sqlalchemy_and_not_written(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t (n INTEGER, word TEXT)")
        db.execute("INSERT INTO t VALUES (1, 'å'), (NULL, '')")
    db.close()
    other = Other(Address.of(f"sqlite:///{tmp_path}/x.db"))
    with other.open() as connection:
        assert connection.tables() == ["t"]
        schema = connection.describe("SELECT * FROM t")
        batches = [other.decode(block, schema) for _, block in connection.blocks("SELECT * FROM t", schema)]
    assert [row for batch in batches for row in batch.to_pylist()] == [
        {"n": 1, "word": "å"},
        {"n": None, "word": ""},
    ]
    with pytest.raises(ProcessorError, match=r"mysql://me:\*\*\*@h/d is none of these"):
        Flow([{"a": 1}], dump_to_sql({"t": {"resource-name": "res_1"}}, "mysql://me:secret@h/d")).process()


def test_secrets_are_not_shown(server: str, monkeypatch, caplog) -> None:
    wrong = server.replace("geheim%40wort", "f%40lsch")
    for source in (f"{wrong}/postgres", f"{wrong}/postgres?sslpassword=ssl-geheim"):
        with pytest.raises(ProcessorError) as caught:
            Flow(load(source, table="t")).results()
        assert isinstance(caught.value.cause, AccessError)
        monkeypatch.setenv("DATAFLOWS_DB_ENGINE", source)
        with pytest.raises(ProcessorError) as dumped:
            Flow([{"a": 1}], dump_to_sql({"t": {"resource-name": "res_1"}})).process()
        shown = f"{caught.value!r}{caught.value}{dumped.value}{caplog.text}{Address.of(source)!r}"
        assert "***" in shown
        for secret in ("f@lsch", "f%40lsch", "ssl-geheim"):
            assert secret not in shown
    result = Flow(load(f"{server}/postgres", query="SELECT 1 AS x")).results()
    assert "geheim" not in str(result.package.descriptor)
    split = result.package.resources[0].stream.origin if result.package.resources[0].stream else None
    assert "geheim" not in repr(split)
    assert pickle.loads(pickle.dumps(writable(f"{server}/postgres"))).shown.endswith("/postgres")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@127.0.0.1:1/d",
        "postgresql://me:one@hush@127.0.0.1:1/d",
        "postgresql://127.0.0.1:1/d?user=me&password=hush",
        "postgresql://127.0.0.1:1/d?options=-c%20search.token%3Dhush",
        "postgresql://me:hush@127.0.0.1:1/d?nonsense=hush",
        "postgresql://me:hush@127.0.0.1:port/d",
        "://me:hush@127.0.0.1/d",
        "mysql+nothing://me:hush@127.0.0.1/d",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dme%3BPWD%3Dhush",
        "sqlite:///x.db?key=hush",
        "duckdb:///x.duckdb?motherduck_token=hush",
        "postgres//me:hush@h/d",
        "postgres:/me:hush@h/d",
        "postgres:me:hush@h/d",
        "postgres/me:hush@h/d",
        "postgres//hush@h",
        "me:hush@h",
    ],
)
def test_no_part_of_a_url_that_may_be_a_secret_is_shown(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for link in (load_sql(url, table="t"), dump_to_sql({"t": {"resource-name": "res_1"}}, url)):
        with pytest.raises(ProcessorError) as caught:
            Flow([{"a": 1}], link).process()
        error: BaseException | None = caught.value
        while error is not None:
            assert "hush" not in f"{error} {error!r} {error.__notes__ if hasattr(error, '__notes__') else ''}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_signs_of_a_url_is_taken_when_it_is_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("10:30 me@lab.db", "me@lab.db"):
        Path(name).touch()
        assert Address.of(name).url.database == name


def test_messages_of_drivers_are_cleaned() -> None:
    address = Address.of("mssql+pyodbc://me:sl%40sh@h/d")
    message = "DSN=x;UID=me;PWD=other; password='a b' sslpassword = c sl@sh sl%40sh\n\tIs it there?"
    cleaned = "DSN=x;UID=me;PWD=***; password=*** sslpassword = *** *** ***\n  Is it there?"
    assert address.clean(message) == cleaned


@pytest.mark.parametrize("wrong", [{"table": ["a", "b"]}, {"query": b"SELECT 1"}, {"db_schema": 1}])
def test_one_table_is_loaded_at_a_time(wrong) -> None:
    with pytest.raises(FlowError, match="must be one text"):
        load_sql("sqlite:///cities.db", **wrong)


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("DATAFLOWS_DB_ENGINE", raising=False)
    for source, message in (
        (f"sqlite:///{tmp_path}/no.db", "there is no file"),
        (f"duckdb:///{tmp_path}/no.duckdb", "there is no file"),
        ("env://DATAFLOWS_DB_ENGINE", "is not set"),
        (tmp_path / "no.txt", "is no database"),
        ("s3://bucket/cities.db", "download it, and load its path"),
        ("oracle+cx_oracle://me@host/db", "install it, or name the one that you have"),
    ):
        with pytest.raises(ProcessorError, match=message):
            Flow(load_sql(source)).results()
        if "no.db" in str(source):
            assert not (tmp_path / "no.db").exists()
