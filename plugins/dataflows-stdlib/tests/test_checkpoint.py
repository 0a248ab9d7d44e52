"""What was computed once, kept for the next run."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.processes import ProcessRunner
from dataflows_core.processors import (
    add_field,
    branch,
    checkpoint,
    conditional,
    dump_to_path,
    filter_rows,
    load,
    set_type,
    sources,
    update_package,
    update_stats,
)

ROWS = [{"n": 1}, {"n": 2}]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reasons(caplog: pytest.LogCaptureFixture, make: Any) -> list[str]:
    """What the log says of each checkpoint of a run."""
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="dataflows.checkpoint"):
        make().process()
    return [record.getMessage() for record in caplog.records if record.name == "dataflows.checkpoint"]


def used(lines: list[str]) -> bool:
    return any("is used" in line for line in lines)


def counting(path: Path) -> Any:
    """A function of rows that leaves a trace of every row outside of the program."""

    def count(row: Any) -> None:
        with path.open("a") as file:
            file.write(f"{row['n']}\n")

    return count


def test_the_second_run_reads_only_the_checkpoint(folder: Path) -> None:
    trace = folder / "trace"
    step = counting(trace)
    made = [
        Flow(
            ROWS, step, update_package(title="T"), update_stats({"s": 1}), checkpoint("c", inputs=[]), double
        )
        for _ in range(3)
    ]
    for flow in made:
        results = flow.results()
        assert results.rows == [[{"n": 2}, {"n": 4}]]
        assert results.package.descriptor["title"] == "T"
        assert results.stats == {"s": 1}
        assert results.package[0].name == "res_1"
    assert made[0].results().rows == [[{"n": 2}, {"n": 4}]]
    assert trace.read_text() == "1\n2\n"


def double(row: Any) -> None:
    row["n"] *= 2


def test_a_source_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    flow = Flow(refusing, ROWS, checkpoint("c"))
    assert not used(reasons(caplog, lambda: flow))
    monkeypatch.setenv("SOURCE_IS_GONE", "1")
    assert used(reasons(caplog, lambda: flow))
    with pytest.raises(ProcessorError, match="the source is gone"):
        Flow(refusing, ROWS).process()


def refusing(package: Any) -> None:
    if "SOURCE_IS_GONE" in os.environ:
        raise RuntimeError("the source is gone")


def test_types_are_exact(folder: Path) -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    row = {
        "string": "ä\n",
        "integer": 2**62,
        "big": 10**30,
        "number": Decimal("0.000000000001"),
        "float": 0.1,
        "boolean": True,
        "date": dt.date(2024, 2, 29),
        "time": dt.time(1, 2, 3, 4),
        "datetime": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
        "moment": dt.datetime(2024, 2, 29, 1, 2, 3, 4, zone),
        "duration": dt.timedelta(days=1, microseconds=1),
        "array": [1, {"a": None}],
        "object": {"b": [True]},
    }
    rows = [row, dict.fromkeys(row)]
    flow = Flow(rows, checkpoint("c"))
    first, second = flow.results(), flow.results()
    assert second.rows == first.rows == [rows]
    assert second.package[0].schema == first.package[0].schema
    assert second.package.descriptor == first.package.descriptor


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.decimal128(7, 2), pa.timestamp("ns", "Asia/Tokyo"), pa.float32()]
)
def test_widths_are_kept(kind: pa.DataType) -> None:
    wide = pa.decimal128(19, 0) if pa.types.is_decimal(kind) else kind
    table = pa.table({"x": pa.array([1, None], pa.int64()).cast(wide).cast(kind)})
    flow = Flow(table, checkpoint("c"))
    flow.process()
    assert flow.package()[0].to_arrow() == table


def factor(value: int) -> Any:
    def multiply(row: Any) -> None:
        row["n"] *= value

    return multiply


def one(row: Any) -> None:
    row["n"] += helper(1)


def helper(value: int) -> int:
    return value


def test_it_is_written_anew_when_code_or_parameters_change(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flows(step: Any) -> Any:
        return lambda: Flow(ROWS, step, checkpoint("c"), double)

    changes = [
        filter_rows("n > 0"),
        filter_rows("n > 1"),
        lambda row: None,
        lambda row: {"n": row["n"]},
        lambda row, bound=1: None,
        lambda row, bound=2: None,
        factor(1),
        factor(2),
        add_field("x", "integer", 1),
        add_field("x", "integer", 2),
        set_type("n", type="integer"),
        set_type("n", type="number"),
        one,
    ]
    for step in changes:
        assert not used(reasons(caplog, flows(step))), step
        assert used(reasons(caplog, flows(step))), step
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda value: value + 1)
    lines = reasons(caplog, flows(one))
    assert lines == [f"checkpoint {Path('.checkpoints/c')} is written: step 2, one, has changed"]
    assert reasons(caplog, lambda: Flow(ROWS, checkpoint("c"))) != []


def test_what_comes_behind_does_not_matter_and_what_is_new_before_it_does(caplog: Any) -> None:
    reasons(caplog, lambda: Flow(ROWS, checkpoint("c")))
    assert used(reasons(caplog, lambda: Flow(ROWS, checkpoint("c"), double)))
    assert not used(reasons(caplog, lambda: Flow(ROWS, double, checkpoint("c"))))
    assert not used(reasons(caplog, lambda: Flow([*ROWS, {"n": 3}], double, checkpoint("c"))))
    assert not used(reasons(caplog, lambda: Flow([{"n": 1}, {"n": 2}], double, checkpoint("c", resources=0))))


def test_it_is_written_anew_when_a_local_file_changes(folder: Path, caplog: Any) -> None:
    (folder / "a.csv").write_text("n\n1\n")

    def flow() -> Flow:
        return Flow(load("a.csv"), checkpoint("c"))

    assert not used(reasons(caplog, flow))
    assert used(reasons(caplog, flow))
    (folder / "a.csv").write_text("n\n1\n22\n")
    assert reasons(caplog, flow) == [f"checkpoint {Path('.checkpoints/c')} is written: a.csv has changed"]
    assert flow().results().rows == [[{"n": 1}, {"n": 22}]]
    (folder / "a.csv").unlink()
    with pytest.raises(ProcessorError, match=r"a\.csv"):
        flow().process()


def test_files_that_functions_name_and_patterns_are_watched(folder: Path, caplog: Any) -> None:
    (folder / "more.txt").write_text("1")
    (folder / "p1.txt").write_text("1")

    def more(row: Any) -> None:
        row["n"] += int(Path("more.txt").read_text())

    def pattern(row: Any) -> None:
        row["n"] += len(list(Path().glob("p?.txt")))

    def flow() -> Flow:
        return Flow(ROWS, more, pattern, checkpoint("c"))

    assert not used(reasons(caplog, flow))
    assert used(reasons(caplog, flow))
    (folder / "more.txt").write_text("10")
    assert reasons(caplog, flow)[0].endswith("more.txt has changed")
    (folder / "p2.txt").write_text("")
    assert reasons(caplog, flow)[0].endswith("other files are found by p?.txt")
    assert flow().results().rows == [[{"n": 13}, {"n": 14}]]


def test_files_to_watch_can_be_given(folder: Path, caplog: Any) -> None:
    (folder / "given.txt").write_text("1")

    def flow() -> Flow:
        return Flow(ROWS, checkpoint("c", inputs=["given.txt"]))

    assert not used(reasons(caplog, flow))
    (folder / "given.txt").write_text("22")
    assert not used(reasons(caplog, flow))
    assert used(reasons(caplog, flow))
    with pytest.raises(ProcessorError, match=r"names 'givn\.txt', and there is no such file"):
        Flow(ROWS, checkpoint("d", inputs=["givn.txt"])).process()


def test_what_a_step_writes_is_not_what_it_reads(caplog: Any) -> None:
    def flow() -> Flow:
        return Flow(ROWS, dump_to_path("out"), checkpoint("c"))

    assert not used(reasons(caplog, flow))
    reasons(caplog, lambda: Flow(ROWS, dump_to_path("out")))
    assert used(reasons(caplog, flow))


def test_what_is_not_watched_is_said(caplog: Any) -> None:
    lines = reasons(caplog, lambda: Flow(({"n": n} for n in range(3)), checkpoint("c")))
    assert "does not watch what the generator <genexpr> yields (step 1, <genexpr>)" in lines[-1]
    assert used(reasons(caplog, lambda: Flow(({"n": n} for n in range(3)), checkpoint("c"))))
    content = json.loads(Path(".checkpoints/c/checkpoint.json").read_text())
    assert content["not watched"] == ["what the generator <genexpr> yields (step 1, <genexpr>)"]


def test_a_run_that_fails_leaves_the_previous_checkpoint_and_no_half_one(folder: Path, caplog: Any) -> None:
    def fail(row: Any) -> None:
        if row["n"] == 2:
            raise ValueError("no")

    with pytest.raises(ProcessorError):
        Flow(ROWS, fail, checkpoint("c")).process()
    assert not (folder / ".checkpoints").exists()
    reasons(caplog, lambda: Flow(ROWS, checkpoint("c")))
    before = sorted(Path(".checkpoints/c").iterdir())
    with pytest.raises(ProcessorError):
        Flow(ROWS, fail, checkpoint("c")).process()
    assert sorted(Path(".checkpoints/c").iterdir()) == before
    assert used(reasons(caplog, lambda: Flow(ROWS, checkpoint("c"))))


def test_a_kill_leaves_the_old_or_the_new_one_whole() -> None:
    script = Path(__file__).with_name("kill_checkpoint.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    attempts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(attempts) > 5
    assert [one["killed"] for one in attempts] == [True] * (len(attempts) - 1) + [False]
    for one in attempts:
        assert one["rows"] == [[{"n": 1}], [{"n": 2}], [{"n": 2}]]
        assert one["files"] == ["0-0.arrow", "checkpoint.json", "mine.txt"]


def test_damaged_files_are_written_anew_and_a_broken_manifest_is_refused(caplog: Any) -> None:
    def flow() -> Flow:
        return Flow(ROWS, checkpoint("c"))

    flow().process()
    path = Path(".checkpoints/c/0-0.arrow")
    path.write_bytes(path.read_bytes()[:-1])
    assert "is damaged" in reasons(caplog, flow)[0]
    Path(".checkpoints/c/checkpoint.json").write_text("{")
    with pytest.raises(ProcessorError, match=r"cannot be read: .*; delete the folder"):
        flow().process()


def test_several_resources_nested_flows_and_steps(caplog: Any) -> None:
    inner = Flow(ROWS, checkpoint("inner"))

    def flow() -> Flow:
        return Flow(inner, [{"m": 1}], checkpoint("outer", steps=[double_n]), double_n)

    first = flow().results().rows
    assert first == [[{"n": 4}, {"n": 8}], [{"m": 1}]]
    lines = reasons(caplog, flow)
    assert lines == [f"checkpoint {Path('.checkpoints/outer')} is used; steps 1 to 4 are left out"]
    assert flow().results().rows == first
    assert used(reasons(caplog, lambda: Flow(inner, [{"m": 2}], checkpoint("outer", steps=[double_n]))))


def double_n(row: Any) -> None:
    if "n" in row:
        row["n"] *= 2


def test_resources_that_are_not_kept_end_here(caplog: Any) -> None:
    def flow() -> Flow:
        return Flow(ROWS, [{"m": 1}], checkpoint("c", resources=["res_1"]))

    assert flow().results().rows == [ROWS]
    assert flow().results().rows == [ROWS]
    assert Flow(ROWS, [{"m": 1}], checkpoint("d", resources=["res_1"])).plan(limit=1).names == ["res_1"]


def test_it_stands_in_sources_but_not_where_a_package_comes_from_outside() -> None:
    flow = Flow(sources(Flow(ROWS, checkpoint("a")), Flow(ROWS, checkpoint("b"))))
    for _ in range(2):
        assert flow.results().rows == [ROWS, ROWS]
    for step in (branch(Flow(checkpoint("c"))), conditional(lambda package: True, Flow(checkpoint("c")))):
        with pytest.raises(ProcessorError, match=r"not into branch\(\) or conditional"):
            Flow(ROWS, step).package()


def test_a_run_with_a_limit_uses_one_and_writes_none(caplog: Any) -> None:
    def flow() -> Flow:
        return Flow(ROWS, checkpoint("c"))

    flow().run(limit=1)
    assert not Path(".checkpoints").exists()
    flow().process()
    assert flow().run(limit=1).package[0].count == 1
    assert used(reasons(caplog, flow))


def test_workers_write_and_read_parts(folder: Path, caplog: Any) -> None:
    for number in (1, 2):
        lines = "".join(f"{row}\n" for row in range(number, 40_000, 2))
        (folder / f"{number}.csv").write_text(f"n\n{lines}")

    def flow() -> Flow:
        return Flow(load("1.csv"), load("2.csv"), checkpoint("c"), filter_rows("n <= 4"), dump_to_path("out"))

    flow().run(ProcessRunner(2))
    manifest = json.loads(Path(".checkpoints/c/checkpoint.json").read_text())
    assert [sum(file["rows"] for file in one["files"]) for one in manifest["resources"]] == [20_000, 19_999]
    (folder / "out").rename(folder / "first")
    flow().run(ProcessRunner(2))
    assert used(reasons(caplog, flow))
    for name in ("1.csv", "2.csv"):
        assert (folder / "out" / name).read_text() == (folder / "first" / name).read_text()


@pytest.mark.parametrize(
    ("on_drift", "expected"),
    [
        (None, {"n": 1, "new": "x"}),
        ("add", {"n": 1, "old": None, "new": "x"}),
        ("drop", {"n": 1}),
        ("ignore", {"n": 1, "old": None}),
    ],
)
def test_drift_against_the_previous_checkpoint(on_drift: Any, expected: Any) -> None:
    Flow([{"n": 0, "old": "o"}], checkpoint("c", on_drift=on_drift)).process()
    flow = Flow([{"n": 1, "new": "x"}], checkpoint("c", on_drift=on_drift))
    assert flow.results().rows == [[expected]]
    assert flow.results().rows == [[expected]]


def test_drift_can_be_refused() -> None:
    Flow([{"n": 0}], checkpoint("c", on_drift="error")).process()
    with pytest.raises(ProcessorError, match=r"resource 'res_1' has 'new', which the checkpoint c has not"):
        Flow([{"n": 1, "new": "x"}], checkpoint("c", on_drift="error")).process()


@pytest.mark.parametrize("name", ["", "../up", "/abs"])
def test_a_hostile_name_is_refused(name: str) -> None:
    with pytest.raises(FlowError):
        checkpoint(name)


def test_files_that_are_no_tables_pass(folder: Path) -> None:
    (folder / "note.txt").write_text("hello")
    (folder / "datapackage.json").write_text('{"resources": [{"name": "note", "path": "note.txt"}]}')
    flow = Flow(load("datapackage.json"), checkpoint("c"))
    first, second = flow.package(), None
    flow.process()
    second = flow.package()
    assert second["note"].source == first["note"].source
    assert second["note"].descriptor == first["note"].descriptor


SCRIPT = """
import logging, sys
from dataflows_core import Flow
from dataflows_core.processors import add_field, checkpoint, compute, filter_rows, load, set_type, sort_rows

KNOWN = {"a", "b", "c"}

class Rule:
    limit = 3
    def __call__(self, row):
        return row["n"] < self.limit and row["s"] in KNOWN and row["s"] not in {"x", "y", "z"}

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
Flow(
    load("a.csv"), set_type("n", type="number"), filter_rows(Rule()), filter_rows("n > 0"),
    add_field("m", "integer", lambda row: len(row["s"])), compute(k="n * 2"), sort_rows("{n}"),
    checkpoint("c"),
).process()
"""


def test_another_process_finds_it_whatever_its_hashes(folder: Path) -> None:
    (folder / "a.csv").write_text("n,s\n1,a\n2,b\n")
    (folder / "flow.py").write_text(SCRIPT)
    said = [
        subprocess.run(
            [sys.executable, "flow.py"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert "is written: there is none" in said[0]
    assert "is used; steps 1 to 7 are left out" in said[1]
