"""Columns of text that the steps behind a load leave out are not made; all others are cast all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.package import Package
from dataflows_core.processors import compute, delete_fields, filter_rows, load_csv, select_fields

TEXT = 'n,note,d,more\n1,a,2020-01-01,x\n2,"b\n,",2020-01-02,\n3,,2020-01-03,z\n'
ROWS = [(1, "a", "x"), (2, "b\n,", None), (3, None, "z")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.csv"
    file.write_text(TEXT)
    return file


def _made(*steps: Any) -> tuple[str, ...]:
    """The columns that are made of the file when a flow is run."""
    found: list[Any] = []

    def look(package: Package) -> None:
        found.extend(package.resources[0].stream.origin.splits)

    Flow(*steps, look).results()
    return tuple(found[0].decoder.made)


@pytest.mark.parametrize(
    ("steps", "made"),
    [
        ([], ("n", "note", "d", "more")),
        ([delete_fields(["note"])], ("n", "d", "more")),
        ([select_fields(["more", "n"])], ("n", "d", "more")),
        ([filter_rows("note <> ''"), delete_fields(["note", "more"])], ("n", "note", "d")),
        ([filter_rows("n > 0"), compute(m="n + 1"), delete_fields(["note"])], ("n", "d", "more")),
        ([lambda row: None, delete_fields(["note"])], ("n", "note", "d", "more")),
        ([delete_fields(["n"])], ("n", "note", "d", "more")),
    ],
)
def test_what_is_made(steps: list[Any], made: tuple[str, ...], path: Path) -> None:
    assert _made(load_csv(path), *steps) == made


def test_the_rows_are_the_same(path: Path) -> None:
    (rows,) = Flow(load_csv(path), select_fields(["more", "n"])).results().rows
    assert [list(row.items()) for row in rows] == [[("more", more), ("n", n)] for n, _, more in ROWS]
    (rows,) = Flow(load_csv(path), filter_rows("n <> 2"), delete_fields(["note", "d"])).results().rows
    assert [tuple(row.values()) for row in rows] == [(1, "x"), (3, "z")]


@pytest.mark.parametrize("options", [{"ragged": "fill"}, {"skipinitialspace": True}, {"skip_rows": ["#"]}])
def test_rows_that_are_completed(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        'a,b,c\n1,"x",y\n2\n#\n3,"z",w\n' if "ragged" in options else 'a,b,c\n1, "x",y\n#\n3,"z",w\n'
    )
    if "skip_rows" not in options:
        path.write_text(path.read_text().replace("#\n", ""))
    (rows,) = Flow(load_csv(path, **options), delete_fields(["b"])).results().rows
    wanted = [{"a": 1, "c": "y"}, {"a": 3, "c": "w"}]
    assert rows == (wanted if "ragged" not in options else [wanted[0], {"a": 2, "c": None}, wanted[1]])


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({"override_fields": {"note": {"constraints": {"maxLength": 9}}}}, True),
        ({"on_error": "drop"}, True),
        ({"override_fields": {"note": {"format": "email"}}, "on_error": "clear"}, True),
        ({"limit_rows": 2}, False),
    ],
)
def test_what_somebody_may_miss_is_made(options: dict[str, Any], made: bool, path: Path) -> None:
    assert ("note" in _made(load_csv(path, **options), delete_fields(["note"]))) is made


def test_values_that_are_left_out_are_cast_all_the_same(path: Path) -> None:
    path.write_text(TEXT + "4,d,yesterday,\n")
    declared = {"d": {"type": "date"}}
    with pytest.raises(ProcessorError, match="row 4") as caught:
        Flow(load_csv(path, override_fields=declared), select_fields(["n"])).results()
    assert "yesterday" in str(caught.value)


def test_bytes_that_are_no_text_are_found_all_the_same(path: Path) -> None:
    path.write_bytes(TEXT.encode() + b"4,\xff,2020-01-04,\n")
    with pytest.raises(ProcessorError, match="row 4"):
        Flow(load_csv(path, encoding="utf-8"), delete_fields(["note"])).results()


def test_what_is_extracted_is_read(path: Path) -> None:
    steps = [load_csv(path, extract_missing_values=True), delete_fields(["note"])]
    (rows,) = Flow(*steps).results().rows
    assert [row["missingValues"] for row in rows] == [{}, {"more": ""}, {"note": ""}]


def test_files_with_their_columns_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b,c\n1,x,y\n")
    (tmp_path / "2.csv").write_text("c,a,b\nz,2,w\n")
    (rows,) = Flow(load_csv(tmp_path / "*.csv"), delete_fields(["b"])).results().rows
    assert rows == [{"a": 1, "c": "y"}, {"a": 2, "c": "z"}]
