from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dataflows_core import Flow, load

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a folder of its own, which is the tests' as well."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dataflows_core.cli", *arguments],
            env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "100"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run


def steady(text: str) -> str:
    """The text without what differs from run to run, and from writer to writer."""
    text = re.sub(r"(bytes|hash): [\w:,]+(?=[,\n])", r"\1: *", text)
    return re.sub(r"[\d.,]+ (s\b|rows/s)", r"* \1", text)


HELLO = """\
wrote hello_world_flow.py

hello_world
city    country  population  founded
string  string      integer  integer
──────  ───────  ──────────  ───────
Lyon    France       522250      -43
Oslo    Norway       709037     1040

resource     rows  fields  written to
───────────  ────  ──────  ───────────────────────────────
hello_world     5       4  out/hello_world/hello_world.csv
count_of_rows: 5, bytes: *, hash: *
done in * s

next: change hello_world_flow.py, then: dataflows run hello_world_flow.py
"""

HELLO_FLOW = '''\
"""The flow of hello_world.csv.

Run it with: dataflows run hello_world_flow.py
"""

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, filter_rows, load, set_type

flow = Flow(
    load("hello_world.csv"),
    # The types that were guessed. To say otherwise, change a line and take away its #.
    # set_type("population", type="integer", regex=False),
    # set_type("founded", type="integer", regex=False),
    # Keep some rows only:
    # filter_rows("population > 0"),
    dump_to_path("out/hello_world"),
)

if __name__ == "__main__":
    flow.process()
'''


def test_hello_world_writes_a_flow_and_data_and_runs_it(cli: Run) -> None:
    result = cli("init", "hello-world", "--rows", "2")
    assert steady(result.stderr) == "hello_world: 5 rows, * rows/s, done\n"
    assert steady(result.stdout) == HELLO
    assert Path("hello_world_flow.py").read_text("utf-8") == HELLO_FLOW
    assert Path("out/hello_world/hello_world.csv").read_text("utf-8") == Path("hello_world.csv").read_text(
        "utf-8"
    )


def test_the_flow_runs_as_a_program_and_with_every_comment_taken_away(cli: Run) -> None:
    assert cli("init", "hello-world").returncode == 0
    subprocess.run([sys.executable, "hello_world_flow.py"], check=True)

    text = Path("hello_world_flow.py").read_text("utf-8")
    Path("all_flow.py").write_text(re.sub(r"# (set_type|filter_rows)", r"\1", text), "utf-8")
    facts = json.loads(cli("run", "all_flow.py", "--json").stdout)
    assert facts["resources"][0]["rows"] == 5


def test_nothing_is_overwritten(cli: Run) -> None:
    Path("hello_world.csv").write_text("mine")
    result = cli("init", "hello-world")
    assert result.returncode == 2
    assert result.stderr.startswith("Error: hello_world.csv exists already, and is kept")
    assert [path.name for path in Path().iterdir()] == ["hello_world.csv"]

    Path("flow.py").write_text("mine")
    Path("data.csv").write_text("a\n1\n")
    result = cli("init", "data.csv", "-o", "flow.py")
    assert result.returncode == 2
    assert Path("flow.py").read_text() == "mine"
    assert not Path("out").exists()


def test_what_cannot_be_read_leaves_no_flow_file(cli: Run) -> None:
    Path("data.nonsense").write_text("?")
    for source in ("data.nonsense", "missing.csv"):
        result = cli("init", source)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: step 1, load:\n")
    assert [path.name for path in Path().iterdir()] == ["data.nonsense"]


NASTY = 'it\'s "a" dollar\\sign.csv'


@pytest.mark.skipif(sys.platform == "win32", reason="no such file names there")
def test_names_that_need_quoting_are_quoted(cli: Run) -> None:
    Path(NASTY).write_text(
        '"Solid Fuel (Mt)","say ""hi""",when,a+b\n1,x,2020-01-31,1.5\n2,y,2021-01-31,2.5\n'
    )
    result = cli("init", NASTY, "-o", "flow.py")
    assert result.returncode == 0, result.stderr
    text = Path("flow.py").read_text("utf-8")
    Path("all_flow.py").write_text(re.sub(r"# (set_type|filter_rows)", r"\1", text), "utf-8")
    result = cli("run", "all_flow.py", "--json")
    assert result.returncode == 0, result.stdout
    (resource,) = json.loads(result.stdout)["resources"]
    (before,), (after,) = (
        Flow(load(path)).results().rows for path in (Path(NASTY), Path(resource["written"][0]))
    )
    assert before == after


def test_a_data_package_of_several_tables_names_each(cli: Run) -> None:
    Path("pack").mkdir()
    for name in ("one", "two"):
        Path("pack", f"{name}.csv").write_text("n,day\n1,2020-01-31\n")
    fields = [{"name": "n", "type": "integer"}, {"name": "day", "type": "date"}]
    resources = [{"name": n, "path": f"{n}.csv", "schema": {"fields": fields}} for n in ("one", "two")]
    Path("pack/datapackage.json").write_text(json.dumps({"name": "pack", "resources": resources}))

    result = cli("init", "pack", "--rows", "0")
    assert result.returncode == 0, result.stderr
    text = Path("pack_flow.py").read_text("utf-8")
    assert '# set_type("day", resources=["two"], type="date", regex=False),' in text
    assert sorted(path.name for path in Path("out/pack").glob("*.csv")) == ["one.csv", "two.csv"]


def test_a_file_whose_rows_are_wrong_leaves_a_flow_to_mend(cli: Run) -> None:
    rows = "\n".join(f"{n},x" for n in range(200_000))
    Path("data.csv").write_text(f"n,t\n{rows}\nx,y,z\n")
    result = cli("init", "data.csv")
    assert result.returncode == 1
    assert result.stdout == "wrote data_flow.py\n"
    assert "row 200001 of data.csv" in result.stderr
    assert Path("data_flow.py").exists()
    assert not Path("out/data/data.csv").exists()


def test_the_emissions_are_begun_with(cli: Run, shared_data: Path) -> None:
    source = next((shared_data / "co2-fossil-by-nation" / "data").glob("*.csv"))
    result = cli("init", str(source))
    assert result.returncode == 0, result.stderr
    assert "… and " in result.stdout  # the table is wider than the terminal
    (written,) = Path("out").rglob("*.csv")
    assert Flow(load(written)).results().rows == Flow(load(source)).results().rows
