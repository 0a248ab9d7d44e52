"""Statistics of columns."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import dump_to_path, load, profile


def test_every_field_is_described() -> None:
    rows = [
        {
            "n": 1,
            "p": Decimal("0.1"),
            "s": "Ölä",
            "d": dt.date(2024, 2, 29),
            "b": True,
            "j": {"a": 1},
            "f": 0.1,
        },
        {"n": 4, "p": Decimal("0.2"), "s": "", "d": dt.date(999, 1, 1), "b": True, "j": {"a": 1}, "f": 0.2},
        {"n": None, "p": None, "s": "Ölä", "d": None, "b": None, "j": None, "f": None},
    ]
    results = Flow(rows, profile(top=1)).results()
    stats = {row["field"]: row for row in results.rows[1]}

    assert results.rows[0] == rows
    assert stats["n"] == {
        "resource": "res_1",
        "field": "n",
        "type": "integer",
        "count": 3,
        "nulls": 1,
        "distinct": 2,
        "minimum": "1",
        "maximum": "4",
        "mean": "2.5",
        "shortest": None,
        "longest": None,
        "top": [{"value": "1", "count": 1}],
    }
    assert (stats["p"]["minimum"], stats["p"]["mean"]) == ("0.1", "0.15")
    assert (stats["s"]["shortest"], stats["s"]["longest"], stats["s"]["top"]) == (
        0,
        3,
        [{"value": "Ölä", "count": 2}],
    )
    assert (stats["d"]["minimum"], stats["d"]["maximum"], stats["d"]["mean"]) == (
        "0999-01-01",
        "2024-02-29",
        None,
    )
    assert (stats["b"]["distinct"], stats["b"]["minimum"]) == (1, "true")
    assert (stats["j"]["distinct"], stats["j"]["minimum"]) == (1, None)
    assert stats["f"]["mean"] == "0.15"
    assert results.stats["profile"]["res_1"]["n"]["mean"] == "2.5"
    json.dumps(results.stats)


def test_a_mean_is_exact_where_doubles_are_not() -> None:
    rows = [{"n": Decimal(10) ** 20}, {"n": Decimal("0.5")}, {"n": -(Decimal(10) ** 20)}]
    assert Flow(rows, profile()).results().stats["profile"]["res_1"]["n"]["mean"] == "0.166666666667"


def test_a_profile_passes_the_rows_and_is_dumped_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,x\n2.50,\n", encoding="utf-8")
    flow = Flow(load(str(path), name="x"), profile("columns"), dump_to_path(str(tmp_path / "out")))

    assert flow.process().stats["profile"] == flow.process().stats["profile"]
    assert (tmp_path / "out" / "x.csv").read_text(encoding="utf-8").split() == ["a,b", "1,x", "2.5,"]
    assert (tmp_path / "out" / "columns.csv").read_text(encoding="utf-8").count("\n") == 3


def test_empty_tables_and_tables_without_fields(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("a\n", encoding="utf-8")
    results = Flow(load(str(path)), [{}], profile()).results()

    ((row,), passed) = results.rows[2], results.rows[1]
    assert (row["count"], row["nulls"], row["distinct"], row["mean"], row["top"]) == (0, 0, 0, None, [])
    assert passed == [{}]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(FlowError, match="top"):
        profile(top=-1)
    with pytest.raises(FlowError):
        profile(memory_limit="much")
    with pytest.raises(ProcessorError, match="there already"):
        Flow([{"a": 1}], profile("res_1")).process()
    with pytest.raises(ProcessorError, match="did you mean 'res_1'"):
        Flow([{"a": 1}], profile(resources="res_11")).process()


@settings(max_examples=30)
@given(values=st.lists(st.none() | st.decimals(-9, 9, places=1), max_size=30))
def test_figures_are_those_of_a_loop(values: list[Decimal | None]) -> None:
    known = [value for value in values if value is not None]
    table = pa.table({"n": pa.array(values, pa.decimal128(38, 12))})
    found = Flow(table, profile(top=2)).results().stats["profile"]["res_1"]["n"]

    assert (found["count"], found["nulls"]) == (len(values), len(values) - len(known))
    assert found["distinct"] == len(set(known))
    assert [(Decimal(item["value"]), item["count"]) for item in found["top"]] == Counter(known).most_common(2)
    if known:
        mean = (sum(known) / len(known)).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
        assert [Decimal(found[key]) for key in ("minimum", "maximum", "mean")] == [
            min(known),
            max(known),
            mean,
        ]
