from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

CITIES = """
from dataflows_core import Flow

def flow(least: int = 0) -> Flow:
    cities = [{"city": "Lyon", "people": 522250}, {"city": "Oslo", "people": 709037}]
    return Flow((row for row in cities if row["people"] >= least), lambda row: None)
"""

# A sink that writes one file, whole or not at all, and says on stderr what is asked of it.
SINK = """
import os, sys
from pathlib import Path

class OneFile:
    target = "out.txt"

    def begin(self):
        self.file = open("out.txt.part", "w")

    def encode(self, batch):
        return batch.num_rows

    def append(self, rows):
        self.file.write(f"{rows}\\n")

    def commit(self, receipts):
        self.file.close()
        os.replace("out.txt.part", "out.txt")

    def abort(self):
        self.file.close()
        Path("out.txt.part").unlink(missing_ok=True)

def write():
    sink = OneFile()
    def step(package):
        for resource in package.tables():
            resource.write(sink)
    return step
"""


@pytest.fixture
def write(folder: Path):
    def write(text: str, name: str = "flow.py") -> Path:
        (folder / name).write_text(text, "utf-8")
        return folder / name

    return write


def steady(text: str) -> str:
    """The text without what differs from run to run: times and speeds."""
    return re.sub(r"[\d.,]+ (s\b|rows/s)", r"* \1", text)


def test_a_run_reports_its_progress_and_its_outcome(cli, write) -> None:
    write(SINK + CITIES.replace("row: None)", "row: None, write())"))
    result = cli("run", "flow.py")
    assert result.returncode == 0, result.stderr
    assert steady(result.stderr) == "res_1: 2 rows, * rows/s, done\n"
    assert steady(result.stdout) == (
        "resource  rows  fields  written to\n"
        "────────  ────  ──────  ──────────\n"
        "res_1        2       2  out.txt\n"
        "done in * s\n"
    )


def test_counts_are_of_the_rows_that_left_the_last_step(cli, write) -> None:
    write(
        "from dataflows_core import Flow\n"
        "def some(rows):\n    yield from (row for row in rows if row['n'] % 10 == 0)\n"
        "def say(package):\n"
        "    package.on_finish(lambda: package.stats.update(seen=1234, note='fine', none=None,\n"
        "        long={n: 'x' * 20 for n in range(1200)}))\n"
        "flow = Flow(({'n': n} for n in range(1000)), some, say)\n"
    )
    result = cli("run", "flow.py")
    assert steady(result.stderr) == "res_1: 1,000 rows, * rows/s, done\n"
    assert steady(result.stdout).splitlines()[2:] == [
        "res_1      100       1",
        "seen: 1,234, note: fine, long: 1,200 entries, which --json shows",
        "done in * s",
    ]


def test_the_outcome_as_json_is_one_object_whatever_the_flow_prints(cli, write) -> None:
    write(CITIES + "\nprint('imported')\n")
    result = cli("run", "flow.py", "--json")
    assert (result.returncode, result.stderr) == (0, "imported\n")
    facts = json.loads(result.stdout)
    assert facts.pop("duration") > 0
    assert facts == {
        "ok": True,
        "stats": {},
        "resources": [{"name": "res_1", "rows": 2, "fields": 2, "written": []}],
    }


