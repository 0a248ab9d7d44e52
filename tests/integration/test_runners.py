"""The same flow gives the same bytes, whatever the runner, however many files, whoever dies."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, Package, ProcessorError
from dataflows_core.errors import WorkerError
from dataflows_core.processors import compute, delete_fields, dump_to_path, filter_rows, load, printer

ROWS = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """The same rows in one, two or seven files; a glob pattern for them."""
    rng = random.Random(7)
    lines = [
        f'{number},"item, ""{rng.randrange(999)}""",{rng.randrange(1, 99)},{rng.randrange(1, 9999) / 100}\n'
        for number in range(ROWS)
    ]

    def files(count: int) -> str:
        folder = tmp_path_factory.mktemp(f"files-{count}")
        size = -(-ROWS // count)
        for part in range(count):
            text = "id,item,quantity,price\n" + "".join(lines[part * size : (part + 1) * size])
            (folder / f"part-{part}.csv").write_text(text, "utf-8")
        return str(folder / "part-*.csv")

    return files


def map_rows(function: Callable[[dict[str, Any]], None]) -> Callable[[Package], None]:
    def step(package: Package) -> None:
        package[0].map_rows(function)

    return step


def shout(row: dict[str, Any]) -> None:
    row["item"] = row["item"].upper()


def chain(source: str, out: Path, *more: Any) -> Flow:
    return Flow(
        load(source, name="items"),
        filter_rows("quantity >= 10"),
        compute(total="quantity * price"),
        map_rows(shout),
        *more,
        delete_fields(["price"]),
        dump_to_path(str(out)),
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def expected(files: Callable[[int], str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("expected")
    stats = chain(files(1), out).process().stats
    assert 0 < stats["count_of_rows"] < ROWS
    return content(out)


@pytest.mark.parametrize("runner", ["local", "processes:2"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_same_bytes(
    files: Callable[[int], str], expected: dict[str, bytes], tmp_path: Path, count: int, runner: str
) -> None:
    chain(files(count), tmp_path / "out").run(runner)

    assert content(tmp_path / "out") == expected


def test_same_bytes_with_a_barrier_in_between(
    files: Callable[[int], str], expected: dict[str, bytes], tmp_path: Path
) -> None:
    seen: list[int] = []

    def watch(row: dict[str, Any]) -> None:
        seen.append(row["id"])

    chain(files(7), tmp_path / "out", watch).run("processes:2")

    assert content(tmp_path / "out") == expected
    assert seen == sorted(seen)


def test_same_bytes_when_one_worker_is_killed(
    files: Callable[[int], str], expected: dict[str, bytes], tmp_path: Path
) -> None:
    marker = tmp_path / "killed"

    def kill_once(row: dict[str, Any]) -> None:
        if row["id"] == 12_345 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    # An id is filtered away if its quantity is small; the one above any number will do.
    def kill_at_first(row: dict[str, Any]) -> None:
        if row["id"] > 12_345:
            kill_once({"id": 12_345})

    chain(files(7), tmp_path / "out", map_rows(kill_at_first)).run("processes:2")

    assert marker.exists()
    assert content(tmp_path / "out") == expected


def test_a_task_that_kills_its_worker_fails_the_run_with_the_name_of_the_step(
    files: Callable[[int], str], tmp_path: Path
) -> None:
    def deadly_step(row: dict[str, Any]) -> None:
        if row["id"] > 12_345:
            os.kill(os.getpid(), signal.SIGKILL)

    def deadly(package: Package) -> None:
        package[0].map_rows(deadly_step)

    with pytest.raises(WorkerError, match=r"deadly.*part-4\.csv"):
        chain(files(7), tmp_path / "out", deadly).run("processes:2")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("runner", ["local", "processes:2"])
def test_a_bad_row_is_named_by_its_file_and_number_on_every_runner(tmp_path: Path, runner: str) -> None:
    for part in range(3):
        lines = [f"{number},{number}" for number in range(1, 6)]
        (tmp_path / f"{part}.csv").write_text("\n".join(["a,b", *lines, ""]))

    def fail(row: dict[str, Any]) -> None:
        if row["a"] == 4:
            raise ValueError("four")

    flow = Flow(load(str(tmp_path / "*.csv"), name="x"), filter_rows("a > 2"), map_rows(fail))

    with pytest.raises(ProcessorError) as caught:
        flow.run(runner)
    assert (caught.value.processor, caught.value.row) == ("map_rows", 4)
    assert Path(caught.value.source).name in ("0.csv", "1.csv", "2.csv")
    assert isinstance(caught.value.cause, ValueError)


def test_a_printer_prints_the_same_on_workers(
    files: Callable[[int], str], capfd: pytest.CaptureFixture[str]
) -> None:
    flow = Flow(load(files(7), name="items"), filter_rows("quantity >= 10"), printer(3))

    flow.run()
    local = capfd.readouterr().out
    flow.run("processes:2")

    assert capfd.readouterr().out == local
    assert local.startswith("items: ")
