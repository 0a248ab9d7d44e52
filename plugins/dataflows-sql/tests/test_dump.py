"""dump_to_sql: modes, keys, indexes, drift, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import AccessError, CastError, DataError, FlowError, RowError, SchemaError
from dataflows_core.processors import dump_to_sql, filter_rows, load, set_primary_key
from dataflows_sql.database import writable

Rows = list[dict[str, Any]]
A, B = {"id": 1, "name": "a", "n": 1}, {"id": 2, "name": "b", "n": 2}


def dump(url: str, rows: Rows, mode: str = "rewrite", table: str = "t", *steps: Any, **more: Any) -> Any:
    options = {key: more.pop(key) for key in ("update_keys", "indexes_fields") if key in more}
    sink = dump_to_sql({table: {"resource-name": "res_1", "mode": mode, **options}}, url, **more)
    return Flow(rows, *steps, sink).results()


def read(url: str, table: str = "t", **options: Any) -> Rows:
    return Flow(load(url, table=table, **options)).results().rows[0]


def do(url: str, *statements: str) -> None:
    with writable(url).open(write=True) as connection:
        for statement in statements:
            connection.execute(statement)


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with writable(url).open(write=False) as connection:
        return connection.rows(query)


def test_rewrite_replaces_the_table_and_its_columns(url: str) -> None:
    dump(url, [A, B])
    dump(url, [{"other": "x"}])
    assert read(url) == [{"other": "x"}]


def test_append_adds_rows_and_makes_the_table(url: str) -> None:
    assert dump(url, [A], "append").stats == {"count_of_rows": 1}
    dump(url, [B], "append")
    assert read(url, order_by="id") == [A, B]


@pytest.mark.parametrize("mode", ["update", "upsert"])
def test_update_replaces_by_key_and_adds_the_others(url: str, mode: str) -> None:
    dump(url, [A], mode, update_keys=["id"])
    new = {"id": 1, "name": None, "n": 5}
    dump(url, [{"id": 1, "name": "x", "n": 4}, new, B], mode, update_keys=["id"])
    assert read(url, order_by="id") == [new, B]


def test_merge_leaves_what_a_null_says_nothing_about(url: str) -> None:
    dump(url, [A], "merge", update_keys="id")
    rows = [{"id": 1, "name": "x", "n": None}, {"id": 1, "name": None, "n": None}, B]
    dump(url, rows, "merge", update_keys="id")
    assert read(url, order_by="id") == [{"id": 1, "name": "x", "n": 1}, B]


KEYED_TYPES = pa.schema([("a", pa.int64()), ("b", pa.string()), ("v", pa.int64()), ("w", pa.string())])
KEYED = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.integers(0, 3),
            "b": st.sampled_from(["", "x", "å"]),
            "v": st.none() | st.integers(0, 9),
            "w": st.none() | st.sampled_from(["", "p"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=6,
    phases=[Phase.generate],
)
@given(first=KEYED, second=KEYED, mode=st.sampled_from(["update", "merge"]), indexed=st.booleans())
def test_update_and_merge_are_what_going_row_by_row_gives(
    url: str, first: Rows, second: Rows, mode: str, indexed: bool
) -> None:
    expected: dict[tuple[int, str], dict[str, Any]] = {}
    flags = []
    do(url, "DROP TABLE IF EXISTS t")
    for rows in (first, second):
        flags = []
        for row in rows:
            key = row["a"], row["b"]
            flags.append(key in expected)
            old = expected.setdefault(key, row)
            expected[key] = {k: old[k] if v is None and mode == "merge" else v for k, v in row.items()}
        table = pa.Table.from_pylist(rows, KEYED_TYPES)
        options = {"update_keys": ["a", "b"], "updated_column": "changed"}
        if indexed:
            options["indexes_fields"] = [["a", "b"]]
        result = dump(url, table, mode, **options)
    assert {(row["a"], row["b"]): row for row in read(url)} == expected
    assert len(read(url)) == len(expected)
    assert [row["changed"] for row in result.rows[0]] == flags


@pytest.mark.parametrize("index", [None, "CREATE INDEX i ON t (k)"])
def test_all_rows_with_a_key_are_changed_and_columns_left_out_stay(url: str, index: str | None) -> None:
    do(url, "CREATE TABLE t (k BIGINT, v VARCHAR, w VARCHAR)", *filter(None, [index]))
    do(url, "INSERT INTO t VALUES (1, 'a', 'p'), (1, 'b', 'q'), (NULL, 'c', 'r'), (2, 'd', 's')")
    dump(url, [{"k": 1, "v": "x"}, {"k": 3, "v": "y"}], "update", update_keys=["k"], on_drift="ignore")
    expected = [(1, "x", "p"), (1, "x", "q"), (2, "d", "s"), (3, "y", None), (None, "c", "r")]
    assert sorted(ask(url, "SELECT * FROM t"), key=repr) == expected


def test_keys_are_the_primary_key_by_default(url: str) -> None:
    dump(url, [A], "update", "t", set_primary_key(["id"]))
    dump(url, [{**A, "n": 7}], "update", "t", set_primary_key(["id"]))
    assert read(url) == [{**A, "n": 7}]
    with pytest.raises(ProcessorError) as caught:
        dump(url, [A], "append", "t")
    assert isinstance(caught.value.cause, DataError)
    assert read(url) == [{**A, "n": 7}]


def test_a_null_key_is_an_error_with_its_row(url: str) -> None:
    with pytest.raises(ProcessorError, match="row 2") as caught:
        dump(url, [A, {**A, "id": None}], "update", update_keys=["id"])
    assert isinstance(caught.value.cause, RowError)


def test_indexes_are_made_once_under_names_of_their_own(url: str) -> None:
    for mode in ("rewrite", "append", "rewrite"):
        dump(url, [A], mode, indexes_fields=[["name"], ["name", "n"]])
    query = {
        "postgresql": "SELECT indexname FROM pg_indexes WHERE tablename = 't'",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
        "duckdb": "SELECT index_name FROM duckdb_indexes()",
    }[url.partition(":")[0]]
    names = sorted(name for (name,) in ask(url, query))
    assert [name.rpartition("_")[0] for name in names] == ["dataflows_t_name", "dataflows_t_name_n"]


def test_the_updated_columns_are_fields(url: str) -> None:
    number = {"sqlite": "INTEGER PRIMARY KEY", "postgresql": "integer GENERATED ALWAYS AS IDENTITY"}
    kind = number.get(url.partition(":")[0], "INTEGER DEFAULT nextval('numbers')")
    if url.startswith("duckdb"):
        do(url, "CREATE SEQUENCE numbers")
    do(url, f"CREATE TABLE t (number {kind}, id bigint, name varchar, n bigint)")
    result = dump(url, [A], "update", update_keys=["id"], updated_column="changed", updated_id_column="row")
    assert result.rows == [[{**A, "changed": False, "row": None}]]
    result = dump(
        url, [B, A], "update", update_keys=["id"], updated_column="changed", updated_id_column="row"
    )
    assert result.rows == [[{**B, "changed": False, "row": None}, {**A, "changed": True, "row": 1}]]
    assert result.package["res_1"].schema.field("changed").type == "boolean"
    assert sorted(row["number"] for row in read(url)) == [1, 2]


def test_drift_is_an_error_unless_it_is_allowed(url: str) -> None:
    dump(url, [A])
    new = {"id": 2, "name": "b", "size": "x"}
    with pytest.raises(ProcessorError, match=r"has 'size', which the table 't' has not.*lacks 'n'") as caught:
        dump(url, [new], "append")
    assert isinstance(caught.value.cause, SchemaError)
    dump(url, [new], "append", on_drift="ignore")
    dump(url, [new], "append", on_drift="add")
    found = [tuple(row.values()) for row in read(url, fields=["id", "name", "n", "size"])]
    assert sorted(found, key=repr) == [(1, "a", 1, None), (2, "b", None, "x"), (2, "b", None, None)]
    with pytest.raises(FlowError, match="would drop columns"):
        dump_to_sql({"t": {"resource-name": "x"}}, url, on_drift="drop")


def test_a_value_that_the_column_would_round_is_refused(url: str) -> None:
    do(url, "CREATE TABLE t (price DECIMAL(6, 2))")
    dump(url, [{"price": Decimal("1.50")}], "append")
    with pytest.raises(ProcessorError, match="row 2") as caught:
        dump(url, [{"price": Decimal("2.25")}, {"price": Decimal("2.255")}], "append")
    assert isinstance(caught.value.cause, CastError)
    assert read(url) == [{"price": Decimal("1.50")}]


def test_texts_do_not_go_into_columns_of_numbers(url: str) -> None:
    do(url, "CREATE TABLE t (n BIGINT)")
    with pytest.raises(ProcessorError, match="set_type makes them the same"):
        dump(url, [{"n": "x"}], "append")


@pytest.mark.parametrize("table", ['x"; drop table y; --', "select", "å ö'", "Upper"])
def test_names_are_quoted(url: str, table: str) -> None:
    do(url, "CREATE TABLE y (a integer)")
    rows = [{'a"; drop table y; --': 1, "%s": 2, "order": 3}]
    for mode in ("rewrite", "rewrite", "append", "update"):
        keys = {"update_keys": ["order"]} if mode == "update" else {}
        dump(url, rows, mode, table, indexes_fields=[["%s"]], updated_column="u'", **keys)
    assert read(url, table, order_by="%s") == rows * 2
    assert read(url, "y") == []


def test_a_failed_run_leaves_every_table(url: str) -> None:
    dump(url, [A])
    dump(url, [A], "rewrite", "k", set_primary_key(["id"]))

    def fail(rows):
        yield from rows
        raise ValueError("late")

    tables = {"t": {"resource-name": "res_1"}, "k": {"resource-name": "res_1", "mode": "append"}}
    with pytest.raises(ProcessorError, match="late"):
        Flow([B], dump_to_sql(tables, url), fail).process()
    # The second table refuses its rows when the first has been replaced already.
    with pytest.raises(ProcessorError) as caught:
        Flow([A, B], dump_to_sql(tables, url)).process()
    assert isinstance(caught.value.cause, DataError)
    assert read(url) == read(url, "k") == [A]


KILLED = """
import os, signal, sys
from dataflows_core import Flow
from dataflows_core.processors import dump_to_sql
from dataflows_sql import duck, postgres, sqlite
url, left = sys.argv[1], int(sys.argv[2])
def deadly(cls):
    execute = cls.execute
    def counted(self, sql):
        global left
        execute(self, sql)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    cls.execute = counted