def test_quiet_prints_what_the_flow_prints_and_nothing_else(cli, write) -> None:
    write("from dataflows_core import Flow\nflow = Flow([{'a': 1}], lambda row: print(row['a']))\n")
    result = cli("run", "flow.py", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


def test_parameters_reach_the_flow_function(cli, write) -> None:
    write(CITIES)
    rows = [
        json.loads(cli("run", "flow.py", "--json", *more).stdout)["resources"][0]["rows"]
        for more in ([], ["--set", "least=600000"])
    ]
    assert rows == [2, 1]
    result = cli("run", "flow.py", "--set", "last=3")
    assert result.returncode == 2
    assert result.stderr == (
        "Error: the flow has no parameter 'last'; did you mean least?\n  its parameters: least\n"
    )


def test_a_limit_is_for_each_source(cli, write) -> None:
    write(
        "from dataflows_core import Flow\n"
        "nine, two, five = ([{'n': n} for n in range(count)] for count in (9, 2, 5))\n"
        "flow = Flow(nine, two, five)\n"
    )
    facts = json.loads(cli("run", "flow.py", "--json", "--limit", "3").stdout)
    assert [resource["rows"] for resource in facts["resources"]] == [3, 2, 3]


ENDLESS = """
from dataflows_core import Flow
{sink}
def rows():
    n = 0
    while True:
        yield {{"n": n}}
        n += 1

flow = Flow(rows(), write())
"""


def test_a_limit_stops_reading_although_something_is_written(cli, write, folder: Path) -> None:
    write(ENDLESS.format(sink=SINK))
    result = cli("run", "flow.py", "--limit", "7")
    assert result.returncode == 0, result.stderr
    assert (folder / "out.txt").read_text() == "7\n"


def test_an_unknown_runner_is_refused_before_anything_is_read(cli, write) -> None:
    write(CITIES)
    result = cli("run", "flow.py", "--runner", "proceses")
    assert result.returncode == 2
    assert "there is no runner named 'proceses'" in result.stderr


def test_the_runner_is_chosen_on_the_command_line(cli, write, install) -> None:
    source = """
class Runner:
    def __init__(self, option):
        print(f"runner with option {option}")
    def run(self, tasks, *, retries=2):
        for index, task in enumerate(tasks):
            yield index, task()
"""
    install("dataflows-tiny-runner", source, group="dataflows.runners", tiny="dataflows_tiny_runner:Runner")
    write(CITIES)
    result = cli("run", "flow.py", "--runner", "tiny:4", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "runner with option 4\n", "")


# What goes wrong.


def failing(row_function: str) -> str:
    return (
        "from dataflows_core import Flow\n"
        f"{SINK}"
        f"def check(row):\n    {row_function}\n"
        "flow = Flow([{'n': n} for n in range(300)], check, write())\n"
    )


def test_data_that_fail_are_exit_code_1_and_the_output_is_untouched(cli, write, folder: Path) -> None:
    write(failing("if row['n'] == 150: raise ValueError('too high')"))
    (folder / "out.txt").write_text("of yesterday")
    result = cli("run", "flow.py")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "Error: step 2, check, resource 'res_1', row 151 of the list:\n"
        "  ValueError: too high\n"
        "  the row: n=150\n"
    )
    assert sorted(path.name for path in folder.iterdir() if path.suffix != "") == ["flow.py", "out.txt"]
    assert (folder / "out.txt").read_text() == "of yesterday"


def test_errors_are_json_when_json_is_asked_for(cli, write) -> None:
    write(failing("row['n'] = 'x' if row['n'] == 2 else 1"))
    result = cli("run", "flow.py", "--json")
    assert result.returncode == 1
    assert result.stderr == ""
    error = json.loads(result.stdout)["error"]
    assert error.pop("message").startswith("step 2, check, resource 'res_1', row 3 of the list:\n")
    assert error == {
        "type": "RowError",
        "exit_code": 1,
        "processor": "check",
        "position": "2",
        "resource": "res_1",
        "row": 3,
        "source": "the list",
        "values": {"n": 2},
        "field": "n",
        "value": "x",
    }


def test_a_traceback_is_shown_when_it_is_asked_for(cli, write) -> None:
    write(failing("raise ValueError('too high')"))
    assert "Traceback" not in cli("run", "flow.py").stderr
    result = cli("run", "flow.py", "--traceback")
    assert "Traceback (most recent call last):" in result.stderr
    assert "raise ValueError('too high')" in result.stderr
    assert result.stderr.endswith("ValueError: too high\n  the row: n=0\n")


