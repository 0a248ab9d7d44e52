"""The same rows, and the same numbers of them in errors, whoever reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import load

LENGTH = 5000
SHEETS = "urn:schemas-microsoft-com:office:spreadsheet"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    written = {
        "xml": "".join(f"<r><n>{n}</n><t>{n}</t><t/></r>" for n in range(LENGTH)) + "<r><n>x</n></r>",
        "html": "<tr><th>n" + "".join(f"<tr><td>{n}" for n in range(LENGTH)),
        "excel-xml": "".join(
            f'<Row><Cell><Data Type="{kind}">{value}</Data></Cell></Row>'
            for kind, value in [("String", "n"), *(("Number", n) for n in range(LENGTH))]
        ),
    }
    around = {
        "xml": "<a>{}</a>",
        "html": "<table>{}</table>",
        "excel-xml": f'<Workbook xmlns:s="{SHEETS}"><Worksheet s:Name="s"><Table>{{}}</Table></Worksheet>'
        "</Workbook>",
    }
    for name, text in written.items():
        (tmp_path / name).write_text(around[name].format(text))
    return {name: tmp_path / name for name in written}


def test_all_runners_read_the_same(files: dict[str, Path]) -> None:
    def read(runner: str) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        sources = [load(path, format=name, on_error="drop") for name, path in files.items()]
        Flow(*sources, lambda row: seen.append(dict(row))).run(runner)
        return seen

    rows = read("local")
    assert rows[:LENGTH] == [{"n": n, "t": [str(n), None]} for n in range(LENGTH)]
    assert rows[LENGTH:] == [{"n": n} for n in range(LENGTH)] * 2
    assert read("processes:2") == rows


@pytest.mark.parametrize("runner", ["local", "processes:1"])
def test_an_error_has_the_number_of_its_record(files: dict[str, Path], runner: str) -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(load(files["xml"], format="xml")).run(runner)
    assert (caught.value.row, caught.value.source) == (LENGTH + 1, str(files["xml"]))
