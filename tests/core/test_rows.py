"""Rows behave as dicts, read what is looked at and nothing else, and become batches again."""

from __future__ import annotations

import copy
import datetime as dt
import gc
import json
import pickle
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import RowError
from dataflows_core.row import Origin, Row, Unread
from dataflows_core.rows import RowCodec, rows_to_batches
from dataflows_core.schema import Field, Schema

SCHEMA = Schema(
    (
        Field({"name": "id", "type": "integer"}),
        Field({"name": "price", "type": "number"}),
        Field({"name": "title", "type": "string"}),
        Field({"name": "day", "type": "date"}),
        Field({"name": "tags", "type": "array"}),
    )
)
CARRIED = {"id": ["1", "2", None], "price": ["1.5", None, "-0.25"], "day": ["2020-02-29", "1999-12-31", None]}


def batch_of(columns: dict[str, list[Any]], schema: Schema = SCHEMA) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        values = columns[field.name]
        carried = field.name in CARRIED and any(isinstance(value, str) for value in values)
        kind = pa.string() if carried else field.arrow
        if isinstance(kind, pa.JsonType):
            texts = [None if value is None else json.dumps(value) for value in values]
            arrays.append(pa.ExtensionArray.from_storage(kind, pa.array(texts, pa.string())))
        else:
            arrays.append(pa.array(values, kind))
    return pa.RecordBatch.from_arrays(arrays, names=list(schema.names))


def example() -> pa.RecordBatch:
    return batch_of({**CARRIED, "title": ["a", "", None], "tags": [[1], None, {"b": [2.5]}]})


def plain() -> list[dict[str, Any]]:
    return [
        {"id": 1, "price": Decimal("1.5"), "title": "a", "day": dt.date(2020, 2, 29), "tags": [1]},
        {"id": 2, "price": None, "title": "", "day": dt.date(1999, 12, 31), "tags": None},
        {"id": None, "price": Decimal("-0.25"), "title": None, "day": None, "tags": {"b": [2.5]}},
    ]


def rows_after(*touched: str) -> list[Row]:
    """Rows of which some columns are filled in beforehand, as after batches in which they were asked for."""
    codec = RowCodec(SCHEMA)
    for _ in range(3):
        rows = codec.decode(example())
        for name in touched:
            for row in rows:
                row[name]
    return codec.decode(example())


# ------------------------------------------------------------------------------------ a row is a dict


def merge(row: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    row |= other
    return row


def matched(row: dict[str, Any]) -> Any:
    match row:
        case {"title": "a", "id": number, **rest}:
            return number, rest
        case _:
            return None


def removed(row: dict[str, Any], name: str, *, again: bool = False) -> Any:
    del row[name]
    found = (name in row, row.get(name, 7), len(row))
    if again:
        row[name] = "x"
    return found, row


def keyword(**values: Any) -> dict[str, Any]:
    return values


BEHAVIOURS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "whole": lambda row: row,
    "len": len,
    "bool": bool,
    "iter": list,
    "reversed": lambda row: list(reversed(row)),
    "sorted": sorted,
    "keys": lambda row: list(row.keys()),
    "values": lambda row: list(row.values()),
    "items": lambda row: list(row.items()),
    "views": lambda row: row.keys() & {"id", "x"},
    "in": lambda row: ["price" in row, "x" in row, None in row],
    "get": lambda row: [row.get("price"), row.get("x"), row.get("x", 1)],
    "read": lambda row: row["price"],
    "missing": lambda row: row["x"],
    "dict": dict,
    "splat": lambda row: {**row, "id": 3},
    "unpack": lambda row: [*row],
    "keywords": lambda row: keyword(**row),
    "copy": lambda row: row.copy(),
    "copy module": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda row: pickle.loads(pickle.dumps(row)),
    "json": lambda row: json.dumps(row, default=str),
    "json indent": lambda row: json.dumps(row, default=str, indent=1, sort_keys=True),
    "repr": repr,
    "str": str,
    "format": lambda row: f"{row['title']}-{row}",
    "format_map": "{price} {title}".format_map,
    "percent": lambda row: "%(price)s" % row,  # noqa: UP031
    "match": matched,
    "or": lambda row: row | {"id": 5, "x": 1},
    "ror": lambda row: {"x": 1, "id": 5} | row,
    "ior": lambda row: merge(row, {"x": 1, "price": 2}),
    "ior pairs": lambda row: merge(row, [("x", 1)]),  # type: ignore[arg-type]
    "equal": lambda row: [row == dict(row), row == {}, row == 1, row != dict(row), row != {}, {} == row],  # noqa: SIM300
    "update": lambda row: [row.update(price=9, x=2), row],
    "update itself": lambda row: [row.update(row), row],
    "set": lambda row: [row.__setitem__("price", 1), row],
    "set new": lambda row: [row.__setitem__("x", 1), row],
    "setdefault": lambda row: [row.setdefault("price", 4), row.setdefault("x", 5), row],
    "del": lambda row: removed(row, "price"),
    "del missing": lambda row: removed(row, "x"),
    "del and set": lambda row: removed(row, "id", again=True),
    "del twice": lambda row: [removed(row, "id"), removed(row, "id")],
    "del and clear": lambda row: [removed(row, "id"), row.clear(), row],
    "pop": lambda row: [row.pop("price"), row],
    "pop default": lambda row: [row.pop("x", 3), row],
    "pop missing": lambda row: row.pop("x"),
    "pop None": lambda row: [row.pop("x", None), row],
    "pop twice": lambda row: [row.pop("id"), row.pop("id", 0), row],
    "popitem": lambda row: [row.popitem(), row.popitem(), row],
    "clear": lambda row: [row.clear(), row, len(row), bool(row), list(row)],
    "clear and set": lambda row: [row.clear(), row.__setitem__("id", 1), row],
    "fromkeys": lambda row: row.fromkeys(["a"], 1),
    "unhashable": lambda row: [] in row,
    "sizes": lambda row: [row.__setitem__("x", 1), len(row), list(row)],
    "is dict": lambda row: isinstance(row, dict),
}


