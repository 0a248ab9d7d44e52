"""Packages on a pipe."""

from __future__ import annotations

import datetime as dt
import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow
from dataflows_core.errors import AccessError, DataError, FlowError, ProcessorError
from dataflows_core.processes import ProcessRunner
from dataflows_core.processors import (
    delete_resource,
    load,
    stream,
    unstream,
    update_package,
    update_resource,
)

FORMATS = ("ndjson", "arrow")
ROW = {
    "string": 'ä\n"',
    "integer": 2**62,
    "big": 10**30,
    "number": Decimal("0.000000000001"),
    "float": 0.1,
    "boolean": True,
    "date": dt.date(2024, 2, 29),
    "time": dt.time(1, 2, 3, 4),
    "datetime": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    "east": dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone(dt.timedelta(hours=13))),
    "west": dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone(dt.timedelta(hours=-5))),
    "duration": dt.timedelta(days=1, seconds=7, microseconds=1),
    "array": [1, {"a": None}],
    "object": {"b": [True]},
}
ROWS = [ROW, dict.fromkeys(ROW), ROW]
OTHER = [{"n": number} for number in range(3)]


def written(flow: Flow, format: Any) -> bytes:
    file = io.BytesIO()
    Flow(flow, stream(file, format=format)).process()
    return file.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_with_all_types_and_properties(format: Any) -> None:
    flow = Flow(ROWS, OTHER, [], update_package(title="T"), update_resource("res_2", name="b", title="B"))
    before = flow.results()
    data = written(flow, format)
    after = Flow(unstream(io.BytesIO(data))).results()
    assert after.rows == before.rows
    assert [one.schema for one in after.package.resources] == [one.schema for one in before.package.resources]
    assert after.package.descriptor == before.package.descriptor


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", [pa.int8(), pa.decimal128(19, 2), pa.timestamp("ns", "Asia/Tokyo")])
def test_widths_are_kept(format: Any, kind: pa.DataType) -> None:
    wide = pa.decimal128(19, 0) if pa.types.is_decimal(kind) else pa.int64()
    table = pa.table({"x": pa.array([100, None], pa.int64()).cast(wide).cast(kind)})
    if format == "ndjson" and pa.types.is_timestamp(kind):
        table = pa.table({"x": pa.array([100_000, None], pa.int64()).cast(kind)})
    assert Flow(unstream(io.BytesIO(written(Flow(table), format)))).package()[0].to_arrow() == table


@pytest.mark.parametrize("format", FORMATS)
def test_wherever_it_is_cut_off_it_is_an_error(format: Any) -> None:
    data = written(Flow([{"n": 1, "s": "x"}], OTHER), format)
    assert Flow(unstream(io.BytesIO(data))).results().rows == [[{"n": 1, "s": "x"}], OTHER]
    for length in range(len(data)):
        with pytest.raises(ProcessorError) as caught:
            Flow(unstream(io.BytesIO(data[:length]))).process()
        assert isinstance(caught.value.cause, DataError), length


@pytest.mark.parametrize("format", FORMATS)
def test_earlier_resources_stay(format: Any) -> None:
    data = written(Flow(OTHER, update_resource(0, name="a")), format)
    assert Flow([{"m": 1}], unstream(io.BytesIO(data))).results().rows == [[{"m": 1}], OTHER]
    with pytest.raises(ProcessorError, match="a resource named 'a' is there already"):
        Flow([{"m": 1}], update_resource(0, name="a"), unstream(io.BytesIO(data))).package()


