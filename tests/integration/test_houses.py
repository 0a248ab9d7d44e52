"""The rules of the houses: who may import whom, what must be declared, how long a file may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT, ROOT / "registry", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PROJECTS = {
    project["project"]["name"]: (folder, project)
    for folder in FOLDERS
    for project in [tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))]
}
PACKAGES = {name.replace("-", "_") for name in PROJECTS}
OWNERS = packages_distributions()
CALLERS = {"ipython", "pandas", "polars"}
"""Imported only where the caller must have it already: to hand out a frame, to print into a notebook."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def sources(name: str) -> list[Path]:
    return sorted((PROJECTS[name][0] / name.replace("-", "_")).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


@pytest.mark.parametrize("name", PROJECTS)
def test_a_house_imports_itself_and_the_core_but_no_other(name):
    own = {name.replace("-", "_"), "dataflows_core"}

    crossed = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources(name)
        for module in imports(path)
        if module.partition(".")[0] in PACKAGES - own
    }

    assert not crossed


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_imported_is_declared_and_what_is_declared_is_imported(name):
    project = PROJECTS[name][1]["project"]
    declared = {normal(Requirement(text).name) for text in project.get("dependencies", ())}
    optional = {
        normal(Requirement(text).name)
        for texts in project.get("optional-dependencies", {}).values()
        for text in texts
    }
    modules = {module.partition(".")[0] for path in sources(name) for module in imports(path)}
    foreign = modules - set(sys.stdlib_module_names) - {name.replace("-", "_")}
    imported = {normal(owner) for module in foreign for owner in OWNERS.get(module, [module])}

    assert imported - CALLERS - optional <= declared
    assert declared - imported <= {"dataflows-core"}


def test_no_file_is_longer_than_600_lines():
    long = [
        f"{path.relative_to(ROOT)}: {lines}"
        for place in ("dataflows_core", "registry", "plugins", "tests", "benchmarks", "examples", "docs")
        for path in (ROOT / place).rglob("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 600
    ]

    assert not long


@pytest.mark.parametrize("name", PROJECTS)
def test_every_entry_point_leads_to_an_object(name):
    groups = PROJECTS[name][1]["project"].get("entry-points", {})
    for group, names in groups.items():
        for entry in names:
            assert [e.load() for e in entry_points(group=group, name=entry) if normal(e.dist.name) == name]


def test_help_imports_nothing_heavy():
    heavy = {"datapackage", "duckdb", "pyarrow", "tableschema", "tabulator", *PACKAGES - {"dataflows_core"}}
    code = (
        "import sys; from dataflows_core.cli import main\n"
        "main(['--help'])\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Usage: dataflows" in result.stdout
    assert result.stderr.strip() == "[]"