@pytest.mark.parametrize("touched", [(), ("title",), ("price", "id"), SCHEMA.names], ids=str)
@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_a_row_behaves_as_the_dict_of_its_values(
    behaviour: Callable[[dict[str, Any]], Any], touched: tuple[str, ...]
) -> None:
    for row, model in zip(rows_after(*touched), plain(), strict=True):
        assert type(row) is (Row if touched == SCHEMA.names else Unread)
        assert outcome(behaviour, row) == outcome(behaviour, model)
        assert list(row.items()) == list(model.items())


def outcome(behaviour: Callable[[dict[str, Any]], Any], row: dict[str, Any]) -> Any:
    try:
        result = behaviour(row)
    except (KeyError, TypeError) as error:
        return type(error), error.args
    if isinstance(result, dict):
        return list(result.items())
    return repr(result)


def test_unread_rows_are_equal_when_their_values_are() -> None:
    one, two = rows_after("id"), rows_after("title")
    assert one == two
    assert not one[0] != two[0]  # noqa: SIM202
    assert one[0] != two[1]
    assert one[0] in two
    assert one[0] == UserDict(plain()[0])


def test_copies_are_plain_dicts() -> None:
    (row, *_) = rows_after()
    for made in (
        row.copy(),
        copy.copy(row),
        copy.deepcopy(row),
        pickle.loads(pickle.dumps(row)),
        dict(row),
        row | {},
    ):
        assert type(made) is dict
        assert made == plain()[0]
    deep = copy.deepcopy(row)
    deep["tags"].append(2)
    assert row["tags"] == [1]


def test_a_row_that_somebody_made_is_a_dict_too() -> None:
    for kind in (Row, Unread):
        row = kind({"a": 1})
        row["b"] = 2
        del row["a"]
        assert (dict(row), len(row), bool(row), row.get("a"), row.pop("b")) == ({"b": 2}, 1, True, None, 2)
        with pytest.raises(KeyError):
            row["a"]
        with pytest.raises(AttributeError):
            row.nothing  # noqa: B018


def test_rows_outlive_their_batch() -> None:
    codec = RowCodec(SCHEMA)
    kept = []
    for _ in range(3):
        batch = example()
        rows = codec.decode(batch)
        kept.append(rows[0])
        codec.encode(rows, batch)
    del batch, rows
    gc.collect()
    assert kept == [plain()[0]] * 3