@pytest.mark.parametrize("format", FORMATS)
def test_tables_may_be_read_in_another_order_or_not_at_all(format: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s"
    many = [{"n": number} for number in range(40_000)]
    Flow(many, OTHER, [{"m": 1}], stream(path, format=format)).process()
    assert list(path.parent.iterdir()) == [path]

    def turn(package: Any) -> None:
        package.resources.reverse()

    for _ in range(2):
        assert Flow(unstream(path), turn).results().rows == [[{"m": 1}], OTHER, many]
    assert Flow(unstream(path), delete_resource(["res_1", "res_2"])).results().rows == [[{"m": 1}]]
    first = Flow(unstream(path)).package()[1].rows()
    assert next(first) == {"n": 0}


@pytest.mark.parametrize("format", FORMATS)
def test_from_one_program_to_another(format: str) -> None:
    writer = (
        "from dataflows_core import Flow; from dataflows_core.processors import stream\n"
        f"Flow([{{'n': n}} for n in range(50000)], [{{'m': 'x'}}], stream(format={format!r})).process()"
    )
    reader = (
        "from dataflows_core import Flow; from dataflows_core.processors import unstream\n"
        "rows = Flow(unstream()).results().rows; print(sum(row['n'] for row in rows[0]), rows[1])"
    )
    first = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE)
    done = subprocess.run(
        [sys.executable, "-c", reader], stdin=first.stdout, capture_output=True, text=True, check=True
    )
    assert first.stdout is not None
    first.stdout.close()
    assert first.wait() == 0
    assert done.stdout == f"{sum(range(50000))} [{{'m': 'x'}}]\n"


TYPES = {
    "id": "integer",
    "amount": "number",
    "at": "datetime",
    "day": "date",
    "clock": "time",
    "took": "duration",
    "where": "geopoint",
    "month": "yearmonth",
    "tags": "array",
}
OLD_ROWS = """\
{"amount": {"type{decimal}": "1.50"}, "at": {"type{datetime}": ["2024-02-29T01:02:03", null, null]}, \
"clock": {"type{time}": "01:02:03"}, "day": {"type{date}": "2024-02-29"}, "id": 1, "month": [2024, 2], \
"tags": {"type{set}": ["a"]}, "took": {"type{duration}": "P1DT2H"}, \
"where": [{"type{decimal}": "1.5"}, {"type{decimal}": "2"}]}
{"amount": "1,200.5", "at": null, "clock": null, "day": "2024-03-01", "id": "-", "month": "2024-03"}

"""


def old_header() -> str:
    """What the predecessor writes first; amounts are texts with group characters."""
    fields = [{"name": name, "type": kind} for name, kind in TYPES.items()]
    fields[1]["groupChar"] = ","
    schema = {"fields": fields, "missingValues": ["", "-"]}
    return json.dumps({"name": "p", "resources": [{"name": "r", "path": "r.csv", "schema": schema}]}) + "\n"


def test_what_the_predecessor_writes_is_read_and_texts_are_cast() -> None:
    results = Flow(unstream(io.StringIO(old_header() + OLD_ROWS))).results()
    first, second = results.rows[0]
    moment = dt.datetime(2024, 2, 29, 1, 2, 3)
    assert (first["id"], first["amount"], first["at"]) == (
        1,
        Decimal("1.5"),
        moment,
    )
    assert (first["day"], first["clock"]) == (dt.date(2024, 2, 29), dt.time(1, 2, 3))
    assert (first["took"], first["where"]) == (dt.timedelta(days=1, hours=2), (Decimal("1.5"), Decimal(2)))
    assert (tuple(first["month"]), first["tags"]) == ((2024, 2), ["a"])
    assert (second["id"], second["amount"], tuple(second["month"])) == (None, Decimal("1200.5"), (2024, 3))
    assert second["day"] == dt.date(2024, 3, 1)
    assert results.package.properties["name"] == "p"