for cls in (postgres.PostgresConnection, sqlite.SQLiteConnection, duck.DuckConnection):
    deadly(cls)
rows = [{"id": n, "name": "new", "n": n} for n in range(5000)]
Flow(rows, dump_to_sql({"t": {"resource-name": "res_1", "indexes_fields": [["n"]]}}, url)).process()
"""


@pytest.mark.parametrize("statement", [1, 3])
def test_a_killed_run_leaves_the_table(url: str, statement: int, tmp_path: Path) -> None:
    dump(url, [A, B])
    command = [sys.executable, "-c", KILLED, url, str(statement)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    child = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert child.returncode == -9, child.stderr
    assert read(url, order_by="id") == [A, B]
    dump(url, [A])
    assert read(url) == [A]


def test_views_stay(url: str) -> None:
    dump(url, [A])
    do(url, "CREATE VIEW v AS SELECT name FROM t")
    dump(url, [B])
    assert ask(url, "SELECT * FROM v") == [("b",)]


def test_a_table_that_a_view_needs_keeps_its_columns_in_postgres(postgres: str) -> None:
    dump(postgres, [A])
    do(postgres, "CREATE VIEW v AS SELECT name FROM t")
    with pytest.raises(ProcessorError, match=r"since this would be lost: view v"):
        dump(postgres, [{"x": 1}])
    assert read(postgres) == [A]


def test_a_flow_may_rewrite_the_table_that_it_reads(url: str) -> None:
    dump(url, [A, B])
    Flow(
        load(url, table="t"), filter_rows("id = 1"), dump_to_sql({"t": {"resource-name": "t"}}, url)
    ).process()
    assert read(url) == [A]


def test_two_dumps_of_one_flow_go_into_one_database(url: str) -> None:
    one = dump_to_sql({"t": {"resource-name": "res_1"}}, url)
    two = dump_to_sql(
        {"t": {"resource-name": "res_1", "mode": "append"}, "u": {"resource-name": "res_2"}}, url
    )
    dump(url, [A])
    Flow([A], [B], one, two).process()
    assert read(url) == [A, A]
    assert read(url, "u") == [B]


def test_workers_write_parts(url: str, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.csv").write_text("id,name\n" + "".join(f"{n + 1}{i},x{i}\n" for i in range(1, 9)))
    from dataflows_core.processes import ProcessRunner

    flow = Flow(load(str(tmp_path / "*.csv"), name="res"), dump_to_sql({"t": {"resource-name": "res"}}, url))
    flow.run(runner=ProcessRunner(2))
    assert [row["id"] for row in read(url)] == [n * 10 + i for n in (1, 2, 3) for i in range(1, 9)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "updat"}, "did you mean 'update'"),
        ({"mode": "delete"}, "modes: rewrite, append, update, merge"),
        ({"update_key": ["a"]}, "did you mean 'update_keys'"),
        ({"update_keys": ["a"]}, "mean nothing with the mode 'rewrite'"),
        ({"indexes_fields": [1]}, "must be names of fields"),
        ({"resource-name": None}, "needs 'resource-name'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        dump_to_sql({"t": {"resource-name": "res_1", **options}}, "sqlite:///x.db")


def test_what_the_package_has_not_is_refused(url: str) -> None:
    with pytest.raises(ProcessorError, match="res_1"):
        Flow([A], dump_to_sql({"t": {"resource-name": "res1"}}, url)).process()
    with pytest.raises(ProcessorError, match="did you mean 'name'"):
        dump(url, [A], "update", update_keys=["nam"])
    with pytest.raises(ProcessorError, match="needs update_keys"):
        dump(url, [A], "update")
    with pytest.raises(ProcessorError, match="has a field 'n' already"):
        dump(url, [A], updated_column="n")


def test_names_that_a_database_would_cut_or_mix_up_are_refused(postgres: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="63 bytes"):
        dump(postgres, [A], table="å" * 32)
    with pytest.raises(ProcessorError, match="are the same"):
        dump(f"sqlite:///{tmp_path}/x.db", [{"a": 1, "A": 2}])
    dump(postgres, [{"a": 1, "A": 2}])
    assert read(postgres) == [{"a": 1, "A": 2}]


@pytest.mark.parametrize(
    ("good", "bad"), [("a", "b\0"), ({"a": "\\u0000"}, {"a": ["\0"]}), ({"a": 1}, {"\\\0": 1})]
)
def test_a_text_with_a_null_character_is_refused_by_row(postgres: str, good: Any, bad: Any) -> None:
    dump(postgres, [{"x": good}])
    assert read(postgres) == [{"x": good}]
    with pytest.raises(ProcessorError, match=r"row 2[\s\S]*U\+0000"):
        dump(postgres, [{"x": good}, {"x": bad}])


def test_a_null_character_within_a_list_is_refused_by_row(postgres: str) -> None:
    with pytest.raises(ProcessorError, match=r"row 2[\s\S]*U\+0000"):
        dump(postgres, pa.table({"x": [["a"], ["b", "c\0"]]}))


@pytest.mark.parametrize("moment", ["DROP TABLE", "COMMIT"])
def test_a_server_that_is_lost_leaves_the_table(postgres: str, monkeypatch, moment: str) -> None:
    dump(postgres, [A])
    execute = psycopg.Connection.execute

    def ended(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        text = query if isinstance(query, str) else query.decode()
        if text.startswith(moment):
            with psycopg.connect(postgres, autocommit=True) as other:
                execute(other, f"SELECT pg_terminate_backend({self.info.backend_pid}, 10000)")
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", ended)
    said = "lost at the very end" if moment == "COMMIT" else "PostgreSQL says"
    with pytest.raises(ProcessorError, match=said) as caught:
        dump(postgres, [B])
    assert isinstance(caught.value.cause, AccessError)
    monkeypatch.undo()
    assert read(postgres) == [A]


def test_no_space_for_rows_is_an_error(url: str, tmp_path: Path) -> None:
    dump(url, [A])
    command = [sys.executable, "-c", FULL, url]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.stdout == "", child.stderr
    assert "AccessError" in child.stderr
    assert "File too large" in child.stderr
    assert read(url) == [A]


FULL = """
import resource, signal, sys
from dataflows_core import Flow
from dataflows_core.processors import dump_to_sql
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
rows = ({"id": n, "name": "new" * 50, "n": n} for n in range(30000))
Flow(rows, dump_to_sql({"t": {"resource-name": "res_1"}}, sys.argv[1])).process()
print("done")
"""
