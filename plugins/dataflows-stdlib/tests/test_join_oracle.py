"""Joins of any tables, against the plainest way to compute them."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.resource import Resource
from dataflows_stdlib.join import join
from dataflows_stdlib.join_with_self import join_with_self

Row = dict[str, Any]
Table = list[Row]

SOURCE: Row = {"k": 0, "t": "-", "i": 0, "n": Decimal(0), "s": "-", "d": dt.date(2000, 1, 1)}
TARGET: Row = {"k": 0, "t": "-", "key": "-", "own": 0}
NUMBERS, OTHERS = ("i", "n"), ("s", "d")


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


numbers = st.decimals(min_value=-1000, max_value=1000, places=12, allow_nan=False)
source_rows = st.fixed_dictionaries(
    {
        "k": maybe(st.integers(0, 11)),
        "t": maybe(st.sampled_from(["", "a", "b", "a:", "1"])),
        "i": maybe(st.integers(-(2**40), 2**40)),
        "n": maybe(numbers),
        "s": maybe(st.sampled_from(["x", "y", 'z"', "é"])),
        "d": maybe(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))),
    }
)
target_rows = st.fixed_dictionaries(
    {
        "k": maybe(st.integers(0, 11)),
        "t": maybe(st.sampled_from(["", "a", "b", "a:", "1"])),
        "key": maybe(st.sampled_from(["1", "2", "3-a", "3-", "", "11"])),
        "own": maybe(st.integers(0, 9)),
    }
)


def text(value: Any) -> str | None:
    return None if value is None else str(value)


KEYS: dict[str, tuple[Any, Any, Callable[[Row, int], Any], Callable[[Row, int], Any]]] = {
    "integers": ("k", "{k}", lambda row, _: text(row["k"]), lambda row, _: text(row["k"])),
    "an integer and a text": ("k", "key", lambda row, _: text(row["k"]), lambda row, _: row["key"]),
    "a list": (
        ["k", "t"],
        ["k", "t"],
        lambda row, _: (text(row["k"]), row["t"]),
        lambda row, _: (text(row["k"]), row["t"]),
    ),
    "a format string": (
        "{k}-{t}",
        "key",
        lambda row, _: f"{'' if row['k'] is None else row['k']}-{row['t'] or ''}",
        lambda row, _: row["key"],
    ),
    "a row number": (["#"], ["k"], lambda _, number: str(number), lambda row, _: text(row["k"])),
}


def average(total: Fraction, scale: int = 12) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        exact = Decimal(total.numerator) / Decimal(total.denominator)
        return exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN)


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def aggregate(name: str, values: list[Any]) -> Any:
    """What an aggregate makes of values that are not null."""
    if name == "count":
        return len(values)
    if name == "array":
        return [plain(value) for value in values]
    if name == "set":
        return [plain(value) for value in dict.fromkeys(values)]
    if name == "counters":
        return [[plain(value), count] for value, count in Counter(values).most_common()]
    if not values:
        return None
    if name in ("first", "last", "any"):
        return values[0 if name == "first" else -1]
    if name in ("min", "max"):
        return (min if name == "min" else max)(values)
    exact = sorted(Fraction(value) for value in values)
    if name == "median":
        return average((exact[(len(exact) - 1) // 2] + exact[len(exact) // 2]) / 2)
    total = sum(exact, Fraction(0))
    return average(total / len(exact)) if name == "avg" else type(values[0])(average(total))


AGGREGATES = ("any", "first", "last", "min", "max", "count")
KEEPING = ("array", "set", "counters")
COMPUTING = ("sum", "avg", "median")
FIELDS: dict[str, Any] = {
    f"{field}_{name}": {"name": field, "aggregate": name}
    for field in (*NUMBERS, *OTHERS)
    for name in (*AGGREGATES, *KEEPING, *(COMPUTING if field in NUMBERS else ()))
    if not (name in KEEPING and field == "n")  # JSON's numbers come back as doubles
}
FIELDS["rows"] = {"aggregate": "count"}
chosen = st.sets(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=6)


def grouped(rows: Table, key: Callable[[Row, int], Any], fields: dict[str, Any]) -> dict[Any, Row]:
    groups: dict[Any, Table] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        groups[key(row, number)].append(row)

    def made(group: Table, spec: dict[str, str]) -> Any:
        if "name" not in spec:
            return len(group)
        values = [row[spec["name"]] for row in group]
        return aggregate(spec["aggregate"], [value for value in values if value is not None])

    return {
        value: {name: made(group, spec) for name, spec in fields.items()} for value, group in groups.items()
    }


def typed(rows: Table, first: Row) -> tuple[Any, ...]:
    """The steps that give a resource with these rows, and the types of the first, whatever the values say."""
    return [first, *rows], _without_first


def _without_first(package: Any) -> None:
    resource: Resource = package.resources[-1]

    def rest(rows: Any) -> Any:
        next(rows, None)
        return rows

    resource.pipe_rows(rest)


def ordered(keys: Any) -> list[Any]:
    def texts(key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        return [":".join(part or "" for part in parts).encode() if len(parts) > 1 else b""] + [
            (part is not None, (part or "").encode()) for part in parts
        ]

    return sorted(keys, key=texts)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(sorted(KEYS)),
    source=st.lists(source_rows, max_size=8),
    target=st.lists(target_rows, max_size=6),
    names=chosen,
    data=st.data(),
)
def test_join_is_what_the_plain_way_gives(
    kind: str, source: Table, target: Table, names: set[str], data: Any
) -> None:
    fields = {name: FIELDS[name] for name in names}
    source_key, target_key, key_of_source, key_of_target = KEYS[kind]
    modes = ["inner", "half-outer", *(["full-outer"] if kind != "a row number" else [])]
    mode = data.draw(st.sampled_from(modes))
    groups = grouped(source, key_of_source, fields)
    expected = []
    used = set()
    for number, row in enumerate(target, 1):
        key = key_of_target(row, number)
        if key in groups:
            used.add(key)
            expected.append({**row, **groups[key]})
        elif mode != "inner":
            expected.append({**row, **dict.fromkeys(fields)})
    if mode == "full-outer":
        for key in ordered(set(groups) - used):
            own: Row = dict.fromkeys(TARGET)
            if isinstance(key, tuple):
                own |= {"k": None if key[0] is None else int(key[0]), "t": key[1]}
            elif target_key == "{k}":
                own["k"] = None if key is None else int(key)
            else:
                own["key"] = key
            expected.append({**own, **groups[key]})
    flow = Flow(
        *typed(source, SOURCE),
        *typed(target, TARGET),
        join("res_1", source_key, "res_2", target_key, fields, mode=mode),
    )
    assert flow.results().rows == [expected]


@settings(max_examples=40)
@given(kind=st.sampled_from(sorted(KEYS)), source=st.lists(source_rows, max_size=12), names=chosen)
def test_groups_are_what_the_plain_way_gives(kind: str, source: Table, names: set[str]) -> None:
    fields = {name: FIELDS[name] for name in names}
    source_key, _, key_of_source, _ = KEYS[kind]
    groups = grouped(source, key_of_source, fields)
    flow = Flow(*typed(source, SOURCE), join_with_self("res_1", source_key, fields))
    expected = [groups[key] for key in ordered(groups)]
    assert flow.results().rows == [expected]


@pytest.mark.parametrize("mode", ["inner", "half-outer", "full-outer", "anti"])
def test_batches_of_the_target_keep_their_rows_when_work_is_done_on_disk(mode: str) -> None:
    chooser = random.Random(7)
    source = [{"k": chooser.randrange(60_000), "x": number} for number in range(40_000)]
    target = [{"k": chooser.randrange(60_000), "y": number} for number in range(50_000)]
    last = {row["k"]: row["x"] for row in source}
    fields: Any = {} if mode == "anti" else {"x": None}
    step = join("res_1", "k", "res_2", "k", fields, mode=mode, memory_limit="32MB")
    (rows,) = Flow(source, target, step).results().rows
    expected: Table = []
    for row in target:
        if mode == "anti":
            expected += [] if row["k"] in last else [row]
        elif row["k"] in last or mode != "inner":
            expected.append({**row, "x": last.get(row["k"])})
    if mode == "full-outer":
        rest = sorted(set(last) - {row["k"] for row in target}, key=str)
        expected += [{"k": key, "y": None, "x": last[key]} for key in rest]
    assert rows == expected