def test_what_nobody_foresaw_is_short_with_a_hint(cli, write, install) -> None:
    install(
        "dataflows-tiny-command",
        "import click\n@click.command()\ndef command():\n    raise KeyError('gone')\n",
        group="dataflows.commands",
        tiny="dataflows_tiny_command:command",
    )
    result = cli("tiny")
    assert result.returncode == 1
    assert result.stderr == (
        "Error: KeyError: 'gone'\n  this was not foreseen; --traceback shows where it came from\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flow = (\n", "flow.py, line 1: '(' was never closed\n  flow = (\n         ^\n"),
        (
            "\nimport not_there_at_all\n",
            "flow.py, line 2: ModuleNotFoundError: No module named 'not_there_at_all'\n",
        ),
        (
            "from dataflows_core.processors import loda\n",
            "flow.py, line 1: ImportError: there is no processor named 'loda'; did you mean load?\n",
        ),
        ("\n\nflow = Flow()\n", "flow.py, line 3: NameError: name 'Flow' is not defined\n"),
        (
            "from dataflows_core import Flow\nflow = Flow(42)\n",
            "flow.py, line 2: link 1 of the flow is 42, of type int, which is no step\n",
        ),
        (
            "from dataflows_core import Flow\ndef flow():\n    return Flow(1 / 0)\n",
            "flow.py, line 3: ZeroDivisionError: division by zero\n",
        ),
        ("def flow():\n    return 3\n", "flow() of flow.py returned int, not a flow\n"),
        ("x = 1\n", "flow.py holds no flow; name the one that is meant 'flow', or write flow.py:NAME\n"),
    ],
)
def test_a_flow_file_that_is_wrong_is_exit_code_2_with_file_and_line(
    cli, write, text: str, message: str
) -> None:
    write(text)
    result = cli("run", "flow.py")
    assert result.returncode == 2
    assert result.stderr.startswith(f"Error: {message}")
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there(cli, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert cli("run", "flwo.py").returncode == 2
    assert "the file 'flwo.py' does not exist" in cli("run", "flwo.py").stderr
    assert "the file 'sub' is a folder" in cli("run", "sub").stderr


SEVERAL = """
from __future__ import annotations
from typing import TYPE_CHECKING
from dataflows_core import Flow

first = Flow([{"a": 1}])
_hidden = Flow([{"a": 1}])

def annotated(n: int = 2) -> Flow:
    f = Flow([{"a": k} for k in range(n)])
    return f

def visible():
    return Flow([{"a": k} for k in range(3)])

def not_a_flow(rows):
    return rows

number = 4
"""


def test_one_flow_of_several_is_named(cli, write) -> None:
    write(SEVERAL)
    result = cli("run", "flow.py")
    assert result.returncode == 2
    assert result.stderr == (
        "Error: flow.py holds several flows; name the one that is meant 'flow', or write flow.py:NAME\n"
        "  flows in it: first, annotated, visible\n"
    )
    rows = [
        json.loads(cli("run", f"flow.py:{name}", "--json").stdout)["resources"][0]["rows"]
        for name in ("first", "annotated", "visible", "_hidden")
    ]
    assert rows == [1, 2, 3, 1]
    assert "flow.py has no 'anotated'; did you mean annotated?" in cli("run", "flow.py:anotated").stderr
    assert "'number' of flow.py is int, not a flow, nor a function" in cli("run", "flow.py:number").stderr
    assert cli("run", "flow.py:number").returncode == 2
    assert "which has no parameters to set" in cli("run", "flow.py:first", "--set", "n=1").stderr


def test_a_flow_file_imports_its_neighbours_and_reads_from_the_current_folder(cli, folder: Path) -> None:
    (folder / "flows").mkdir()
    (folder / "flows" / "my-flow.py").write_text(
        "from pathlib import Path\nfrom dataflows_core import Flow\nfrom neighbour import double\n"
        "if __name__ == '__main__':\n    raise SystemExit('it was run as a program')\n"
        "flow = Flow([{'n': int(Path('number.txt').read_text())}], double, lambda row: print(row['n']))\n"
    )
    (folder / "flows" / "neighbour.py").write_text("def double(row):\n    row['n'] *= 2\n")
    (folder / "number.txt").write_text("21")
    result = cli("run", "flows/my-flow.py", "--quiet")
    assert (result.stdout, result.stderr) == ("42\n", "")


# Signals and terminals.

WAITING = """
import sys, threading
from dataflows_core import Flow
{sink}
def rows():
    for n in range(5000):
        yield {{"n": n}}
    print("waiting", flush=True)
    threading.Event().wait()

flow = Flow(rows(), write())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
@pytest.mark.parametrize(
    ("more", "number", "code"),
    [
        ([], signal.SIGINT, 130),
        (["--json"], signal.SIGINT, 130),
        (["--quiet"], signal.SIGTERM, 143),
    ],
)
def test_ctrl_c_and_a_request_to_end_stop_and_leave_the_output_untouched(
    environment: Mapping[str, str], write, folder: Path, more: list[str], number: int, code: int
) -> None:
    write(WAITING.format(sink=SINK).replace("flush=True", "flush=True, file=sys.stderr"))
    (folder / "out.txt").write_text("of yesterday")
    with subprocess.Popen(
        [sys.executable, "-m", "dataflows_core.cli", "run", "flow.py", *more],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so what they start, do not hear of Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    ) as process:
        assert process.stderr is not None
        while "waiting" not in process.stderr.readline():
            pass
        assert (folder / "out.txt.part").exists()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert output == ""
    assert errors.strip() == "stopped; nothing was written"
    assert (folder / "out.txt").read_text() == "of yesterday"
    assert not (folder / "out.txt.part").exists()


MEASURED = """
import pyarrow as pa
from dataflows_core import Flow
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.stream import Stream

class Split:
    source, size = "numbers", 1000
    def blocks(self):
        yield b"x" * 250
        yield b"x" * 750
    def decode(self, block):
        return pa.record_batch({"n": list(range(len(block)))})
    def locate(self, block, index):
        return index + 1

def source(package):
    schema = Schema.from_descriptor({"fields": [{"name": "n", "type": "integer"}]})
    package.add(Resource("numbers", Stream.of([Split()], schema)))

def first(row):
    if row["n"] == 0:
        print("printed by the flow")

flow = Flow(lambda package: source(package), first)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals there")
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_a_bar(environment: Mapping[str, str], write, folder: Path, no_color: bool) -> None:
    write(MEASURED)
    text = on_a_terminal(
        ["run", "flow.py"], {**environment, **({"NO_COLOR": "1"} if no_color else {})}, folder
    )
    bar, _, rest = text.partition("\r\x1b[K")
    assert re.fullmatch(r"\rnumbers  ━{5}╌{15}   25%  250 rows, [\d,]+ rows/s\x1b\[K", bar)
    # The bar gives way to what the flow prints, comes back, and is gone at the end.
    assert "printed by the flow\r\n" in rest
    assert "done in" in rest
    for line in rest.replace("\r\n", "\n").split("\n"):
        last = line.rpartition("\r\x1b[K")[2]
        assert "rows/s" not in last


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals there")
def test_a_terminal_gets_colours_unless_it_wants_none(
    environment: Mapping[str, str], write, folder: Path
) -> None:
    write("flow = 1")
    assert "\x1b[31m\x1b[1mError: \x1b[0m" in on_a_terminal(["run", "flow.py"], environment, folder)
    assert "\x1b[3" not in on_a_terminal(["run", "flow.py"], {**environment, "NO_COLOR": "1"}, folder)


def on_a_terminal(arguments: list[str], environment: Mapping[str, str], folder: Path) -> str:
    """What the command prints when its output is a terminal."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dataflows_core.cli", *arguments],
        cwd=folder,
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        found = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the terminal was hung up: the process is at its end
                break
            if not data:
                break
            found += data
        process.wait(60)
    os.close(ours)
    return found.decode("utf-8")


def test_nothing_in_names_or_messages_acts_on_the_terminal(cli, write) -> None:
    write("raise ValueError('\\x1b[2J')")
    result = cli("run", "flow.py")
    assert "\x1b" not in result.stderr
    assert "ValueError: \\x1b[2J" in result.stderr
