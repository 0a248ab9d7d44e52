from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

GOOD = '''
from pathlib import Path

with (Path(__file__).parent / "imports.log").open("a") as log:
    log.write("good\\n")

def shout(text: str) -> "Step":
    """Say it loud.

    And explain it.
    """
'''

BROKEN = '''
from __future__ import annotations
def whisper() -> Step:
    """Say it softly."""

raise RuntimeError("out of order")
'''

SLOW = '''
from __future__ import annotations
from threading import Event

def wait() -> Source:
    """Take one's time."""

Event().wait()
'''


def listed(cli) -> dict[str, dict[str, object]]:
    """What is said of the processors of the tiny plugins, by long name."""
    result = cli("processors", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return {item["long_name"]: item for item in json.loads(result.stdout) if "tiny" in item["distribution"]}


def test_a_broken_a_slow_and_a_thieving_plugin_are_told_apart(cli, install) -> None:
    install("dataflows-tiny-good", GOOD, shout="dataflows_tiny_good:shout")
    install("dataflows-tiny-broken", BROKEN, whisper="dataflows_tiny_broken:whisper")
    install("dataflows-tiny-slow", SLOW, wait="dataflows_tiny_slow:wait")
    install("dataflows-tiny-thief", GOOD, load="dataflows_tiny_thief:shout")
    install("dataflows-core", files={"unused.py": ""}, load="dataflows_core.loading:load")

    found: dict[str, Any] = listed(cli)
    common = {"version": "1.2"}
    assert found == {
        "tiny-good.shout": common
        | {
            "name": "shout",
            "long_name": "tiny-good.shout",
            "use": "shout",
            "kind": "step",
            "summary": "Say it loud.",
            "distribution": "dataflows-tiny-good",
            "problems": [],
        },
        "tiny-broken.whisper": common
        | {
            "name": "whisper",
            "long_name": "tiny-broken.whisper",
            "use": "whisper",
            "kind": "step",
            "summary": "Say it softly.",
            "distribution": "dataflows-tiny-broken",
            "problems": ["its import fails: RuntimeError: out of order"],
        },
        "tiny-slow.wait": common
        | {
            "name": "wait",
            "long_name": "tiny-slow.wait",
            "use": "wait",
            "kind": "source",
            "summary": "Take one's time.",
            "distribution": "dataflows-tiny-slow",
            "problems": ["its import takes more than 1 s"],
        },
        "tiny-thief.load": common
        | {
            "name": "load",
            "long_name": "tiny-thief.load",
            "use": "tiny-thief.load",
            "kind": "step",
            "summary": "Say it loud.",
            "distribution": "dataflows-tiny-thief",
            "problems": ["the name 'load' is claimed by dataflows-core as well; write tiny-thief.load"],
        },
    }

    text = cli("processors", COLUMNS="120").stdout
    assert re.search(
        r"^tiny-thief\.load +step +Say it loud\. +dataflows-tiny-thief 1\.2$", text, re.MULTILINE
    )
    problems = text.partition("\nProblems:\n")[2].splitlines()
    assert [line for line in problems if "tiny" in line] == [
        f"  tiny-thief.load (dataflows-tiny-thief 1.2): {found['tiny-thief.load']['problems'][0]}",
        "  tiny-slow.wait (dataflows-tiny-slow 1.2): its import takes more than 1 s",
        "  tiny-broken.whisper (dataflows-tiny-broken 1.2): its import fails: RuntimeError: out of order",
    ]


def test_two_strangers_with_one_name_are_both_reached_by_their_long_names(cli, install) -> None:
    install("dataflows-tiny-one", GOOD, shout="dataflows_tiny_one:shout")
    install("dataflows-tiny-two", GOOD, shout="dataflows_tiny_two:shout")
    found = listed(cli)
    assert [found[name]["use"] for name in ("tiny-one.shout", "tiny-two.shout")] == [
        "tiny-one.shout",
        "tiny-two.shout",
    ]
    assert found["tiny-one.shout"]["problems"] == [
        "the name 'shout' is claimed by dataflows-tiny-two as well; write tiny-one.shout"
    ]


def test_an_import_is_tried_again_only_when_something_changed(cli, install) -> None:
    source = install("dataflows-tiny-good", GOOD, shout="dataflows_tiny_good:shout")
    log = source.parent / "imports.log"

    listed(cli)
    listed(cli)
    assert log.read_text() == "good\n"

    source.write_text(GOOD + "\nraise RuntimeError('now it is broken')\n")
    assert listed(cli)["tiny-good.shout"]["problems"] == ["its import fails: RuntimeError: now it is broken"]
    assert log.read_text() == "good\n" * 2

    # What is installed may be what an import lacked.
    install("dataflows-tiny-other", "", files={"unused.py": ""})
    listed(cli)
    assert log.read_text() == "good\n" * 3


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"x": 1}'])
def test_a_damaged_cache_is_no_cache(cli, install, tmp_path: Path, text: str) -> None:
    install("dataflows-tiny-broken", BROKEN, whisper="dataflows_tiny_broken:whisper")
    cache = tmp_path / "cache" / "dataflows" / "imports.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(text)
    assert listed(cli)["tiny-broken.whisper"]["problems"] == ["its import fails: RuntimeError: out of order"]


