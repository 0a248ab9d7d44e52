"""What is found out from a sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflows_core.declared import Declared
from dataflows_core.errors import DataError, SchemaError, UnreadableError
from dataflows_core.files.source import Source, expand, stem
from dataflows_load_csv.decode import Decoder
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar
from dataflows_load_csv.plan import Options, plan, plan_file
from dataflows_load_csv.sample import records_in


def test_types_come_from_all_over_a_file_and_not_from_its_head(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,late,text\n" + "1,,7\n" * 200_000 + "1,2.25,007\n" * 200_000)
    schema = plan([Source(str(path))], Options()).schema
    assert [field.type for field in schema] == ["integer", "number", "string"]


def test_a_column_that_is_blank_throughout_the_sample_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,none\n1,\n")
    assert any("'none' is blank" in note for note in plan([Source(str(path))], Options()).notes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 99), st.text(alphabet='a,"\n1', max_size=9)), min_size=1),
    st.integers(0, 400),
)
def test_a_place_in_a_quoted_cell_gives_no_garbage(rows: list[tuple[int, str]], offset: int) -> None:
    lines = [f'{number},"{cell.replace(chr(34), chr(34) * 2)}"\n' for number, cell in rows]
    data = "".join(lines).encode()
    start = data.find(b"\n", offset % len(data)) + 1
    if start in (0, len(data)):
        return
    decoder = Decoder(("n", "text"), Grammar(Dialect()), strip=False)
    batch = records_in(data[start:], decoder, multiline=True)
    if batch is not None:
        whole = decoder(data)
        assert batch.num_rows <= whole.num_rows
        assert batch.equals(whole.slice(whole.num_rows - batch.num_rows))


def test_the_head_of_a_file_with_a_long_header(tmp_path: Path) -> None:
    names = [f"field number {number} with a long name" for number in range(20_000)]
    path = tmp_path / "x.csv"
    path.write_text(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n")
    found = plan_file(Source(str(path)), Options())
    assert found.split.columns == tuple(names)
    assert found.samples[0].num_rows == 1


def test_blocks_are_longer_where_rows_are(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + f"{'x' * 200},1\n" * 3000)
    assert plan_file(Source(str(path)), Options()).split.block_size > 3 << 20


@pytest.mark.parametrize(
    "head",
    [
        b"PAR1\0\0",
        b"%PDF-1.7\n",
        b"SQLite format 3\0",
        b"\xd0\xcf\x11\xe0\xa1\xb1",
        b"<!doctype html>\n<html>",
    ],
)
def test_what_is_no_csv_is_refused(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(head * 10)
    with pytest.raises(UnreadableError, match="not CSV"):
        plan_file(Source(str(path)), Options())


DECLARED = {"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer"}]}


@pytest.mark.parametrize(
    ("columns", "match", "fine"),
    [
        ("ab", None, True),
        ("ba", None, True),
        ("abc", None, False),
        ("a", None, False),
        ("ba", "exact", False),
        ("ab", "exact", True),
        ("abc", "subset", True),
        ("a", "subset", False),
        ("a", "superset", True),
        ("abc", "superset", False),
        ("ac", "partial", True),
        ("cd", "partial", False),
        ("ab", ["equal"], True),
        ("ab", "nonsense", False),
    ],
)
def test_fields_match_as_the_specification_says(
    columns: str, match: object, fine: bool, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(",".join(columns) + "\n" + ",".join("7" * len(columns)) + "\n")
    descriptor = DECLARED if match is None else {**DECLARED, "fieldsMatch": match}
    options = Options(declared=Declared(descriptor))
    if not fine:
        with pytest.raises(SchemaError):
            plan([Source(str(path))], options)
        return
    schema = plan([Source(str(path))], options).schema
    assert "".join(schema.names) == columns
    assert {field.name: field.type for field in schema if field.name in "ab"}.items() <= {
        "a": "string",
        "b": "integer",
    }.items()


def test_files_of_one_resource_need_the_same_columns(tmp_path: Path) -> None:
    for name, text in {"1.csv": "a,b\n1,2\n", "2.csv": "b;a\n4;3\n", "3.csv": "a,c\n1,2\n"}.items():
        (tmp_path / name).write_text(text)
    sources = expand(tmp_path / "?.csv", {}, None, None)
    with pytest.raises(
        DataError, match=r"3\.csv has another header than .*1\.csv: it lacks 'b' and has 'c' besides"
    ):
        plan(sources, Options())
    made = plan(sources[:2], Options())
    rows = [
        row for split in made.splits for block in split.blocks() for row in split.decode(block).to_pylist()
    ]
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert made.schema.names == ("a", "b")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/co2-2020.csv", "co2-2020"),
        ("co2.2020.csv.gz", "co2.2020"),
        ("https://example.org/a/towns.csv?raw=1#x", "towns"),
        ("in/sales-*.csv", "sales"),
        ("in/sales_[0-9][0-9].tsv.zst", "sales"),
        ("*.csv", "table"),
        ("C:\\data\\x.csv", "x"),
        (".csv", "csv"),
    ],
)
def test_names_of_resources(path: str, name: str) -> None:
    assert stem(path) == name
