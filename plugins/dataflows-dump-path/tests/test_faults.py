from __future__ import annotations

import hashlib
import json
import pickle
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.stream import Stream
from dataflows_dump_path import dump_to_path, dump_to_zip

# In memory where there is such a place: the disk need not hear of each of some hundred commits.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork, signal 9 and limits")


def script(name, *arguments):
    path = Path(__file__).with_name(name)
    run = subprocess.run([sys.executable, str(path), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.is_file() and p.read_bytes() for p in folder.rglob("*")}


@posix
def test_killed_before_any_change_the_old_or_the_new_output_is_whole():
    results = script("kill_dump.py")
    assert len(results) == 2
    for states in results:
        assert states == sorted(states, key=["old", "new"].index)
        assert states[0] == "old"
        assert states[-1] == "new"
        assert len(states) > 15


@posix
@pytest.mark.parametrize(("name", "dump"), [("out", dump_to_path), ("out.zip", dump_to_zip)])
def test_a_full_disk_leaves_the_previous_output(tmp_path, name, dump):
    Flow([{"id": 1}], dump(tmp_path / name)).process()
    before = tree(tmp_path)
    outcomes = script("fill_disk.py", str(tmp_path / name), "0", "1", "1000", "300000", "500000")
    assert [outcome for _, outcome in outcomes if "file too large" not in str(outcome)] == []
    assert tree(tmp_path) == before
    assert script("fill_disk.py", str(tmp_path / name), "100000000") == [[100000000, 40000]]


SCHEMA = Schema.from_descriptor({"fields": [{"name": "id", "type": "integer"}, {"name": "text"}]})


def batches(parts):
    """For each part its batches, the rows numbered throughout."""
    number, result = 0, []
    for lengths in parts:
        made = []
        for length in lengths:
            ids = range(number, number + length)
            made.append(
                pa.record_batch(
                    [pa.array(ids, pa.int64()), pa.array([f'"{n}' for n in ids])], names=SCHEMA.names
                )
            )
            number += length
        result.append(made)
    return result


def planned_dump(folder, kind):
    package = Package()
    resource = package.add(Resource("r", Stream.of([], SCHEMA)))
    dump_to_path(folder, format=kind)(package)
    return package, resource.stream.operations[-1].sink


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "tsv"])
@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), max_size=3), max_size=4), st.integers(0, 1000))
def test_parts_that_workers_write_in_any_order_and_twice_give_the_same_bytes(kind, parts, seed):
    shuffle = random.Random(seed).shuffle
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        work = batches(parts)
        package, sink = planned_dump(folder / "appended", kind)
        sink.begin()
        for part in work:
            for batch in part:
                sink.append(sink.encode(batch))
        sink.commit([])
        package.finish()

        package, sink = planned_dump(folder / "parts", kind)
        sink.begin()
        order = [*range(len(work)), *range(len(work))]
        shuffle(order)
        receipts = {}
        for number in order:
            worker = pickle.loads(pickle.dumps(sink))
            writer = worker.open_part(number)
            for batch in work[number]:
                writer.append(worker.encode(batch))
            receipts[number] = writer.close()
        worker = pickle.loads(pickle.dumps(sink))
        half = worker.open_part(0)  # and one that died on the way
        half.append(worker.encode(batches([[1]])[0][0]))
        half._output.discard()
        done = list(receipts.values())
        shuffle(done)
        sink.commit(done)
        package.finish()

        assert tree(folder / "parts") == tree(folder / "appended")
        assert sum(receipt.rows for receipt in done) == sum(map(sum, parts))


def test_a_receipt_says_what_is_in_the_part(tmp_path):
    package, sink = planned_dump(tmp_path, "csv")
    sink.begin()
    writer = sink.open_part(3)
    writer.append(sink.encode(batches([[2]])[0][0]))
    receipt = writer.close()
    data = Path(receipt.path).read_bytes()
    assert (receipt.part, receipt.rows, receipt.bytes) == (3, 2, len(data))
    assert receipt.hash == f"sha256:{hashlib.sha256(data).hexdigest()}"
    sink.abort()
    for function in package.aborting():
        function()
    assert list(tmp_path.iterdir()) == []