def test_rows_and_their_batch_go_without_the_collector() -> None:
    def alive() -> int:
        return sum(1 for each in gc.get_objects() if isinstance(each, Row | Origin))

    codec = RowCodec(SCHEMA)
    before = alive()
    gc.disable()
    try:
        for turn in range(6):
            batch = example()
            rows = codec.decode(batch)
            rows[0]["price"]
            dict(rows[1])
            del rows[2]["id"]
            if turn % 2:
                codec.encode(rows, batch)
            del rows
            assert alive() == before
    finally:
        gc.enable()


# ----------------------------------------------------------------------- what is not touched stays


def spoilt() -> pa.RecordBatch:
    """A batch whose `price` and `day` cannot be read: reading them would fail."""
    return batch_of(
        {"id": ["1", "2"], "price": ["no", "no"], "title": ["a", "b"], "day": ["no", "no"], "tags": [[1], []]}
    )


def test_untouched_columns_are_neither_read_nor_stored() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(5):
        batch = spoilt()
        rows = codec.decode(batch)
        for row in rows:
            row["title"] += "!"
        made = codec.encode(rows, batch)
        assert made.column("title").to_pylist() == ["a!", "b!"]
        for name in ("id", "price", "day", "tags"):
            assert addresses(made.column(name)) == addresses(batch.column(name))


def addresses(column: pa.Array) -> list[int]:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return [buffer.address for buffer in storage.buffers() if buffer is not None]


def test_dropped_doubled_and_reordered_rows_keep_what_was_not_touched() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(4):
        batch = spoilt()
        first, second = codec.decode(batch)
        first["title"] = "x"
        made = codec.encode([second, first, second], batch)
        assert made.column("price").to_pylist() == ["no"] * 3
        assert made.column("title").to_pylist() == ["b", "x", "b"]
        assert made.column("id").to_pylist() == ["2", "1", "2"]


def test_what_was_read_and_not_changed_stays() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(4):
        batch = example()
        rows = codec.decode(batch)
        for row in rows:
            dict(row)
        made = codec.encode(rows, batch)
        for name in SCHEMA.names:
            assert addresses(made.column(name)) == addresses(batch.column(name))


def test_a_dict_that_replaces_a_row_brings_known_values_back_unstored() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(4):
        batch = example()
        rows = codec.decode(batch)
        made = codec.encode([{**row, "title": "x"} for row in rows], batch)
        assert made.column("title").to_pylist() == ["x"] * 3
        for name in ("id", "price", "day", "tags"):
            assert addresses(made.column(name)) == addresses(batch.column(name))


def test_writing_without_reading_reads_nothing() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(5):
        batch = spoilt()
        rows = codec.decode(batch)
        for row in rows:
            row["price"] = Decimal(row["id"]) / 4
        made = codec.encode(rows, batch)
        assert made.column("price").to_pylist() == [Decimal("0.25"), Decimal("0.5")]
        assert made.column("day").to_pylist() == ["no", "no"]


def test_json_that_was_read_keeps_its_spelling_unless_it_was_changed_in_place() -> None:
    schema = Schema((Field({"name": "x", "type": "object"}),))
    texts = ['{"a":1}', '{"b": 1e2,"c":[]}', None, '{"d":  0}']
    batch = pa.RecordBatch.from_arrays(
        [pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(texts))], schema=schema.arrow
    )
    codec = RowCodec(schema)
    for _ in range(3):
        rows = codec.decode(batch)
        rows[3]["x"]["d"] = True  # equal to 1, and different from 0
        made = codec.encode(rows, batch).column("x").storage.to_pylist()
        assert made == [*texts[:3], '{"d": true}']


# ------------------------------------------------------------------------------ rows of all kinds


ACTIONS = st.one_of(
    st.tuples(st.just("read"), st.sampled_from(SCHEMA.names)),
    st.tuples(st.just("set"), st.sampled_from(["id", "price", "title"])),
    st.tuples(st.just("delete"), st.sampled_from(SCHEMA.names)),
    st.tuples(st.just("pop"), st.sampled_from(SCHEMA.names)),
    st.tuples(
        st.sampled_from(["whole", "clear", "popitem", "replace", "new", "drop", "double", "keep"]),
        st.just(""),
    ),
)
NEW = {"id": 77, "price": Decimal("7.5"), "title": "new"}


