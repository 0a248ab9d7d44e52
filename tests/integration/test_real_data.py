"""The real files of the shared data go through without a hint, and come out with every value the same."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load, set_type

EMISSIONS = "co2-fossil-by-nation/data/fossil-fuel-co2-emissions-by-nation.csv"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_emissions_load_without_a_hint_and_every_number_is_written_back_the_same(
    shared_data: Path, tmp_path: Path
) -> None:
    flow = Flow(load(shared_data / EMISSIONS), dump_to_path(str(tmp_path)))

    package, stats = flow.process()

    types = {field.name: field.type for field in package[0].schema}
    assert types["Per Capita"] == "number"
    assert types["Total"] == "integer"
    assert stats["count_of_rows"] == 18_769
    (written,) = tmp_path.glob("*.csv")
    original, again = read(shared_data / EMISSIONS), read(written)
    assert len(original) == len(again)
    for before, after in zip(original, again, strict=True):
        assert before.keys() == after.keys()
        for name in before:
            if types[name] in ("number", "integer") and before[name]:
                assert Decimal(before[name]) == Decimal(after[name])
            else:
                assert before[name] == after[name]


def test_emissions_are_exact_as_rows(shared_data: Path) -> None:
    (rows,) = Flow(load(shared_data / EMISSIONS)).results().rows
    original = read(shared_data / EMISSIONS)

    for before, row in zip(original, rows, strict=True):
        for name in ("Total", "Per Capita"):
            assert row[name] == (Decimal(before[name]) if before[name] else None)


def test_codes_keep_their_leading_zeros(shared_data: Path) -> None:
    path = shared_data / "country-codes/data/country-codes.csv"
    original = read(path)
    (rows,) = Flow(load(path)).results().rows

    with_zeros = {
        name for name in original[0] if any(row[name][:1] == "0" and len(row[name]) > 1 for row in original)
    }
    for name in with_zeros:
        assert [row[name] or "" for row in rows] == [row[name] for row in original]


@pytest.mark.parametrize("path", ["population/data/population.csv", "world-cities/data/world-cities.csv"])
def test_every_cell_comes_back(shared_data: Path, tmp_path: Path, path: str) -> None:
    Flow(load(shared_data / path), dump_to_path(str(tmp_path))).process()

    (written,) = tmp_path.glob("*.csv")
    for before, after in zip(read(shared_data / path), read(written), strict=True):
        for name, text in before.items():
            assert text == after[name] or Decimal(text) == Decimal(after[name])


@pytest.mark.parametrize("folder", ["co2-fossil-by-nation", "population", "world-cities"])
def test_published_packages_load_as_they_declare_themselves(shared_data: Path, folder: str) -> None:
    declared = json.loads((shared_data / folder / "datapackage.json").read_text("utf-8"))

    package = Flow(load(shared_data / folder)).results().package

    assert package.properties["title"] == declared.get("title")
    for resource, item in zip(package.resources, declared["resources"], strict=True):
        assert resource.name == item["name"]
        assert [(f.name, f.type) for f in resource.schema] == [
            (f["name"], f["type"]) for f in item["schema"]["fields"]
        ]


def test_a_written_package_loads_again_with_the_same_rows(shared_data: Path, tmp_path: Path) -> None:
    first = Flow(load(shared_data / EMISSIONS), dump_to_path(str(tmp_path))).results()

    again = Flow(load(tmp_path)).results()

    assert again.rows == first.rows
    assert [f.type for f in again.package[0].schema] == [f.type for f in first.package[0].schema]


def test_a_column_that_was_only_loaded_can_be_taken_as_its_text(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("code,price\n1,1.50\n2,2.00\n")

    (rows,) = Flow(load(tmp_path / "prices.csv"), set_type("price", type="string")).results().rows

    assert rows == [{"code": 1, "price": "1.50"}, {"code": 2, "price": "2.00"}]
