from __future__ import annotations

from pathlib import Path

import pytest

from dataflows_core.cli.preview import schema_changes
from dataflows_core.schema import Schema

FLOW = """
from decimal import Decimal
from dataflows_core import Flow
from dataflows_core.schema import Field
from sink import write

def rows():
    yield {"city": "Lyon", "people": 522250}
    yield {"city": "Oslo", "people": 709037}

def millions(package):
    resource = package["res_1"]
    schema = resource.schema.drop(["people"]).add(Field({"name": "millions", "type": "number"}))
    def divided(rows):
        for row in rows:
            yield {"city": row["city"], "millions": Decimal(row["people"]) / 10**6}
    resource.pipe_rows(divided, schema)

def few(rows):
    yield from list(rows)[:1]

def rename(package):
    package["res_1"].name = "cities"

def titled(package):
    package.properties["title"] = "Cities"

def drop(package):
    package.remove(package["cities"])

flow = Flow(rows(), Flow(millions, few), write(), rename, titled, drop)
"""

SINK = """
class Refusing:
    def begin(self):
        raise AssertionError("a preview wrote something")

    encode = append = commit = abort = begin

def write():
    def step(package):
        for resource in package.tables():
            resource.write(Refusing())
        package.on_finish(Refusing().begin)
    return step
"""

PREVIEW = """\
step 1, rows
  + resource res_1
    city     people
    string  integer
    ──────  ───────
    Lyon     522250
    Oslo     709037

step 2.1, millions
  ~ resource res_1
    - people: integer
    + millions: number
    city    millions
    string    number
    ──────  ────────
    Lyon     0.52225
    Oslo    0.709037

step 2.2, few
  ~ resource res_1
    city    millions
    string    number
    ──────  ────────
    Lyon     0.52225

step 3, write
  (no change to the rows)

step 4, rename
  - resource res_1
  + resource cities
    city    millions
    string    number
    ──────  ────────
    Lyon     0.52225

step 5, titled
  (no change to the rows)

step 6, drop
  - resource cities
"""


@pytest.fixture
def flow(folder: Path) -> Path:
    """A flow with every kind of change, whose source can be read once."""
    (folder / "flow.py").write_text(FLOW)
    (folder / "sink.py").write_text(SINK)
    return folder / "flow.py"


def test_each_step_is_shown_with_what_it_changes(cli, flow: Path) -> None:
    result = cli("preview", "flow.py")
    assert result.stderr == ""
    assert result.stdout == PREVIEW
    assert result.returncode == 0


def test_one_step_or_a_nested_flow_is_shown(cli, flow: Path) -> None:
    blocks = PREVIEW.split("\n\n")
    assert cli("preview", "flow.py", "--step", "2.2").stdout == blocks[2] + "\n"
    assert cli("preview", "flow.py", "--step", "2").stdout == "\n\n".join(blocks[1:3]) + "\n"
    assert (
        cli("preview", "flow.py", "--step", "1", "--rows", "1").stdout.splitlines()[-1]
        == "    Lyon     522250"
    )
    result = cli("preview", "flow.py", "--step", "9")
    assert result.returncode == 2
    assert result.stderr == (
        "Error: there is no step '9'\n"
        "  the steps: 1 rows, 2.1 millions, 2.2 few, 3 write, 4 rename, 5 titled, 6 drop\n"
    )


def test_only_as_much_is_read_as_is_shown(cli, folder: Path) -> None:
    (folder / "flow.py").write_text(
        "from itertools import count\nfrom dataflows_core import Flow\n"
        "flow = Flow(({'n': n} for n in count()), lambda rows: (row for row in rows if row['n'] % 2))\n"
    )
    result = cli("preview", "flow.py", "--step", "2", "--rows", "2")
    assert result.stdout.splitlines()[-2:] == ["          1", "          3"]


def test_steps_before_the_one_that_fails_are_shown(cli, folder: Path) -> None:
    (folder / "flow.py").write_text(
        "from dataflows_core import Flow\n"
        "def bad(row):\n    raise ValueError('no')\n"
        "flow = Flow([{'n': 1}], bad)\n"
    )
    result = cli("preview", "flow.py")
    assert result.returncode == 1
    assert result.stdout.startswith("step 1, list\n  + resource res_1\n          n\n")
    assert "ValueError: no" in result.stderr


def test_parameters_and_empty_tables(cli, folder: Path) -> None:
    (folder / "flow.py").write_text(
        "from dataflows_core import Flow\n"
        "def flow(n: int) -> Flow:\n"
        "    return Flow([{'n': 1}], lambda rows: [row for row in rows if row['n'] > n])\n"
    )
    shown = cli("preview", "flow.py", "--step", "2", "--set", "n=5").stdout
    assert shown.splitlines()[-1] == "    (no rows)"


def test_a_wide_table_is_cut_to_the_terminal(cli, folder: Path) -> None:
    (folder / "flow.py").write_text(
        "from dataflows_core import Flow\nflow = Flow([{f'field {n}': 'x' * 50 for n in range(30)}])\n"
    )
    shown = cli("preview", "flow.py", COLUMNS="70").stdout
    assert max(map(len, shown.splitlines())) <= 70
    assert "… and 25 more: field 5, field 6" in shown


def test_changes_of_a_schema() -> None:
    def schema(*fields: dict[str, object], **properties: object) -> Schema:
        return Schema.from_descriptor({"fields": list(fields), **properties})

    a, b = {"name": "a", "type": "integer"}, {"name": "b"}
    assert list(schema_changes(None, schema(a))) == []
    assert list(schema_changes(schema(a, b), schema(a, b))) == []
    assert list(schema_changes(schema(a, b), schema(b, a))) == ["~ order: b, a"]
    assert list(schema_changes(schema(a, b), schema(b, {**a, "type": "date", "format": "%d.%m.%y"}))) == [
        "~ a: integer → date (format='%d.%m.%y')",
        "~ order: b, a",
    ]
    assert list(schema_changes(schema(a), schema(a, primaryKey="a"))) == ["~ primaryKey: None → 'a'"]
