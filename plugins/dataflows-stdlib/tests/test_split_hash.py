"""Fields that are split, merged and hashed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError, UnknownNameError
from dataflows_core.processors import hash_fields, load, merge_fields, split_field
from dataflows_stdlib.hashes import _json_arrays


def rows_of(rows: Any, *links: Any) -> list[dict[str, Any]]:
    (found,) = Flow(rows, *links).results().rows
    return found


ROWS = [
    {"id": 1, "name": "Ada King Noel", "n": 7},
    {"id": 2, "name": None, "n": 8},
    {"id": 3, "name": "Bo", "n": 9},
]


def test_a_text_is_split_in_its_place_and_nothing_is_lost() -> None:
    found = rows_of(ROWS, split_field("name", ["first", "rest"], " "))
    assert [list(row.items()) for row in found] == [
        [("id", 1), ("first", "Ada"), ("rest", "King Noel"), ("n", 7)],
        [("id", 2), ("first", None), ("rest", None), ("n", 8)],
        [("id", 3), ("first", "Bo"), ("rest", None), ("n", 9)],
    ]
    kept = rows_of(ROWS, split_field("name", ["first", "rest"], " ", keep=True))
    assert list(kept[0]) == ["id", "name", "first", "rest", "n"]
    assert rows_of(ROWS, split_field("name", ["name"], " "))[0]["name"] == "Ada King Noel"


def test_a_pattern_gives_a_field_to_each_group() -> None:
    rows = [{"s": "3 x 4"}, {"s": None}, {"s": "?"}]
    link = split_field("s", ["w", "h"], pattern=r"(\d+) x (\d+)?", on_error="clear")
    assert rows_of(rows, link) == [{"w": "3", "h": "4"}, {"w": None, "h": None}, {"w": None, "h": None}]
    with pytest.raises(ProcessorError, match="as a whole") as caught:
        rows_of(rows, split_field("s", ["w", "h"], pattern=r"(\d+) x (\d+)"))
    assert caught.value.row == 3
    link = split_field("s", ["w", "h"], pattern=r"(\d+) x (\d+)", on_error="drop")
    assert len(rows_of(rows, link)) == 2


@given(texts=st.lists(st.none() | st.text("ab ;", max_size=8), max_size=6), count=st.integers(1, 4))
def test_split_does_what_python_does(texts: list[str | None], count: int) -> None:
    names = [f"p{i}" for i in range(count)]
    expected = []
    for text in texts:
        parts: list[str | None] = [] if text is None else list(text.split(";", count - 1))
        expected.append(dict(zip(names, [*parts, *[None] * count], strict=False)))
    rows = [{"s": "x"}, *({"s": text} for text in texts)]

    assert rows_of(rows, split_field("s", names, ";", strip=False))[1:] == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"into": []},
        {"into": ["a", "a"]},
        {"into": ["a"], "delimiter": None},
        {"into": ["a"], "delimiter": ""},
        {"into": ["a"], "pattern": "(a)"},
        {"into": ["a"], "delimiter": None, "pattern": "(a"},
        {"into": ["a"], "delimiter": None, "pattern": "a"},
        {"into": ["a"], "on_error": "skip"},
    ],
)
def test_split_refuses_what_makes_no_sense(arguments: dict[str, Any]) -> None:
    with pytest.raises(FlowError):
        split_field("name", **{"delimiter": " ", **arguments})


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (split_field("nmae", ["a"], " "), "did you mean 'name'"),
        (split_field("id", ["a"], " "), "and no text"),
        (split_field("name", ["a", "id"], " "), "has a field 'id' already"),
        (merge_fields(["name", "nn"], "x"), "did you mean 'n'"),
        (merge_fields(["name"], "n"), "has a field 'n' already"),
        (merge_fields(["name", "n"], "n", keep=True), "has a field 'n' already"),
        (hash_fields("nmae"), "did you mean 'name'"),
        (hash_fields("name["), "no regular expression"),
        (hash_fields("name", "n"), "has a field 'n' already"),
    ],
)
def test_fields_are_checked_when_planned(link: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(ROWS, link).package()


def test_fields_are_merged_in_the_place_of_the_first() -> None:
    rows = [
        {"id": 1, "d": dt.date(2024, 2, 29), "x": None, "p": Decimal("1.50")},
        {"id": 2, "d": None, "x": None, "p": None},
    ]
    assert [list(row.items()) for row in rows_of(rows, merge_fields(["d", "p"], "d", " / "))] == [
        [("id", 1), ("d", "2024-02-29 / 1.5"), ("x", None)],
        [("id", 2), ("d", None), ("x", None)],
    ]
    assert rows_of(rows, merge_fields(["p", "d"], "both", keep=True))[0]["both"] == "1.5 2024-02-29"
    with pytest.raises(FlowError, match="at least one field"):
        merge_fields([], "x")


def digest(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def test_values_are_replaced_by_the_hashes_of_their_canonical_text() -> None:
    rows = [{"t": "é", "n": Decimal("1.50"), "d": dt.date(2024, 2, 29), "b": True}, dict.fromkeys("tndb")]
    found = rows_of(rows, hash_fields(".*", salt="s3"))
    assert found == [
        {"t": digest("s3é"), "n": digest("s31.5"), "d": digest("s32024-02-29"), "b": digest("s3true")},
        dict.fromkeys("tndb"),
    ]
    assert rows_of(rows, hash_fields("t", algorithm="md5"))[0]["t"] == digest("é", "md5")


def test_one_hash_of_several_fields_cannot_be_mistaken() -> None:
    rows = [{"a": "x,", "b": "y"}, {"a": "x", "b": ",y"}, {"a": None, "b": "null"}, {"a": "null", "b": None}]
    found = rows_of(rows, hash_fields(["a", "b"], "key"))
    assert len({row["key"] for row in found}) == 4
    assert found[0] == {**rows[0], "key": digest(json.dumps(["x,", "y"]))}


@given(rows=st.lists(st.tuples(*[st.none() | st.text('"\\\n\x7fé,', max_size=3)] * 2), max_size=5))
def test_what_is_hashed_is_json(rows: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)] or [
        pa.array([], pa.string())
    ]
    assert _json_arrays(columns).to_pylist() == [json.dumps(row, ensure_ascii=False) for row in rows]


def test_a_hash_does_not_depend_on_how_a_number_was_written(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("n\n1.5\n1.50\n", encoding="utf-8")
    assert [row["n"] for row in Flow(load(str(path)), hash_fields("n")).results().rows[0]] == [
        digest("1.5")
    ] * 2


def test_an_algorithm_must_exist_and_the_salt_is_never_shown() -> None:
    with pytest.raises(UnknownNameError, match="sha256"):
        hash_fields("a", algorithm="sha265")
    with pytest.raises(FlowError, match="salt"):
        hash_fields("a", salt=7)
    from dataflows_core.schema import Schema
    from dataflows_stdlib.hashes import _Hashed

    assert "secret" not in repr(_Hashed((), None, Schema(), "md5", "secret"))