def test_a_cache_that_cannot_be_written_is_done_without(cli, install, tmp_path: Path) -> None:
    install("dataflows-tiny-broken", BROKEN, whisper="dataflows_tiny_broken:whisper")
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert listed(cli)["tiny-broken.whisper"]["problems"] == ["its import fails: RuntimeError: out of order"]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import sys; print('noise'); sys.exit('no')", "its import fails: SystemExit: no"),
        ("import os; os._exit(3)", "its import ends the process, with code 3"),
        ("import not_there", "its import fails: ModuleNotFoundError: No module named 'not_there'"),
        ("make_it = 1", "it cannot be used: AttributeError: module 'dataflows_tiny' has no attribute 'make'"),
        ("def make(:", "its import fails: SyntaxError: "),
        ("make = \0", "its import fails: SyntaxError: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_import_is_said(cli, install, source: str, problem: str) -> None:
    install("dataflows-tiny", source, make="dataflows_tiny:make")
    (said,) = listed(cli)["tiny.make"]["problems"]  # type: ignore[misc]
    assert said.startswith(problem)


PACKAGE = {
    "tinypack/__init__.py": (
        "from tinypack.inner.deep import one\nfrom .side import two as second\nraise RuntimeError"
    ),
    "tinypack/inner/__init__.py": "",
    "tinypack/inner/deep.py": 'def one() -> dataflows_core.Sink:\n    "Write one."\n',
    "tinypack/alias.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from dataflows_core import Source as Origin\n"
        "def ten() -> Origin: ...\n"
    ),
    "tinypack/side.py": (
        "from __future__ import annotations\n"
        "import sys\n"
        "from functools import partial\n"
        "from .ring import lost\n"
        'def two() -> "Flow":\n    """\n    Two\n    lines.\n    """\n'
        "if sys:\n    def three():\n        return None\n"
        'class Four:\n    """A class."""\n'
        "five = partial(two)\n"
        "six = two\n"
        'def seven() -> list:\n    "Odd."\n'
        "seven_and_a_half: int = 7\n"
        "eight = nine = two\n"
        r'odd = "\d"' + "\n"
    ),
    "tinypack/ring.py": "from .side import lost\n",
    "tinypack/lazy.py": "def __getattr__(name): ...\n",
}

DESCRIBED = {
    "tinypack:one": ["sink", "Write one.", ""],
    "tinypack:second": ["flow", "Two", ""],
    "tinypack.inner.deep:one": ["sink", "Write one.", ""],
    "tinypack.side:three": ["unknown", "", ""],
    "tinypack.side:Four": ["unknown", "A class.", ""],
    "tinypack.side:Four.method": ["unknown", "", ""],
    "tinypack.side:five": ["unknown", "", ""],
    "tinypack.side:six": ["flow", "Two", ""],
    "tinypack.side:seven": ["unknown", "Odd.", ""],
    "tinypack.side:seven_and_a_half": ["unknown", "", ""],
    "tinypack.side:nine": ["flow", "Two", ""],
    "tinypack.side:two [extra]": ["flow", "Two", ""],
    "tinypack.side:missing": ["unknown", "", "tinypack.side has no missing"],
    "tinypack.lazy:anything": ["unknown", "", ""],
    "tinypack.side:lost": ["unknown", "", ""],
    "tinypack.alias:ten": ["source", "", ""],
    "tinypack.absent:one": ["unknown", "", "there is no module tinypack.absent"],
    "nowhere_at_all:one": ["unknown", "", "there is no module nowhere_at_all"],
    "not a module:one": ["unknown", "", "there is no module not a module"],
}


def test_sources_are_read_and_not_imported(environment: Mapping[str, str], tmp_path: Path) -> None:
    for path, text in PACKAGE.items():
        (tmp_path / "plugins" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plugins" / path).write_text(text)
    program = (
        "import json, sys\n"
        "from dataflows_core.cli.describe import describe\n"
        "found = [describe(value) for value in json.loads(sys.argv[1])]\n"
        "assert not [name for name in sys.modules if name.startswith('tinypack')]\n"
        "print(json.dumps([[one.kind, one.summary, one.problem] for one in found]))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, json.dumps(list(DESCRIBED))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert dict(zip(DESCRIBED, json.loads(result.stdout), strict=True)) == DESCRIBED


@pytest.mark.parametrize(
    "source",
    ["x = " + "(" * 5000, "x = " + "-" * 200_000 + "1", "def f(:", "\0", "# coding: nonsense"],
    ids=["deep", "long", "broken", "null", "coding"],
)
def test_a_source_that_cannot_be_parsed_says_so(
    environment: Mapping[str, str], tmp_path: Path, source: str
) -> None:
    (tmp_path / "plugins" / "tinybad.py").write_text(source)
    program = "from dataflows_core.cli.describe import describe; print(describe('tinybad:f').problem)"
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("tinybad.py")


def test_an_editable_installation_is_found_through_its_finder(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """As setuptools installs them: a module in a path of the environment puts a finder in place."""
    (tmp_path / "elsewhere" / "tinyedit").mkdir(parents=True)
    (tmp_path / "elsewhere" / "tinyedit" / "__init__.py").write_text("raise RuntimeError")
    (tmp_path / "elsewhere" / "tinyedit" / "steps.py").write_text('def make() -> Step:\n    "Made."\n')
    program = (
        "import importlib.util, sys\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name == 'tinyedit':\n"
        "            return importlib.util.spec_from_file_location(\n"
        "                name, sys.argv[1] + '/__init__.py', submodule_search_locations=[sys.argv[1]])\n"
        "sys.meta_path.append(Finder)\n"
        "from dataflows_core.cli.describe import describe\n"
        "print(describe('tinyedit.steps:make').summary)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, os.fspath(tmp_path / "elsewhere" / "tinyedit")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "Made.\n"