def test_offsets_west_of_greenwich_that_the_predecessor_got_wrong_are_read_right() -> None:
    moment = dt.datetime(2024, 2, 29, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    ours = written(Flow([{"at": moment}]), "ndjson").decode()
    assert "-18000" in ours
    theirs = ours.replace("-18000", "68400")
    assert Flow(unstream(io.StringIO(theirs))).results().rows == [[{"at": moment}]]


def test_lines_are_those_that_the_predecessor_reads() -> None:
    row = {
        "amount": Decimal("1.50"),
        "at": dt.datetime(2024, 2, 29, 1, 2, 3),
        "clock": dt.time(1, 2, 3),
        "day": dt.date(2024, 2, 29),
        "took": dt.timedelta(days=1, hours=2),
    }
    line = written(Flow([row]), "ndjson").splitlines()[1]
    assert json.loads(line) == {
        "amount": {"type{decimal}": "1.5"},
        "at": {"type{datetime}": ["2024-02-29T01:02:03", None, None]},
        "clock": {"type{time}": "01:02:03"},
        "day": {"type{date}": "2024-02-29"},
        "took": {"type{duration}": "P1DT2H"},
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", "a row is an object"),
        ("{", "this is not JSON"),
        ('{"m": 1}', "the row has the field 'm', which its resource does not declare"),
        ('{"n": "x"}', "the value 'x' is not an integer"),
        ('{"n": 1.5}', "field 'n'"),
    ],
)
def test_a_line_that_is_no_row_is_an_error_with_its_number(line: str, message: str) -> None:
    header = '{"resources": [{"name": "r", "schema": {"fields": [{"name": "n", "type": "integer"}]}}]}'
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(unstream(io.StringIO(f'{header}\n{{"n": 1}}\n{line}\n\n'))).process()
    assert (caught.value.row, caught.value.resource) == (2, "r")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "begins with no descriptor: b'hello"),
        ("[]\n", "begins with no descriptor"),
        ("", "was cut off before it began"),
        ('{"dataflows-stream": 2}\n', "a later version of this program"),
    ],
)
def test_what_is_no_package_is_refused(text: str, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(unstream(io.BytesIO(text.encode()))).package()


def test_a_pipe_can_be_read_once_and_a_file_that_is_not_there_not_at_all(tmp_path: Path) -> None:
    flow = Flow(unstream(io.BytesIO(written(Flow(OTHER), "ndjson"))))
    assert flow.results().rows == [OTHER]
    with pytest.raises(ProcessorError, match="was cut off before it began"):
        flow.process()
    with pytest.raises(ProcessorError, match=r"cannot read .*none: no such file") as caught:
        Flow(unstream(tmp_path / "none")).package()
    assert isinstance(caught.value.cause, AccessError)


def test_unknown_formats_and_files_of_text_are_refused() -> None:
    with pytest.raises(FlowError, match="no format 'arow'; did you mean 'arrow'"):
        stream(format="arow")  # type: ignore[arg-type]
    with pytest.raises(ProcessorError, match="written to a file of bytes, and this is one of text"):
        Flow(OTHER, stream(io.StringIO(), format="arrow")).process()
    text = io.StringIO()
    Flow(OTHER, stream(text)).process()
    assert text.getvalue().encode() == written(Flow(OTHER), "ndjson")


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_that_fails_leaves_no_file_or_the_one_before(format: Any, tmp_path: Path) -> None:
    path = tmp_path / "s"
    for before in (None, b"before"):
        if before:
            path.write_bytes(before)
        with pytest.raises(ProcessorError):
            Flow(OTHER, stream(path, format=format), lambda row: 1 / (2 - row["n"])).process()
        assert [one.read_bytes() for one in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("format", FORMATS)
def test_workers_write_parts_and_files_that_are_no_tables_are_left_out(format: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(20_000)))
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "datapackage.json").write_text('{"resources": [{"name": "note", "path": "note.txt"}]}')
    package, first, second = (str(tmp_path / name) for name in ("datapackage.json", "1.csv", "2.csv"))
    flow = Flow(load(first), load(package), load(second))
    expected = flow.results().rows
    for runner in (None, ProcessRunner(2)):
        Flow(flow, stream(tmp_path / "s", format=format)).run(runner)
        results = Flow(unstream(tmp_path / "s")).results()
        assert results.rows == expected
        assert results.package.names == ["1", "note", "2"]
