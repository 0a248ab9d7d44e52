"""What others have made of a table: it stays when the table is rewritten, or the rewrite is refused."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import dump_to_sql, load
from dataflows_sql.database import writable

Rows = list[dict[str, Any]]
A, B = {"id": 1, "name": "a"}, {"id": 2, "name": "b"}


def dump(engine: Any, rows: Rows, mode: str = "rewrite", **more: Any) -> None:
    Flow(rows, dump_to_sql({"t": {"resource-name": "res_1", "mode": mode, **more}}, engine)).process()


def do(url: str, *statements: str) -> None:
    with writable(url).open(write=True) as connection:
        for statement in statements:
            connection.execute(statement)


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with writable(url).open(write=False) as connection:
        return connection.rows(query)


POSTGRES = {
    "privileges": (
        "GRANT SELECT ON t TO PUBLIC",
        "SELECT relacl IS NOT NULL FROM pg_class WHERE relname = 't'",
    ),
    "comments": ("COMMENT ON COLUMN t.name IS 'x'", "SELECT col_description('t'::regclass, 2) = 'x'"),
    "index by_name": (
        "CREATE INDEX by_name ON t (name)",
        "SELECT count(*) = 1 FROM pg_class WHERE relname = 'by_name'",
    ),
    "constraint positive on table t": (
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0)",
        "SELECT count(*) = 1 FROM pg_constraint WHERE conname = 'positive'",
    ),
    "default value for column name of table t": (
        "ALTER TABLE t ALTER name SET DEFAULT 'x'",
        "SELECT count(*) = 1 FROM pg_attrdef WHERE adrelid = 't'::regclass",
    ),
    "materialized view v": ("CREATE MATERIALIZED VIEW v AS SELECT name FROM t", "SELECT count(*) = 2 FROM v"),
    "trigger quiet on table t": (
        "CREATE TRIGGER quiet BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION quiet()",
        "SELECT count(*) = 1 FROM pg_trigger WHERE tgname = 'quiet'",
    ),
    "row-level security": (
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "SELECT relrowsecurity FROM pg_class WHERE relname = 't'",
    ),
}


@pytest.mark.parametrize("part", POSTGRES)
def test_what_hangs_on_a_table_of_postgres_stays(postgres: str, part: str) -> None:
    statement, question = POSTGRES[part]
    dump(postgres, [A, B], indexes_fields=[["id"]])
    do(
        postgres,
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        statement,
    )
    dump(postgres, [{**A, "name": "new"}], indexes_fields=[["id"]])
    assert ask(postgres, "SELECT * FROM t") == [(1, "new")]
    assert ask(postgres, question) == [(True,)]
    with pytest.raises(ProcessorError, match="since this would be lost") as caught:
        dump(postgres, [{"x": 1}])
    assert part in str(caught.value)
    assert ask(postgres, "SELECT * FROM t") == [(1, "new")]


def test_what_dataflows_made_itself_is_made_anew(postgres: str) -> None:
    dump(postgres, [A], indexes_fields=[["id"]])
    before = ask(postgres, "SELECT 't'::regclass::oid::bigint")
    dump(postgres, [{"id": 1, "x": 1}], indexes_fields=[["id"]])
    assert ask(postgres, "SELECT * FROM t") == [(1, 1)]
    assert ask(postgres, "SELECT 't'::regclass::oid::bigint") != before


def test_a_partitioned_table_stays_one(postgres: str) -> None:
    do(
        postgres,
        "CREATE TABLE t (id bigint, name text) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
    )
    for mode in ("rewrite", "rewrite", "append"):
        dump(postgres, [A], mode)
    assert ask(postgres, "SELECT * FROM t1") == [(1, "a"), (1, "a")]


SQLITE = {
    "trigger log": "CREATE TRIGGER log AFTER INSERT ON t BEGIN INSERT INTO logged VALUES (new.id); END",
    "index by_name": "CREATE INDEX by_name ON t (name)",
}


@pytest.mark.parametrize("part", SQLITE)
def test_what_hangs_on_a_table_of_sqlite_stays(tmp_path: Any, part: str) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    dump(url, [A])
    do(url, "CREATE TABLE logged (id)", SQLITE[part])
    dump(url, [B])
    assert ask(url, "SELECT * FROM t") == [(2, "b")]
    name = part.split()[1]
    assert ask(url, f"SELECT count(*) FROM sqlite_master WHERE name = '{name}'") == [(1,)]
    with pytest.raises(ProcessorError, match=f"since this would be lost: {part}"):
        dump(url, [{"x": 1}])


@pytest.mark.parametrize(
    "declared",
    ["name VARCHAR DEFAULT 'x'", "name VARCHAR CHECK (name <> 'y')", "name VARCHAR DEFAULT ('check')"],
)
def test_a_declaration_that_says_more_stays(url: str, declared: str) -> None:
    do(url, f"CREATE TABLE t (id BIGINT PRIMARY KEY, {declared})", "INSERT INTO t VALUES (1, 'old')")
    dump(url, [A, B])
    assert sorted(ask(url, "SELECT * FROM t")) == [(1, "a"), (2, "b")]
    with pytest.raises(ProcessorError, match="since this would be lost"):
        dump(url, [{"x": 1}])


def test_a_table_that_foreign_keys_lead_to_is_not_rewritten(url: str, tmp_path: Any) -> None:
    cascade = "" if url.startswith("duckdb") else " ON DELETE CASCADE"
    do(
        url,
        "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR)",
        "INSERT INTO t VALUES (1, 'old')",
        f"CREATE TABLE child (t BIGINT REFERENCES t (id){cascade})",
        "INSERT INTO child VALUES (1)",
    )
    engine: Any = url
    if url.startswith("sqlite"):  # which minds foreign keys only when it is told to
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", lambda opened, _: opened.execute("PRAGMA foreign_keys = ON"))
    with pytest.raises(ProcessorError, match="foreign keys of child lead to its rows"):
        dump(engine, [B])
    if not url.startswith("duckdb"):  # which deletes and inserts a row with a key anew
        dump(engine, [A, B], "update", update_keys=["id"])
        assert sorted(ask(url, "SELECT * FROM t")) == [(1, "a"), (2, "b")]
    assert ask(url, "SELECT * FROM child") == [(1,)]
    if engine is not url:
        engine.dispose()


@pytest.mark.parametrize("mode", ["rewrite", "append", "update"])
def test_views_are_not_written_to(url: str, mode: str) -> None:
    do(url, "CREATE VIEW t AS SELECT 1 AS id, 'x' AS name")
    keys = {"update_keys": ["id"]} if mode == "update" else {}
    with pytest.raises(ProcessorError, match="'t' is a view"):
        dump(url, [A], mode, **keys)


@pytest.mark.parametrize("mode", ["append", "update", "merge"])
def test_columns_of_types_that_no_field_has_are_written(postgres: str, mode: str) -> None:
    do(
        postgres,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN size AS integer CHECK (value > 0)",
        "CREATE TABLE t (id uuid PRIMARY KEY, mood mood, size size, place inet, code varchar(3), data json)",
    )
    first, second = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    row = {"id": first, "mood": "ok", "size": 3, "place": "10.0.0.1", "code": "abc", "data": {"a": [1]}}
    other = {**row, "id": second, "mood": "sad"}
    keys = {} if mode == "append" else {"update_keys": ["id"]}
    dump(postgres, [row], mode, **keys)
    dump(postgres, [other] if mode == "append" else [{**row, "mood": "sad"}, other], mode, **keys)
    found = Flow(load(postgres, table="t", order_by="id")).results().rows[0]
    assert found == [row if mode == "append" else {**row, "mood": "sad"}, other]
    with pytest.raises(ProcessorError, match=r"character varying\(3\)"):
        dump(postgres, [{**row, "id": str(uuid.UUID(int=3)), "code": "long"}], mode, **keys)


def test_an_identity_may_be_the_key(postgres: str) -> None:
    do(postgres, "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, name text)")
    dump(postgres, [{"name": "x"}], "append")
    dump(postgres, [A, {"id": 7, "name": "seven"}], "update", update_keys=["id"])
    assert sorted(ask(postgres, "SELECT * FROM t")) == [(1, "a"), (7, "seven")]


def test_a_key_too_long_for_an_index_is_found(url: str) -> None:
    import random

    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20_000))
    rows = [{"id": long, "name": "a"}, {"id": long, "name": "b"}]
    dump(url, rows, "update", update_keys=["id"])
    dump(url, rows[:1], "update", update_keys=["id"])
    assert ask(url, "SELECT name FROM t") == [("a",)]


@pytest.mark.parametrize("mode", ["rewrite", "update"])
def test_dumps_at_the_same_time_wait_for_each_other(postgres: str, mode: str) -> None:
    dump(postgres, [A])
    keys = {"update_keys": ["id"]} if mode == "update" else {}

    def write(name: str) -> None:
        dump(postgres, [{"id": n, "name": name} for n in range(500)], mode, **keys)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, "abcabc"))
    ((rows, ids, names),) = ask(postgres, "SELECT count(*), count(DISTINCT id), count(DISTINCT name) FROM t")
    assert (rows, ids, names) == (500, 500, 1)
