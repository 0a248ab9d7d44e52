"""Joining: what the rows are, what they have, and what is refused. All against small tables."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError, FlowError, SchemaError
from dataflows_stdlib.filter import filter_rows
from dataflows_stdlib.join import join
from dataflows_stdlib.join_with_self import join_self, join_with_self

PEOPLE = [
    {"house": 1, "name": "ann", "age": 31},
    {"house": 2, "name": "bob", "age": None},
    {"house": 1, "name": "cem", "age": 20},
    {"house": None, "name": "dee", "age": 7},
    {"house": 10, "name": "eva", "age": 40},
    {"house": 9, "name": "fay", "age": 41},
]
HOUSES = [
    {"id": "2", "street": "Oak"},
    {"id": "1", "street": "Elm"},
    {"id": "3", "street": "Fir"},
    {"id": None, "street": "?"},
    {"id": "1", "street": "Ash"},
]


def joined(
    fields: Any = None,
    source: Any = PEOPLE,
    target: Any = HOUSES,
    keys: tuple[Any, Any] = ("house", "id"),
    **options: Any,
) -> list[dict[str, Any]]:
    """The rows of the target; `res_1` is the source."""
    return list(
        Flow(source, target, join("res_1", keys[0], "res_2", keys[1], fields or {}, **options))
        .results()
        .rows[-1]
    )


def aggregated(
    aggregate: str, values: list[Any], *, name: str = "x", others: list[dict[str, Any]] | None = None
) -> Any:
    """What an aggregate makes of the values of one group."""
    rows = [{"k": 1, "x": value} for value in values] + (others or [])
    flow = Flow(rows, join_with_self("res_1", "k", {"y": {"name": name, "aggregate": aggregate}}))
    return flow.results().rows[0][0]["y"]


# Rows.


@pytest.mark.parametrize(
    ("mode", "streets"),
    [
        ("half-outer", ["Oak", "Elm", "Fir", "?", "Ash"]),
        ("inner", ["Oak", "Elm", "?", "Ash"]),
        ("full-outer", ["Oak", "Elm", "Fir", "?", "Ash", None, None]),
        ("semi", ["Oak", "Elm", "?", "Ash"]),
        ("anti", ["Fir"]),
    ],
)
def test_each_mode_has_its_rows_in_the_order_of_the_target(mode: str, streets: list[str | None]) -> None:
    fields = {} if mode in ("semi", "anti") else {"name": None}
    assert [row["street"] for row in joined(fields, mode=mode)] == streets


def test_integers_match_texts_and_null_matches_null() -> None:
    names = {row["street"]: row["name"] for row in joined({"name": None})}
    assert names == {"Oak": "bob", "Elm": "cem", "Fir": None, "?": "dee", "Ash": "cem"}


def test_null_is_not_the_text_none() -> None:
    rows = joined({"x": None}, [{"k": None, "x": 1}], [{"k": "None"}, {"k": ""}, {"k": None}], ("k", "k"))
    assert [row["x"] for row in rows] == [None, None, 1]


def test_full_outer_appends_what_only_the_source_has_in_the_order_of_the_keys_texts() -> None:
    rows = joined({"name": None}, mode="full-outer")
    assert rows[-2:] == [
        {"id": "10", "street": None, "name": "eva"},
        {"id": "9", "street": None, "name": "fay"},
    ]


def test_full_outer_gives_the_keys_the_type_of_the_target() -> None:
    source = [{"k": "2024-02-29", "x": 1}]
    rows = joined({"x": None}, source, [{"d": dt.date(2024, 1, 1)}], ("k", "d"), mode="full-outer")
    assert rows == [{"d": dt.date(2024, 1, 1), "x": None}, {"d": dt.date(2024, 2, 29), "x": 1}]
    with pytest.raises(ProcessorError, match="'February'"):
        joined({}, [{"k": "February"}], [{"d": dt.date(2024, 1, 1)}], ("k", "d"), mode="full-outer")


def test_a_target_without_a_match_keeps_its_own_value_and_one_with_a_match_does_not() -> None:
    source = [{"k": 1, "x": "new"}, {"k": 2, "x": None}]
    target = [{"k": 1, "x": "old 1"}, {"k": 2, "x": "old 2"}, {"k": 3, "x": "old 3"}]
    assert [row["x"] for row in joined({"x": None}, source, target, ("k", "k"))] == ["new", None, "old 3"]
    rows = joined({"x": None}, source, target, ("k", "k"), mode="full-outer")
    assert [row["x"] for row in rows] == ["new", None, "old 3"]


def test_values_that_are_joined_over_others_keep_their_digits() -> None:
    source = [{"k": 1, "x": Decimal("0.1234567890123456789")}]
    target = [{"k": 1, "x": Decimal("1.5")}, {"k": 2, "x": Decimal("2.5")}]
    rows = joined({"x": None}, source, target, ("k", "k"))
    assert [row["x"] for row in rows] == [Decimal("0.1234567890123456789"), Decimal("2.5")]


def test_the_source_may_come_after_the_target() -> None:
    flow = Flow(HOUSES, PEOPLE, join("res_2", "house", "res_1", "id", {"name": None}))
    (rows,) = flow.results().rows
    assert [row["name"] for row in rows] == ["bob", "cem", None, "dee", "cem"]


def test_the_source_goes_or_stays_as_asked() -> None:
    for delete, names in ((True, ["res_2"]), (False, ["res_1", "res_2"])):
        flow = Flow(
            PEOPLE, HOUSES, join("res_1", "house", "res_2", "id", {"name": None}, source_delete=delete)
        )
        results = flow.results()
        assert results.package.names == names
        assert len(results.rows[0]) == (5 if delete else 6)
        assert [row["name"] for row in results.rows[-1]] == ["bob", "cem", None, "dee", "cem"]


def test_a_resource_is_joined_with_itself() -> None:
    rows = [{"id": 1, "boss": None, "name": "ann"}, {"id": 2, "boss": 1, "name": "bob"}]
    flow = Flow(rows, join("res_1", "id", "res_1", "boss", {"boss_name": {"name": "name"}}))
    assert [row["boss_name"] for row in flow.results().rows[0]] == [None, "ann"]


def test_a_flow_that_is_run_twice_gives_the_same_and_leaves_the_fields_alone() -> None:
    fields: dict[str, Any] = {"name": None, "*": {"aggregate": "first"}}
    flow = Flow(PEOPLE, HOUSES, join("res_1", "house", "res_2", "id", fields))
    assert flow.results().rows == flow.results().rows
    assert fields == {"name": None, "*": {"aggregate": "first"}}


def test_empty_tables_join() -> None:
    def nothing(name: str) -> Any:
        return filter_rows("false", resources=name)

    rows = [{"k": "a", "x": 1}]
    for mode, expected in (("half-outer", [{"id": "a", "x": None}]), ("inner", [])):
        step = join("res_1", "k", "res_2", "id", {"x": None}, mode=mode)
        assert Flow(rows, nothing("res_1"), [{"id": "a"}], step).results().rows == [expected]
    step = join("res_1", "k", "res_2", "id", {"x": None}, mode="full-outer")
    assert Flow(rows, [{"id": "a"}], nothing("res_2"), step).results().rows == [[{"id": "a", "x": 1}]]
    step = join_with_self("res_1", "k", {"n": {"aggregate": "count"}})
    assert Flow(rows, nothing("res_1"), step).results().rows == [[]]


# Keys.


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, Decimal("1.0"), True),
        (Decimal("1.50"), "1.5", True),
        (1, 1.0, True),
        (0.1, Decimal("0.1"), True),
        (-0.0, 0, True),
        (1, "01", False),
        (True, "true", True),
        (dt.date(2024, 2, 29), "2024-02-29", True),
        (10**30, str(10**30), True),
        (9007199254740993, Decimal(9007199254740992), False),
        (dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC), "2024-01-01T12:00:00Z", True),
        (
            dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
            dt.datetime(2024, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            True,
        ),
    ],
)
def test_keys_are_equal_when_their_texts_are(left: Any, right: Any, equal: bool) -> None:
    rows = joined({"x": None}, [{"k": left, "x": 1}], [{"k": right}], ("k", "k"))
    assert rows[0]["x"] == (1 if equal else None)


def test_lists_are_compared_field_by_field() -> None:
    source = [{"a": "x:y", "b": "z", "n": 1}, {"a": "x", "b": "y:z", "n": 2}, {"a": None, "b": "z", "n": 3}]
    target = [{"c": "x", "d": "y:z"}, {"c": "x:y", "d": "z"}, {"c": "None", "d": "z"}, {"c": None, "d": "z"}]
    for keys in ((["a", "b"], ["c", "d"]), ("{a}:{b}", ["c", "d"]), (("a", "b"), "{c}:{d}")):
        assert [row["n"] for row in joined({"n": None}, source, target, keys)] == [2, 1, None, 3]


def test_format_strings_are_compared_as_texts() -> None:
    source = [{"year": 2020, "month": 1, "n": 1}, {"year": 2021, "month": 12, "n": 2}]
    target = [{"period": "2021-12"}, {"period": "2020-01"}, {"period": "2020-1"}]
    rows = joined({"n": None}, source, target, ("{year}-{month:02}", "period"))
    assert [row["n"] for row in rows] == [2, 1, None]
    assert [row["n"] for row in joined({"n": None}, source, [{"p": "2020:1"}], ("{year}:{month}", "p"))] == [
        1
    ]
    rows = joined({"n": None}, source, target, ("{year}-{month:02}", "{period}"), mode="full-outer")
    assert [row["period"] for row in rows] == ["2021-12", "2020-01", "2020-1"]


def test_a_row_number_is_a_key() -> None:
    target = [{"n": 2}, {"n": 1}, {"n": 7}]
    assert [row["name"] for row in joined({"name": None}, target=target, keys=("{#}", "n"))] == [
        "bob",
        "ann",
        None,
    ]
    rows = joined({"name": None}, target=HOUSES, keys=(["#"], ["#"]))
    assert [row["name"] for row in rows] == ["ann", "bob", "cem", "dee", "eva"]
    assert len(joined({"name": None}, target=HOUSES, keys=(["#"], ["#"]), mode="full-outer")) == 6


def test_an_empty_key_matches_all_with_all() -> None:
    fields = {"all": {"name": "age", "aggregate": "sum"}}
    assert {row["all"] for row in joined(fields, keys=([], []))} == {139}


def test_a_field_may_have_any_name() -> None:
    source = [{"a b.c": 1, 'select "x"': 2, "{": 3}]
    rows = joined({'select "x"': None}, source, [{"k;": 1}], ("{a b.c}", "k;"))
    assert rows == [{"k;": 1, 'select "x"': 2}]
    assert joined({"{": None}, source, [{"k": 3}], ("{", "k"))[0]["{"] == 3


# Fields and schemas.


def test_fields_follow_the_source_and_others_their_names() -> None:
    fields = {"zz": {"aggregate": "count"}, "name": None, "aa": {"name": "age"}, "*": {"aggregate": "max"}}
    package = Flow(PEOPLE, HOUSES, join("res_1", "house", "res_2", "id", fields)).package()
    assert package["res_2"].schema.names == ("id", "street", "house", "name", "aa", "zz")


def test_types_of_what_is_made() -> None:
    rows = [{"k": 1, "i": 1, "n": Decimal("1.5"), "f": 1.5, "s": "a", "d": dt.date(2024, 1, 1)}]
    aggregates = ["sum", "avg", "median", "max", "first", "count", "set", "array", "counters"]
    fields = {
        f"{field}_{aggregate}": {"name": field, "aggregate": aggregate}
        for field in "infsd"
        for aggregate in aggregates
        if field not in "sd" or aggregate not in ("sum", "avg", "median")
    }
    schema = Flow(rows, join_with_self("res_1", "k", fields)).package()["res_1"].schema
    own = {"i": "integer", "n": "number", "f": "number", "s": "string", "d": "date"}
    for name in fields:
        field, aggregate = name.split("_")
        expected = {"count": "integer", "set": "array", "array": "array", "counters": "array"}.get(
            aggregate, "number" if aggregate in ("avg", "median") else own[field]
        )
        assert schema.field(name).type == expected, name
        is_double = field == "f" and expected == "number"
        assert bool(schema.field(name).descriptor.get("floatNumber")) == is_double


def test_properties_are_copied_with_a_value_but_not_promises_that_fail() -> None:
    from dataflows_stdlib.types import set_type

    title: Any = {"title": "Name", "constraints": {"required": True, "maxLength": 9}}
    flow = Flow(
        PEOPLE,
        set_type("name", type="string", **title),
        HOUSES,
        join("res_1", "house", "res_2", "id", {"name": None, "n": {"name": "name", "aggregate": "max"}}),
    )
    field = flow.package()["res_2"].schema.field("name")
    assert field.descriptor == {
        "name": "name",
        "type": "string",
        "title": "Name",
        "constraints": {"maxLength": 9},
    }
    flow.results()


# Aggregates.


@pytest.mark.parametrize(
    ("aggregate", "values", "expected"),
    [
        ("avg", [1, 2], Decimal("1.5")),
        ("avg", [None, None], None),
        ("avg", [Decimal("0.1"), Decimal("0.2"), None], Decimal("0.15")),
        ("avg", [1, 1, 0], Decimal("0.666666666667")),
        ("avg", [-1, -1, 0], Decimal("-0.666666666667")),
        ("avg", [2**62, 2**62, 2**62 + 3], Decimal(2**62 + 1)),
        ("avg", [Decimal("0.000000000001"), Decimal(0)], Decimal(0)),
        ("avg", [Decimal("0.000000000003"), Decimal(0)], Decimal("0.000000000002")),
        ("avg", [Decimal("-0.000000000003"), Decimal(0)], Decimal("-0.000000000002")),
        ("avg", [Decimal("0.1234567890123456789"), Decimal(0)], Decimal("0.06172839450617283945")),
        ("median", [4, 1], Decimal("2.5")),
        ("median", [3, None, 1, 2], Decimal(2)),
        ("median", [None], None),
        ("median", [Decimal("0.000000000001"), Decimal("0.000000000002")], Decimal("0.000000000002")),
        ("sum", [None], None),
        ("sum", [Decimal("0.1")] * 3, Decimal("0.3")),
        ("sum", [0.1, 0.2, 0.3], 0.1 + 0.2 + 0.3),
        ("avg", [0.1, 0.2, 0.3], (0.1 + 0.2 + 0.3) / 3),
        ("median", [0.1, 0.4, 0.2, 0.3], 0.25),
        ("count", [1, None, 2], 2),
        ("set", [{"a": 1}, {"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        ("set", ["b", "a", None, "b"], ["b", "a"]),
        ("set", [[1], [1], [2]], [[1], [2]]),
        ("array", [None, "b", "a", "b"], ["b", "a", "b"]),
        ("array", ['"', "\n", "é"], ['"', "\n", "é"]),
        ("array", [None], []),
        ("counters", [3, 1, 3, None, 2, 1, 3], [[3, 3], [1, 2], [2, 1]]),
        ("counters", ["a", "b", "a"], [["a", 2], ["b", 1]]),
        ("counters", [["x", "y"], ["y"], ["y", "x", "z"]], [["y", 3], ["x", 2], ["z", 1]]),
        ("counters", [{"a": 1}, {"a": 1}], [[{"a": 1}, 2]]),
        ("counters", [None], []),
        ("set", [True, False, True], [True, False]),
        ("array", [dt.date(2024, 2, 29)], ["2024-02-29"]),
        ("max", ["b", "é", "a"], "é"),
        ("min", [dt.date(2024, 2, 29), None, dt.date(2020, 1, 1)], dt.date(2020, 1, 1)),
        ("max", [True, False], True),
        ("any", [1, 2, None], 2),
        ("last", [1, 2, None], 2),
        ("first", [None, 1, 2], 1),
        ("last", [{"a": [1]}, None], {"a": [1]}),
    ],
)
def test_aggregates(aggregate: str, values: list[Any], expected: Any) -> None:
    # A row of another key makes sure that a column of nulls has the type.
    witness = next((value for value in values if value is not None), 1)
    found = aggregated(aggregate, values, others=[{"k": 2, "x": witness}])
    assert found == expected
    assert type(found) is type(expected)


def test_a_count_without_a_name_counts_rows() -> None:
    rows = joined({"n": {"aggregate": "count"}, "aged": {"name": "age", "aggregate": "count"}})
    assert [(row["n"], row["aged"]) for row in rows] == [(1, 0), (2, 2), (None, None), (1, 1), (2, 2)]


def test_a_sum_that_no_integer_holds_is_an_error_and_a_number_holds_it() -> None:
    with pytest.raises(ProcessorError, match=r"(?s)'y'.*64 bits.*a number") as caught:
        aggregated("sum", [2**63 - 1, 1])
    assert isinstance(caught.value.cause, DataError)
    assert caught.value.exit_code == 1
    assert aggregated("sum", [Decimal(2**63 - 1), 1]) == 2**63
    with pytest.raises(ProcessorError):
        aggregated("sum", [Decimal(10**37 * 9), Decimal(10**37 * 9)])


def test_json_has_no_infinity() -> None:
    with pytest.raises(ProcessorError, match="inf"):
        aggregated("array", [1.5, float("inf")])


# Groups.


def test_groups_are_in_the_order_of_their_keys_texts() -> None:
    flow = Flow(PEOPLE, join_with_self("res_1", "{house}", {"house": None, "n": {"aggregate": "count"}}))
    assert [tuple(row.values()) for row in flow.results().rows[0]] == [
        (None, 1),
        (1, 2),
        (10, 1),
        (2, 1),
        (9, 1),
    ]
    package = flow.package()
    assert package.descriptor["resources"][0]["path"] == "data/res_1.csv"


def test_a_resource_is_grouped_in_place_of_itself_and_beside_itself() -> None:
    fields: Any = {"house": None}
    flow = Flow(PEOPLE, HOUSES, join_with_self("res_1", ["house"], fields))
    assert flow.package().names == ["res_1", "res_2"]
    flow = Flow(PEOPLE, HOUSES, join("res_1", "house", "groups", None, fields, source_delete=False))
    results = flow.results()
    assert results.package.names == ["res_1", "groups", "res_2"]
    assert [len(rows) for rows in results.rows] == [6, 5, 5]
    with pytest.warns(DeprecationWarning, match="join_with_self"):
        flow = Flow(PEOPLE, HOUSES, join_self("res_1", "house", "groups", fields))
    assert flow.package().names == ["groups", "res_2"]
    with pytest.raises(ProcessorError, match="res_2"):
        Flow(PEOPLE, HOUSES, join("res_1", "house", "res_2", None, fields)).package()


def test_all_rows_become_one_with_an_empty_key() -> None:
    fields: Any = {"n": {"aggregate": "count"}, "age": {"aggregate": "max"}, "name": {"aggregate": "first"}}
    flow = Flow(PEOPLE, join_with_self("res_1", [], fields))
    assert flow.results().rows[0] == [{"name": "ann", "age": 41, "n": 6}]


# Refusals.


def test_full_is_deprecated_and_wins_over_the_mode() -> None:
    for full, count in ((True, 5), (False, 4)):
        with pytest.warns(DeprecationWarning, match="mode="):
            step = join("res_1", "house", "res_2", "id", {"name": None}, full, "full-outer")
        assert len(Flow(PEOPLE, HOUSES, step).results().rows[0]) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "half_outer"}, "'half-outer'"),
        ({"mode": "left"}, "modes: inner"),
        ({"fields": ["name"]}, "mapping"),
        ({"fields": {"name": "sum"}}, "mapping"),
        ({"fields": {"name": {"agregate": "sum"}}}, "'aggregate'"),
        ({"fields": {"name": {"aggregate": "mean"}}}, "known aggregates: any"),
        ({"fields": {"name": {"aggregate": "conut"}}}, "'count'"),
        ({"fields": {"*": {"name": "x"}}}, "takes no name"),
        ({"fields": {"name": None}, "mode": "anti"}, "adds no fields"),
        ({"memory_limit": "much"}, "memory_limit"),
    ],
)
def test_what_is_wrong_without_data_is_said_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        join("res_1", "house", "res_2", "id", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ("hose", "id")}, r"'hose' in resource 'res_1'; did you mean 'house'"),
        ({"keys": ("house", "idd")}, r"'idd' in resource 'res_2'; did you mean 'id'"),
        ({"keys": ("{hose}", "id")}, "did you mean 'house'"),
        ({"keys": ("{house", "id")}, "no format string"),
        ({"keys": ("{house!r}", "id")}, "braces"),
        ({"keys": ("{}", "id")}, "braces"),
        ({"keys": (["house", "name"], "id")}, "as many fields"),
        ({"keys": (["house", "name"], "{id}/{street}")}, "as many fields"),
        ({"keys": ([1], "id")}, "1 where"),
        ({"keys": (7, "id")}, "and not 7"),
        ({"fields": {"nam": None}}, "did you mean 'name'"),
        ({"fields": {"x": {"name": "ages"}}}, "did you mean 'age'"),
        ({"fields": {"name": {"name": "age"}, "*": None}}, "two fields would be named 'name'"),
        ({"fields": {"x": {"name": "name", "aggregate": "sum"}}}, "sum is for numbers"),
        ({"fields": {"street": {"name": "age"}}}, "'street' of the type string"),
        ({"fields": {"id": {"aggregate": "count"}}}, "'id' of the type string"),
        ({"keys": ("house", "{id}/{street}"), "mode": "full-outer"}, "full-outer"),
        ({"source": [{"house": {"a": 1}}], "fields": {"x": {"name": "house", "aggregate": "max"}}}, "order"),
    ],
)
def test_what_does_not_go_together_is_said_when_planning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        joined(**options)
    assert caught.value.processor == "join"
    assert caught.value.exit_code == 2


def test_resources_that_are_not_there_are_refused_with_near_misses() -> None:
    for names in (("res_3", "res_2"), ("res_1", "res_22")):
        with pytest.raises(ProcessorError, match="did you mean"):
            Flow(PEOPLE, HOUSES, join(names[0], "house", names[1], "id")).package()


def test_a_resource_without_fields_has_no_key() -> None:
    with pytest.raises(ProcessorError, match="known fields: \\(none\\)") as caught:
        Flow([], HOUSES, join("res_1", "house", "res_2", "id")).package()
    assert isinstance(caught.value.cause, SchemaError)


def test_a_value_that_cannot_be_formatted_is_shown() -> None:
    with pytest.raises(ProcessorError, match="None"):
        joined({}, keys=("{age:04}", "id"))


def test_an_error_above_a_join_is_that_of_its_step() -> None:
    def broken(row: dict[str, Any]) -> None:
        raise ValueError(f"no {row['name']}")

    flow = Flow(PEOPLE, broken, HOUSES, join("res_1", "house", "res_2", "id", {"name": None}))
    with pytest.raises(ProcessorError, match="no ann") as caught:
        flow.process()
    assert "broken" in caught.value.processor


def test_a_key_that_cannot_be_written_is_an_error_of_the_source() -> None:
    flow = Flow([{"n": 1}, {"n": None}], [{"k": "01"}], join("res_1", "{n:02}", "res_2", "{k}"))
    with pytest.raises(ProcessorError, match="cannot be written") as caught:
        flow.process()
    assert (caught.value.resource, caught.value.row) == ("res_1", 2)
