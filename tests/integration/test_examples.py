from __future__ import annotations

import csv
import runpy
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOWS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").glob("*/flow.py"))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dataflows_core.cli", "run", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("out"))
    return tmp_path


@pytest.mark.parametrize("flow", FLOWS)
def test_every_example_runs(checkout, flow):
    result = run(checkout, flow)

    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_emissions_are_a_valid_data_package_of_exact_numbers(checkout):
    assert run(checkout, "examples/co2-emissions/flow.py").returncode == 0
    check = runpy.run_path(str(Path(__file__).with_name("check_package.py")))["check"]

    source = table(checkout / "examples/co2-emissions/data/emissions.csv")
    kept = [row for row in source if int(row["Year"]) >= 1990 and Decimal(row["Total"] or 0) > 0]
    dumped = table(checkout / "examples/co2-emissions/out/emissions.csv")

    assert check(checkout / "examples/co2-emissions/out") == {"emissions": len(kept)}
    for before, after in zip(kept, dumped, strict=True):
        for name in ("Year", "Total", "Solid Fuel", "Per Capita"):
            assert after[name] == before[name]
        others = sum(Decimal(before[name] or 0) for name in ("Solid Fuel", "Liquid Fuel", "Gas Fuel"))
        assert Decimal(after["other"]) == Decimal(before["Total"]) - others
        if before["Solid Fuel"]:
            exact = Decimal(before["Solid Fuel"]) / Decimal(before["Total"])
            assert Decimal(after["solid_share"]) == exact.quantize(Decimal("1e-12"))


def test_hello_world_takes_its_parameter_from_the_command_line(checkout):
    result = run(checkout, "examples/hello-world/flow.py", "--set", "greeting=Hola")

    assert "Hola, Ada!" in result.stdout + result.stderr
