"""The documentation is true: its examples run, its links lead somewhere, it names what there is.

A block of ```python runs as a program in a folder that holds `emissions.csv`; a line `$ dataflows …` of a
```console block runs in a folder that holds `examples`. Other commands are run by nox and CI.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("*.md", "docs/**/*.md", "registry/*.md", "plugins/*/*.md", "examples/**/*.md", "benchmarks/*.md")
PAGES = sorted(page for place in PLACES for page in ROOT.glob(place))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Example:
    """An example, and where it stands."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(language: str) -> list[Example]:
    return [
        Example(page, text.count("\n", 0, match.start()) + 1, match[2])
        for page in PAGES
        for text in [page.read_text(encoding="utf-8")]
        for match in FENCE.finditer(text)
        if match[1] == language
    ]


def commands() -> list[Example]:
    return [
        Example(block.page, block.line + number, line[2:].rpartition("&&")[2].strip())
        for block in examples("console")
        for number, line in enumerate(block.text.splitlines(), 1)
        if line.startswith("$ ") and "dataflows " in line.rpartition("&&")[2]
    ]


def run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


@pytest.mark.parametrize("example", examples("python"), ids=str)
def test_a_python_example_runs(tmp_path, example):
    shutil.copy(ROOT / "examples/co2-emissions/data/emissions.csv", tmp_path)
    program = tmp_path / "example.py"
    program.write_text(example.text, encoding="utf-8")

    run([sys.executable, str(program)], tmp_path)


@pytest.mark.parametrize("example", commands(), ids=str)
def test_a_command_runs(tmp_path, example):
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("out"))
    program, *arguments = shlex.split(example.text)
    assert program == "dataflows"

    run([sys.executable, "-m", "dataflows_core.cli", *arguments], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]

    assert not missing


def test_every_page_is_reachable_from_the_readme():
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if path.suffix == ".md" and path.exists() and path not in seen:
                waiting.append(path)

    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= seen


def test_the_architecture_names_every_module_of_the_core_and_no_other():
    text = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    table = text[text.index("## The core, module by module") :]

    named = set(re.findall(r"`(\w+)`", table))

    modules = {
        path.stem for path in (ROOT / "dataflows_core").iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert named == {name for name in modules if not name.startswith("_")}
