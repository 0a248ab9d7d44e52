"""Expressions from an untrusted file: refused before they run, with a message that names the construct."""

from __future__ import annotations

import re

import pytest

from dataflows_core.errors import ExpressionError
from dataflows_core.expressions import bind, engine, exact, parse_expression, plan_query
from dataflows_core.expressions import query as query_module
from dataflows_core.schema import Field, Schema

SCHEMA = Schema(
    (
        Field({"name": "x", "type": "integer"}),
        Field({"name": "n", "type": "number"}),
        Field({"name": "t", "type": "string"}),
        Field({"name": "words", "type": "list"}),
        Field({"name": "day", "type": "date"}),
        Field({"name": "place", "type": "geopoint"}),
    )
)

ATTACKS = [
    # files, networks, other databases
    ("read_csv('/etc/passwd')", "read_csv is a function that reads files"),
    ("read_text('/etc/passwd')", "read_text is a function that reads files"),
    ("read_blob('/etc/shadow')", "read_blob is a function that reads files"),
    ("glob('/*')", "glob is a function that reads files"),
    ("read_parquet('https://example.com/x.parquet')", "read_parquet is a function that reads files"),
    ("(select * from '/etc/passwd')", "a subquery"),
    ("x from 'file.csv'", "FROM"),
    ("x from read_csv('a.csv')", "FROM"),
    # the system, its settings, the query
    ("getenv('HOME')", "getenv is a function that looks at the system"),
    ("current_setting('memory_limit')", "current_setting is a function that looks at the system"),
    ("current_query()", "current_query is a function that looks at the system"),
    ("current_database()", "current_database is a function that looks at the system"),
    ("duckdb_settings()", "duckdb_settings is a function that looks at the system"),
    ("duckdb_secrets()", "duckdb_secrets is a function that looks at the system"),
    ("query('select 1')", "query is a function that looks at the system"),
    ("query_table('t')", "query_table is a function that looks at the system"),
    ("version()", "version is a function that looks at the system"),
    ("current_user", "current_user is a function that looks at the system"),
    (
        "json_execute_serialized_sql('{}')",
        "json_execute_serialized_sql is a function that looks at the system",
    ),
    ("error('boom')", "error is a function that looks at the system"),
    # user variables, parameters, positions
    ("getvariable('secret')", "getvariable"),
    ("$1", r"a parameter ($1)"),
    ("x + ?", "a parameter (?)"),
    ("$secret", "a parameter ($secret)"),
    ("x > :limit", "a parameter"),
    ("#1", "a position instead of a field"),
    # subqueries
    ("(select 1)", "a subquery"),
    ("exists (select 1)", "a subquery"),
    ("x in (select 1)", "a subquery"),
    ("x = any(select 1)", "a subquery"),
    ("array(select 1)", "a subquery"),
    ("x in (from duckdb_settings() select 1)", "a subquery"),
    # aggregates, windows
    ("sum(x)", "sum is an aggregate function"),
    ("count(*)", "count_star is an aggregate function"),
    ("count(*) filter (where x > 1)", "FILTER"),
    ("string_agg(t, ',' order by x)", "ORDER BY"),
    ("count(distinct x)", "DISTINCT"),
    ("sum(x) over ()", "a window function"),
    ("row_number() over (order by x)", "a window function"),
    ("x = max(x)", "max is an aggregate function"),
    # stars
    ("*", "a star"),
    ("batch.*", "a star"),
    ("columns('.*')", "a star or COLUMNS"),
    ("coalesce(*columns(*))", "a star or COLUMNS|UNPACK"),
    # several statements, other statements
    ("x; select 2", "a semicolon"),
    ("x;", "a semicolon"),
    ("1; drop table batch", "a semicolon"),
    ("1; copy (select 1) to '/tmp/x.csv'", "a semicolon"),
    ("pragma database_list", "PRAGMA begins a statement"),
    ("set memory_limit = '100GB'", "SET begins a statement"),
    ("attach 'x.db'", "a cast to the type ATTACH"),
    ("install httpfs", "INSTALL begins a statement"),
    ("copy batch to 'x.csv'", "COPY begins a statement"),
    ("create table y as select 1", "CREATE begins a statement"),
    # the rest of a SELECT
    ("x as y", "an alias ('y')"),
    ("x y", "an alias ('y')"),
    ("x, n", "a list separated by commas"),
    ("x where true", "WHERE"),
    ("x group by all", "GROUP BY"),
    ("x order by 1", "ORDER BY"),
    ("x limit 1", "LIMIT"),
    ("distinct x", "DISTINCT"),
    ("x union select 2", "a set operation"),
    ("x using sample 1", "USING SAMPLE"),
    ("x having true", "HAVING"),
    ("x qualify true", "QUALIFY"),
    # parentheses and comments
    ("x) from duckdb_settings() --", "a closing ')'"),
    ("1) as y, (select 2", "a closing ')'"),
    ("(x", "an opening '('"),
    ("x -- > 1", "a comment"),
    ("x /* hidden */ > 1", "a comment"),
    ("'it''s' || t --'", "a comment"),
    ("t = 'open", "a quotation mark"),
    ('"open', "a quotation mark"),
    ("$$ text $$", "text between dollar signs"),
    ("t = 'a\0b'", "a NUL character"),
    # what differs from run to run
    ("now()", "now is a function whose result differs"),
    ("random()", "random is a function whose result differs"),
    ("uuid()", "uuid is a function whose result differs"),
    ("current_timestamp", "current_timestamp is a function whose result differs"),
    ("current_date", "current_date is a function whose result differs"),
    ("today()", "today is a function whose result differs"),
    ("nextval('s')", "nextval is a function whose result differs"),
    ("age(cast(day as timestamp))", "age with one argument"),
    # what multiplies rows or memory
    ("unnest(words)", "unnest is a function that multiplies rows"),
    ("generate_series(1, 1000000000)", "generate_series is a function that multiplies memory"),
    ("len(range(100000000))", "range is a function that multiplies memory"),
    ("repeat(t, 1000000000)", "repeat is a function that multiplies memory"),
    ("lpad(t, 1000000000, 'x')", "lpad: the length must be a literal from 0 to 1000"),
    ("rpad(t, x, 'y')", "rpad: the length must be a literal"),
    ("list_resize(words, 1000000000)", "list_resize is a function that multiplies memory"),
    ("format('{:1000000000d}', x)", "format is a function that multiplies memory"),
    ("printf('%1000000000d', x)", "printf is a function that multiplies memory"),
    ("bar(x, 0, 1, 1000000000)", "bar is a function that multiplies memory"),
    ("10!", "factorial is a function that multiplies memory"),
    ("bin(bin(bin(t)))", "bin is a function that multiplies memory"),
    ("hex(hex(hex(t)))", "hex is a function that multiplies memory"),
    (
        "replace(replace(t, 'a', '" + "a" * 50 + "'), 'a', '" + "a" * 50 + "')",
        "replace would multiply memory",
    ),
    ("regexp_replace(t, '', '" + "a" * 500 + "', 'g')", "regexp_replace would multiply memory"),
    ("replace(t, 'a', t)", "replace: the replacement must be a literal"),
    ("array_to_string(string_split(t, ''), '" + "-" * 500 + "')", "array_to_string would multiply memory"),
    (" || ".join(["t"] * 80) + " || (" + " || ".join(["t"] * 80) + ")", "would multiply memory"),
    (" || ".join([f"lpad(t, 1000, 'x{i}')" for i in range(60)]), "would multiply memory"),
    # lambdas
    ("list_transform(words, lambda w: w || w)", "list_transform is a function that takes a lambda"),
    ("[w for w in words]", "list_apply is a function that takes a lambda"),
    ("list_contains(words, t -> t)", "a lambda or an arrow"),
    ("t -> '$.a'", "a lambda or an arrow"),
    # types, collations, names
    ("x::mood", "a cast to the type MOOD"),
    ("x::enum('a', 'b')", "a cast to the type ENUM|cannot be parsed"),
    ("cast(t as json)", "a cast to the type JSON"),
    ("cast(t as blob)", "a cast to the type BLOB"),
    ("cast(x as main.mood)", "a cast to the qualified type"),
    ("x::integer[]", "a cast to the type LIST"),
    ("cast(n as decimal(40, 2))", r"DECIMAL(40,2) is not possible"),
    ("cast(t as varchar(5))", "a size of the type VARCHAR"),
    ("t collate nocase", "COLLATE"),
    ("batch.x", "the qualified name batch.x"),
    ("main.batch.x", "the qualified name main.batch.x"),
    ("information_schema.tables", "the qualified name information_schema.tables"),
    ("main.upper(t)", "a qualified or chained function name"),
    ("system.main.getenv('HOME')", "a qualified or chained function name"),
    ("t.upper()", "a qualified or chained function name"),
    ("place.secret", "has no member 'secret'"),
    ("words[1:2]", "a slice"),
    ("{'a': x}", "struct_pack is a function that makes structures"),
    ("row(x, t)", "row is a function that makes structures"),
    ("upper(t := 'x')", "a named argument"),
    ("default", "DEFAULT"),
    ("try(cast(t as integer))", "TRY"),
    ("grouping(x)", "GROUPING|aggregate"),
    ("my_macro(x)", "my_macro is not among the functions"),
    ("uper(t)", "did you mean upper"),
    # size
    ("x" + " + x" * 3000, "too long"),
    ("x" + " + x" * 500, "nested deeper than 100"),
    ("(" * 101 + "x" + ")" * 101, "nested deeper than 100"),
    ("not " * 150 + "true", "nested deeper than 100"),
    ("upper(" * 101 + "t" + ")" * 101, "nested deeper than 100"),
    ("case when true then " * 120 + "x" + " end" * 120, "nested deeper than 100"),
    ("- " * 2000 + "x", "nested deeper than 100"),
    ("1e1000000000", "more than the 38 digits"),
    ("1" * 39, "more than the 38 digits"),
    ("", "empty"),
    ("  ", "empty"),
    ("x +", "cannot be parsed"),
]