def act(row: dict[str, Any], actions: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """What a function makes of one row; the same of a `Row` and of a dict."""
    result: list[dict[str, Any]] = [row]
    for verb, name in actions:
        if verb == "read":
            row.get(name)
        elif verb == "set":
            row[name] = NEW[name]
        elif verb == "delete" and name in row:
            del row[name]
        elif verb == "pop":
            row.pop(name, None)
        elif verb == "whole":
            dict(row)
        elif verb == "clear":
            row.clear()
        elif verb == "popitem" and row:
            row.popitem()
        elif verb == "replace":
            row = {**row, "title": "replaced"}
            result = [row]
        elif verb == "new":
            result = [*result, {"id": 5}]
        elif verb == "drop":
            result = []
        elif verb == "double":
            result = result * 2
    return result


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    values = {
        "id": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | st.decimals(-(10**20), 10**20, places=3),
        "title": st.none() | st.text(max_size=5),
        "day": st.none() | st.dates(),
        "tags": st.none() | st.lists(st.integers() | st.text(max_size=3), max_size=3),
    }
    return draw(st.lists(st.fixed_dictionaries(values), min_size=1, max_size=5))


def typed_batch(table: list[dict[str, Any]]) -> pa.RecordBatch:
    return batch_of({name: [row[name] for row in table] for name in SCHEMA.names})


@given(
    data=st.data(),
    turns=st.lists(tables(), min_size=1, max_size=4),
    habits=st.lists(ACTIONS, max_size=3),
    backwards=st.booleans(),
    with_base=st.booleans(),
)
def test_what_functions_do_to_rows_is_what_they_do_to_dicts(
    data: st.DataObject,
    turns: list[list[dict[str, Any]]],
    habits: list[tuple[str, str]],
    backwards: bool,
    with_base: bool,
) -> None:
    codec = RowCodec(SCHEMA)
    for table in turns:
        batch = typed_batch(table)
        made: list[dict[str, Any]] = []
        model: list[dict[str, Any]] = []
        for row, values in zip(codec.decode(batch), table, strict=True):
            # Most rows see the same actions, as they would from one function; some see others.
            actions = [
                *habits,
                *data.draw(st.lists(ACTIONS, max_size=2) if data.draw(st.booleans()) else st.just([])),
            ]
            made += act(row, actions)
            model += act({name: values[name] for name in SCHEMA.names}, actions)
        if backwards:
            made.reverse()
            model.reverse()
        result = codec.encode(made, batch if with_base else None)
        assert result.schema.names == list(SCHEMA.names)
        expected = [{name: row.get(name) for name in SCHEMA.names} for row in model]
        assert [dict(row) for row in RowCodec(SCHEMA).decode(result)] == expected


@given(turns=st.lists(tables(), max_size=5), size=st.integers(1, 7), step=st.integers(1, 3), data=st.data())
def test_a_stream_of_rows_becomes_batches(
    turns: list[list[dict[str, Any]]], size: int, step: int, data: st.DataObject
) -> None:
    before, after = RowCodec(SCHEMA), RowCodec(SCHEMA)
    lag = data.draw(st.booleans())

    def function(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        last: dict[str, Any] | None = None
        for number, row in enumerate(rows):
            if number % step == 0:
                row["title"] = "changed"
            if number % 3 == 2:
                yield {"id": number}
            if not lag:
                yield row
            elif last is not None:
                yield last
            last = row

    source = (row for table in turns for row in before.decode(typed_batch(table)))
    batches = list(rows_to_batches(function(source), after, size))
    expected = list(function(dict(row) for table in turns for row in table))
    assert all(0 < batch.num_rows <= size for batch in batches)
    got = [dict(row) for batch in batches for row in RowCodec(SCHEMA).decode(batch)]
    assert got == [{name: row.get(name) for name in SCHEMA.names} for row in expected]


def test_sorted_rows_of_many_batches_keep_what_was_not_touched() -> None:
    codec = RowCodec(SCHEMA)
    rows = [row for _ in range(4) for row in codec.decode(spoilt())]
    rows.sort(key=lambda row: row["title"])
    (made,) = list(rows_to_batches(rows, codec, 100)) if len(rows) <= 2 else [codec.encode(rows)]
    assert made.column("title").to_pylist() == ["a"] * 4 + ["b"] * 4
    assert made.column("price").to_pylist() == ["no"] * 8
    assert made.column("id").to_pylist() == ["1"] * 4 + ["2"] * 4


def test_batches_leave_as_they_came() -> None:
    codec = RowCodec(SCHEMA)
    source = (row for _ in range(3) for row in codec.decode(spoilt()))
    for batch in rows_to_batches(source, codec):
        assert batch.num_rows == 2
        assert batch.column("price").to_pylist() == ["no", "no"]


def test_carried_and_typed_columns_meet_in_one_batch() -> None:
    codec = RowCodec(SCHEMA)
    carried = codec.decode(example())
    typed = codec.decode(typed_batch(plain()))
    made = codec.encode([carried[0], typed[1], {"id": 9}, carried[2]])
    assert made.column("price").type == SCHEMA.field("price").arrow
    rows = [dict(row) for row in codec.decode(made)]
    assert rows == [plain()[0], plain()[1], {**dict.fromkeys(SCHEMA.names), "id": 9}, plain()[2]]


def test_new_rows_and_no_rows() -> None:
    codec = RowCodec(SCHEMA)
    assert codec.encode([]).schema.names == list(SCHEMA.names)
    assert codec.encode([]).num_rows == 0
    made = codec.encode([{}, OrderedDict(id=1), UserDict(title="x"), defaultdict(int, id=2)])
    assert made.column("id").to_pylist() == [None, 1, None, 2]
    assert made.column("title").to_pylist() == [None, None, "x", None]
    assert made.schema.types == SCHEMA.arrow.types


def test_a_schema_without_fields_has_rows() -> None:
    codec = RowCodec(Schema())
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    rows = codec.decode(batch)
    assert rows == [{}, {}, {}]
    assert codec.encode(rows, batch).num_rows == 3
    rows[1]["x"] = 1
    with pytest.raises(RowError, match="'x'"):
        codec.encode(rows, batch)


def test_the_list_of_rows_may_be_changed_in_place() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(4):
        batch = example()
        rows: list[Any] = codec.decode(batch)
        rows[0] = dict(reversed(rows[0].items()))
        rows[1] = {"id": 8, "price": None, "title": "x", "day": None, "tags": None}
        rows[1:] = rows[:0:-1]
        made = codec.encode(rows, batch)
        assert [dict(row) for row in codec.decode(made)] == [
            plain()[0],
            plain()[2],
            {"id": 8, "price": None, "title": "x", "day": None, "tags": None},
        ]


def test_columns_are_expected_in_the_order_in_which_they_were_written() -> None:
    codec = RowCodec(SCHEMA)
    for turn in range(8):
        batch = spoilt()
        rows = codec.decode(batch)
        for number, row in enumerate(rows):
            row["day"] = dt.date(2020, 1, 1 + turn)
            row["price"] = Decimal(number)
        made = codec.encode(rows, batch)
        assert made.column("price").to_pylist() == [Decimal(0), Decimal(1)]
        assert made.column("day").to_pylist() == [dt.date(2020, 1, 1 + turn)] * 2


def test_columns_that_only_some_rows_are_given_keep_their_old_values_elsewhere() -> None:
    codec = RowCodec(SCHEMA)
    for turn in range(8):
        batch = example()
        rows = codec.decode(batch)
        rows[turn % 3]["price"] = Decimal(7)
        rows[(turn + 1) % 3]["day"] = None
        expected = plain()
        expected[turn % 3]["price"] = Decimal(7)
        expected[(turn + 1) % 3]["day"] = None
        assert RowCodec(SCHEMA).decode(codec.encode(rows, batch)) == expected


@pytest.mark.parametrize("turns", [1, 5])
def test_a_step_may_add_drop_and_retype_fields(turns: int) -> None:
    after = SCHEMA.drop(["day", "tags"]).add(
        Field({"name": "id", "type": "string"}), Field({"name": "twice", "type": "number"})
    )
    before, codec = RowCodec(SCHEMA), RowCodec(after)
    for _ in range(turns):
        batch = example()
        rows = before.decode(batch)
        for row in rows:
            row["id"] = str(row["id"])
            row["twice"] = row["price"] and row["price"] * 2
        made = codec.encode(rows, batch)
        assert made.schema.names == ["id", "price", "title", "twice"]
        assert made.column("id").to_pylist() == ["1", "2", "None"]
        assert made.column("twice").to_pylist() == [Decimal(3), None, Decimal("-0.5")]
        with pytest.raises(RowError, match=r"'id'.*1 is an integer, not text"):
            codec.encode(before.decode(batch), batch)
