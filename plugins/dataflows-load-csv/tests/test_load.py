"""The processor in flows: real data, many files, errors that name the record."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.errors import AccessError, FlowError, ProcessorError, UnreadableError
from dataflows_load_csv import load_csv


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str, name: str = "x.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


REAL = [
    "co2-fossil-by-nation/data/fossil-fuel-co2-emissions-by-nation.csv",
    "country-codes/data/country-codes.csv",
    "population/data/population.csv",
    "world-cities/data/world-cities.csv",
]


@pytest.mark.parametrize("name", REAL)
def test_real_data_load_without_a_hint_and_lose_nothing(name: str, shared_data: Path, rows_of) -> None:
    path = shared_data / name
    rows = rows_of(load_csv(path, strip=False))
    with path.open(encoding="utf-8", newline="") as stream:
        expected = list(csv.DictReader(stream))
    assert len(rows) == len(expected)
    for row, texts in zip(rows, expected, strict=True):
        assert list(row) == list(texts)
        for field, text in texts.items():
            value = row[field]
            if isinstance(value, Decimal | int) and not isinstance(value, bool):
                assert value == Decimal(text), (field, text)
            else:
                assert (value or "") == text, (field, text)


def test_codes_with_leading_zeros_stay_text(shared_data: Path) -> None:
    flow = Flow(load_csv(shared_data / "country-codes/data/country-codes.csv"))
    (resource,) = flow.results().package.resources
    assert resource.schema.field("ISO4217-currency_numeric_code").type == "string"


def test_a_file_is_loaded_by_its_ending(file) -> None:
    from dataflows_core.processors import load

    (rows,) = Flow(load(file("a\tb\n1,5\t2\n", "x.tsv"))).results().rows
    assert rows == [{"a": "1,5", "b": 2}]


def test_the_descriptor_says_how_the_file_is_written(file) -> None:
    package = Flow(load_csv(file("# c\nä;b\n1;2\n"), comment_char="#", name="towns")).results().package
    descriptor = package["towns"].descriptor
    assert descriptor["path"] == "towns.csv"
    assert descriptor["format"] == "csv"
    assert descriptor["mediatype"] == "text/csv"
    assert descriptor["encoding"] == "utf-8"
    assert descriptor["dialect"] == {"delimiter": ";", "commentChar": "#"}


def test_a_bad_value_is_named_with_its_record(file) -> None:
    text = "id,price\n" + '1,"2\n"\n\n' * 9000 + "2,2\n" * 600_000 + "3,cheap\n" + "4,2\n" * 600_000
    with pytest.raises(ProcessorError) as caught:
        Flow(load_csv(file(text), override_fields={"price": {"type": "integer"}})).results()
    error = caught.value
    assert (error.row, error.resource, error.processor) == (609_001, "x", "load_csv")
    assert error.source.endswith("x.csv")
    assert error.cause.field == "price"
    assert error.cause.value == "cheap"


def test_on_error_drops_and_counts(file) -> None:
    text = "id,price\n1,2\n2,x\n3,4\n"
    result = Flow(
        load_csv(file(text), override_fields={"price": {"type": "integer"}}, on_error="drop")
    ).results()
    assert result.rows == [[{"id": 1, "price": 2}, {"id": 3, "price": 4}]]
    assert result.stats["dropped"] == 1


def test_a_ragged_row_is_named_with_its_record_and_a_remedy(file) -> None:
    path = file("a,b\n1,2\n\n3\n")
    with pytest.raises(ProcessorError, match=r"row 2 of .*x.csv") as caught:
        Flow(load_csv(path)).results()
    assert 'ragged="fill"' in str(caught.value)
    assert Flow(load_csv(path, ragged="fill")).results().rows == [[{"a": 1, "b": 2}, {"a": 3, "b": None}]]


def test_several_files_are_one_resource_in_order_of_name(file, tmp_path: Path, rows_of) -> None:
    for name in ("c", "a", "b"):
        file(f"x,name\n1,{name}\n2,{name}\n", f"{name}.csv")
    rows = rows_of(load_csv(tmp_path / "*.csv"))
    assert [row["name"] for row in rows] == ["a", "a", "b", "b", "c", "c"]
    assert len(rows_of(load_csv(tmp_path / "*.csv", limit_rows=3))) == 3
    assert [row["name"] for row in rows_of(load_csv([tmp_path / "c.csv", tmp_path / "a.csv"]))] == [
        "c",
        "c",
        "a",
        "a",
    ]


def test_several_files_are_a_resource_each(file, tmp_path: Path) -> None:
    file("x\n1\n", "a.csv")
    file("y\n2\n", "b.csv")
    result = Flow(load_csv(str(tmp_path / "?.csv"), many=True)).results()
    assert result.package.names == ["a", "b"]
    assert result.rows == [[{"x": 1}], [{"y": 2}]]


def test_a_type_that_only_the_last_file_shows_is_known(file, tmp_path: Path, rows_of) -> None:
    for number in range(5):
        file("x\n1\n", f"{number}.csv")
    file("x\n2.5\n", "9.csv")
    assert rows_of(load_csv(tmp_path / "*.csv"))[-1] == {"x": Decimal("2.5")}


def test_of_very_many_files_all_are_loaded(file, tmp_path: Path, rows_of) -> None:
    for number in range(60):
        file(f"x,y\n{number},{'a' * 20_000}\n", f"{number:03}.csv")
    assert [row["x"] for row in rows_of(load_csv(tmp_path / "*.csv"))] == [*range(60)]


def test_a_flow_can_run_twice(file) -> None:
    flow = Flow(load_csv(file("a\n1\n")))
    assert flow.results().rows == flow.results().rows == [[{"a": 1}]]


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({}, {"a": 1, "b": "x"}),
        ({"strip": False}, {"a": 1, "b": " x "}),
        ({"infer_strategy": "strings"}, {"a": "1", "b": "x"}),
        ({"infer_strategy": "pytypes"}, {"a": "1", "b": "x"}),
        ({"cast_strategy": "strings"}, {"a": "1", "b": "x"}),
        ({"cast_strategy": "nothing"}, {"a": "1", "b": "x"}),
        ({"override_fields": {"a": {"type": "string"}}}, {"a": "1", "b": "x"}),
        ({"infer_strategy": "strings", "override_fields": {"a": {"type": "number"}}}, {"a": 1, "b": "x"}),
        ({"override_schema": {"missingValues": ["x", ""]}}, {"a": 1, "b": None}),
        ({"override_fields": {"b": {"missingValues": ["x"]}}}, {"a": 1, "b": None}),
        ({"schema": {"fields": [{"name": "a", "type": "year"}, {"name": "b", "type": "string"}]}}, None),
        ({"dialect": {"nullSequence": "x"}}, {"a": 1, "b": None}),
        (
            {"extract_missing_values": True, "override_schema": {"missingValues": ["x"]}},
            {"a": 1, "b": None, "missingValues": {"b": "x"}},
        ),
        (
            {"extract_missing_values": {"source": "a", "target": "m", "values": ["1"]}},
            {"a": None, "b": "x", "m": {"a": "1"}},
        ),
    ],
)  # fmt: skip
def test_options_of_the_predecessor(options: dict, row: dict | None, file, rows_of) -> None:
    step = load_csv(file("a,b\n1, x \n"), **options)
    if row is None:
        with pytest.raises(ProcessorError, match="year"):
            rows_of(step)
    else:
        assert rows_of(step) == [row]


@pytest.mark.parametrize(
    "options",
    [
        {"limit_rows": 0},
        {"limit_rows": True},
        {"infer_strategy": "ful"},
        {"cast_strategy": "int"},
        {"ragged": "ignore"},
        {"many": True, "name": "x"},
        {"delimiter": "ab"},
        {"delimiter": ";", "quotechar": ";"},
        {"on_error": "explode"},
        {"override_fields": {"a": {"name": "b"}}},
        {"cast_strategy": "strings", "override_fields": {"a": {"type": "integer"}}},
        {"extract_missing_values": {"targte": "x"}},
        {"comment_char": "é"},
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(options: dict) -> None:
    with pytest.raises(FlowError):
        load_csv("missing.csv", **options)


@pytest.mark.parametrize(
    ("source", "message", "kind"),
    [
        ("towns.csv", "there is no file 'towns.csv'; did you mean town.csv", AccessError),
        ("*.tsv", r"no file matches \*.tsv", AccessError),
        ("nowhere/x.csv", "its folder 'nowhere' is not there either", AccessError),
        (".", r"is a folder; to load the files in it, write './\*.csv'", AccessError),
        (7, "not int", FlowError),
        ([], "no path in the list", FlowError),
        ("empty.csv", "is empty", UnreadableError),
    ],
)
def test_sources_that_are_not_there(source, message, kind, file, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    file("a\n1\n", "town.csv")
    file("", "empty.csv")
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(load_csv(source)).results()
    assert isinstance(caught.value.cause, kind)


def test_unknown_fields_are_named(file) -> None:
    with pytest.raises(ProcessorError, match="did you mean 'price'"):
        Flow(load_csv(file("id,price\n1,2\n"), override_fields={"prize": {"type": "integer"}})).results()


def test_a_brackets_in_a_file_name_is_no_pattern(file, rows_of) -> None:
    assert rows_of(load_csv(file("a\n1\n", "x[1].csv"))) == [{"a": 1}]


def test_file_urls_are_local(file, rows_of) -> None:
    assert rows_of(load_csv(file("a\n1\n").as_uri())) == [{"a": 1}]


def test_the_parameters_of_the_predecessor_keep_their_order() -> None:
    import inspect

    parameters = inspect.signature(load_csv).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        "load_source", "name", "strip", "limit_rows", "infer_strategy", "cast_strategy", "override_schema",
        "override_fields", "extract_missing_values", "deduplicate_headers",
        "deduplicate_headers_case_sensitive", "deduplicate_headers_format", "on_error",
    ]  # fmt: skip


def test_what_of_a_descriptor_is_not_heeded_is_said(file, rows_of, caplog) -> None:
    described = {"header": True, "commentRows": [2], "sheetName": "a", "quotechar": "'"}
    assert rows_of(load_csv(file("a\n#\n1\n"), dialect=described)) == [{"a": 1}]
    assert [record.getMessage() for record in caplog.records] == [
        "the dialect has 'sheetName', which does not apply to CSV",
        "the dialect has 'quotechar', which is not known; did you mean quoteChar?",
    ]


def test_a_schema_names_the_columns_of_a_file_without_header(file, rows_of) -> None:
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "city"}]}
    path = file("1,Ulm\n2,Bonn\n")
    for options in ({"headers": None}, {"dialect": {"header": False}}):
        assert rows_of(load_csv(path, schema=schema, **options)) == [
            {"id": 1, "city": "Ulm"},
            {"id": 2, "city": "Bonn"},
        ]
    with pytest.raises(ProcessorError, match=r"the first row of .* has 2 cells, and there are 1 names: id$"):
        rows_of(load_csv(path, schema={"fields": [{"name": "id"}]}, headers=None))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'{"error": "try again later"}', "JSON"),
        (b'[{"a": 1},\n {"a": 2}]', "JSON"),
        ('<?xml version="1.0"?>\n<error/>'.encode("utf-16"), "XML"),
        (b"<!-- saved -->\n<HTML>", "an HTML page"),
        (b"%PDF-1.7\n1,2\n", "a PDF document"),
        (b"SQLite format 3\0", "a SQLite database"),
    ],
)
def test_what_is_plainly_something_else_is_no_table_of_one_column(
    tmp_path, content: bytes, what: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ProcessorError, match=f"a.csv is {what}, not CSV") as caught:
        Flow(load_csv(tmp_path / "a.csv")).process()
    assert isinstance(caught.value.cause, UnreadableError)


def test_lines_of_json_are_texts_when_the_delimiter_says_so(tmp_path) -> None:
    (tmp_path / "a.csv").write_text('{"a": 1}\n{"b": [2, 3]}\n')
    lines = load_csv(tmp_path / "a.csv", headers=None, delimiter="|", infer_strategy="strings")
    assert [list(row.values()) for row in Flow(lines).results().rows[0]] == [['{"a": 1}'], ['{"b": [2, 3]}']]