@pytest.fixture
def nothing_runs(monkeypatch):
    """Whatever asks DuckDB for more than the syntax, or the type of a construct of ours, fails the test."""

    def run(*args):
        raise AssertionError(f"this ran: {args}")

    for module in (bind, engine, exact, query_module):
        monkeypatch.setattr(module, "run", run)


@pytest.mark.parametrize(("text", "named"), ATTACKS, ids=[text[:40] for text, _ in ATTACKS])
@pytest.mark.parametrize("place", ["where", "columns"])
def test_attack(text, named, place, nothing_runs):
    with pytest.raises(ExpressionError) as caught:
        plan_query(SCHEMA, **({"where": text} if place == "where" else {"columns": {"r": text}}))
    problem = str(caught.value).split("\n  in the expression")[0]
    assert any(part in problem for part in named.split("|")), problem
    position = caught.value.position
    assert position is None or 0 <= position <= len(text)


def test_there_are_as_many_as_there_should_be():
    assert len(ATTACKS) >= 50
    assert len({text for text, _ in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("text", [None, 5, b"x", ["x"]])
def test_what_is_not_text(text):
    with pytest.raises(ExpressionError, match="an expression is text"):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "t = 'a; drop table x; --'",
        "t = 'it''s /* fine */'",
        "t = 'select 1'",
        "t = e'a\\'; --'",
        "t like '%)%' and t <> '$1?'",
        'x = "x"',
        "t ~ '(a|b){2,3}$'",
        "x - -1 = 0",
        "t = 'e' or t = 'E''x'",
        " or ".join(f"x = {i}" for i in range(500)),
        "x in (" + ", ".join(map(str, range(1000))) + ")",
        "replace(replace(replace(t, '.', ''), ',', '.'), ' ', '') = '1'",
        "replace(replace(replace(t, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') = ''",
        "case " + " ".join(f"when x = {i} then t" for i in range(200)) + " end = ''",
    ],
)
def test_harmless_text_that_looks_bad_passes(text):
    plan_query(SCHEMA, where=text)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/dataflows-attack.csv'",
        "ATTACH '/tmp/dataflows-attack.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET lock_configuration = false",
        "SELECT * FROM secret_frame",
    ],
)
def test_the_engine_itself_is_locked(sql):
    """The second wall: what if a statement of the author reached the engine after all."""
    secret_frame = {"x": [1]}
    assert secret_frame
    with pytest.raises(engine.EngineError):
        engine.run(sql)


def test_positions_are_characters():
    with pytest.raises(ExpressionError) as caught:
        plan_query(SCHEMA, where="t = 'é' and missing > 1")
    assert caught.value.position == "t = 'é' and missing > 1".index("missing")
    lines = str(caught.value).split("\n")
    assert lines[2].index("^") - lines[1].index("t = ") == caught.value.position
    assert re.search("known fields: x, n, t", str(caught.value))
