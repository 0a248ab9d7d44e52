"""Tables on paper: on a terminal, in a notebook, and wherever else they are wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.processes import ProcessRunner
from dataflows_core.processors import load, printer

ROWS = [{"n": number, "s": f"<b>{number}</b>"} for number in range(1, 31)]


def test_parameters_are_in_the_order_of_the_predecessors(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[Any] = []

    def header(text: str, options: dict[str, Any]) -> None:
        said.append((text, options))

    def table(text: str, options: dict[str, Any]) -> None:
        said.append((text.splitlines()[-1], options))

    Flow(ROWS, printer(1, 1, ["n"], 0, header, table, 50)).process()
    assert said == [("res_1: 30 rows", {"tablefmt": "text"}), ("30       30", {"tablefmt": "text"})]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("resources", [0, -1, "res_1", ["res_1"]])
def test_resources_may_be_a_position(resources: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Flow(ROWS, printer(resources=resources)).process()
    assert capsys.readouterr().out.startswith("res_1: 30 rows\n")


def test_html_says_what_the_data_say_and_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    Flow(ROWS, printer(1, 0, tablefmt="html")).process()
    text = capsys.readouterr().out
    assert text.startswith("<h4>res_1: 30 rows</h4>\n<")
    assert "&lt;b&gt;1&lt;/b&gt;" in text
    assert "<b>" not in text


def test_a_notebook_is_shown_html(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    notebook: Any = ModuleType("IPython")
    shell = type("ZMQInteractiveShell", (), {})()
    notebook.get_ipython = lambda: shell
    notebook.display = ModuleType("IPython.display")
    notebook.display.display = lambda what: shown.append(what._repr_html_())
    monkeypatch.setitem(sys.modules, "IPython", notebook)

    Flow(ROWS, printer(1, 0)).process()
    assert shown[0] == "<h4>res_1: 30 rows</h4>"
    assert "&lt;b&gt;1&lt;/b&gt;" in shown[1]
    assert capsys.readouterr().out == ""
    Flow(ROWS, printer(1, 0, tablefmt="text")).process()
    assert capsys.readouterr().out.startswith("res_1: 30 rows\n#        n  s\n")


def test_it_prints_the_same_whoever_reads_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(300_000)))
    flow = Flow(load(str(tmp_path / "a.csv")), printer(3, 3))
    flow.process()
    here = capsys.readouterr().out
    flow.run(ProcessRunner(2))
    assert capsys.readouterr().out == here
    assert "299999" in here


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_rows": -1}, "numbers of rows from 0"),
        ({"max_cell_size": 0}, "max_cell_size must be a whole number from 1"),
        ({"tablefmt": "psql"}, "as text or html .*, and not as 'psql'"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_flow_is_written(options: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        printer(**options)


def test_an_unknown_field_is_refused_with_near_misses() -> None:
    with pytest.raises(ProcessorError, match="no field 'nn'"):
        Flow(ROWS, printer(fields=["nn"])).package()
