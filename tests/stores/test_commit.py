"""What a failed, torn, refused or killed run leaves in a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.errors import DataflowsError, FlowError, ProcessorError
from dataflows_core.files.stores import store_of
from dataflows_core.processors import dump_to_excel, dump_to_path, dump_to_zip, load
from dataflows_core.store_commit import StoreCommit

OLD = [{"old": 1}]
NEW = [{"new": 1}, {"new": 2}]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Whatever happens, nothing stays in the folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def dump(s3, *links, **options):
    return Flow(*links, dump_to_path(f"{s3.url}/out", storage_options=s3.options, **options)).process()


@pytest.fixture
def before(s3):
    """A bucket with the output of an earlier run, and a file of somebody else."""
    dump(s3, OLD, OLD)
    s3.system.pipe(f"{s3.bucket}/out/foreign.csv", b"theirs")
    before = s3.files()
    assert sorted(before) == [
        "out/datapackage.json", "out/foreign.csv", "out/res_1.csv", "out/res_2.csv"
    ]  # fmt: skip
    s3.log()
    return before


def failing(rows):
    yield from rows
    raise ValueError("no more")


def test_what_the_new_output_has_no_longer_is_removed(s3, before):
    dump(s3, NEW)
    assert sorted(s3.files()) == ["out/datapackage.json", "out/foreign.csv", "out/res_1.csv"]
    assert s3.files()["out/res_1.csv"] == b"new\r\n1\r\n2\r\n"
    assert s3.files()["out/foreign.csv"] == b"theirs"


def test_what_somebody_has_changed_stays(s3, before):
    s3.system.pipe(f"{s3.bucket}/out/res_2.csv", b"odd\r\n1\r\n")
    dump(s3, NEW)
    assert s3.files()["out/res_2.csv"] == b"odd\r\n1\r\n"


def test_the_descriptor_is_the_last_to_change_and_obsolete_files_go_after_it(s3, before):
    dump(s3, NEW, add_filehash_to_path=True)
    changes = [
        entry for entry in s3.log() if entry["method"] in ("POST", "DELETE") and "uploads" not in entry["url"]
    ]
    shown = [entry["url"].partition("?")[0] for entry in changes if entry["method"] == "POST"]
    gone = [
        entry["url"] for entry in changes if entry["method"] == "DELETE" and "uploadId" not in entry["url"]
    ]
    assert len(shown) == 2
    assert shown[-1].endswith("/out/datapackage.json")
    assert [url.rpartition("/")[2] for url in gone] == ["res_1.csv", "res_2.csv"]
    assert changes.index(next(e for e in changes if e["url"] == gone[0])) > changes.index(
        next(e for e in changes if e["url"].startswith(shown[-1]))
    )


def test_a_run_that_fails_changes_nothing(s3, before):
    with pytest.raises(DataflowsError, match="no more"):
        dump(s3, NEW, failing)
    assert s3.files() == before
    assert s3.debris() == []


def test_an_upload_that_fails_changes_nothing(s3, before):
    s3.fault("PUT", r"/out/res_1.csv\?.*partNumber")
    with pytest.raises(ProcessorError) as caught:
        dump(s3, NEW)
    s3.heal()
    assert f"{s3.url}/out cannot be written to: Access Denied" in str(caught.value)
    assert "nothing has changed there" in str(caught.value)
    assert s3.files() == before
    assert s3.debris() == []


def test_a_store_that_fails_while_files_are_shown(s3, before):
    s3.fault("POST", r"/out/datapackage.json\?uploadId")
    with pytest.raises(ProcessorError) as caught:
        dump(s3, NEW)
    s3.heal()
    message = str(caught.value)
    assert (
        "it is a mixture until the flow is run again\n  new: res_1.csv\n  not yet: datapackage.json"
        in message
    )
    assert s3.files() == {**before, "out/res_1.csv": b"new\r\n1\r\n2\r\n"}
    assert s3.debris() == []
    dump(s3, NEW)
    assert json.loads(s3.files()["out/datapackage.json"])["count_of_rows"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs signal 9")
def test_killed_before_the_commit_the_old_output_is_whole(s3, before, temporary):
    script = Path(__file__).with_name("kill_dump.py")
    command = [sys.executable, str(script), f"{s3.url}/out", json.dumps(s3.options)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == -9, run.stderr
    assert s3.files() == before
    assert len(s3.debris()) == 2  # which a rule of the bucket is to end
    (left,) = temporary.iterdir()
    for file in sorted(left.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    left.rmdir()


def test_a_server_that_ends_in_the_middle_of_an_upload(mortal):
    mortal.fault("PUT", "partNumber", status=0, skip=1)  # the first is the trial
    with pytest.raises(ProcessorError) as caught:
        dump(mortal, NEW)
    assert f"{mortal.url}/out cannot be written to" in str(caught.value)
    assert "nothing has changed there\n  unfinished uploads may be left there" in str(caught.value)


@pytest.mark.parametrize("sink", [dump_to_path, dump_to_zip, dump_to_excel])
def test_what_cannot_be_written_is_found_before_data_move(s3, sink):
    pulled = []

    def see(row):
        pulled.append(row)

    end = {dump_to_path: "/out", dump_to_zip: "/x.zip", dump_to_excel: "/x.xlsx"}[sink]
    with pytest.raises(ProcessorError, match="The specified bucket does not exist"):
        Flow(NEW, see, sink(f"s3://{s3.bucket}-typo{end}", storage_options=s3.options)).process()
    s3.fault("POST", "uploads")
    with pytest.raises(ProcessorError, match="Access Denied"):
        Flow(NEW, see, sink(f"{s3.url}{end}", storage_options=s3.options)).process()
    s3.heal()
    if sink is dump_to_path:
        s3.fault("HEAD", "datapackage.json")
        with pytest.raises(ProcessorError, match=r"datapackage.json cannot be looked at"):
            Flow(NEW, see, sink(f"{s3.url}{end}", storage_options=s3.options)).process()
    assert pulled == []
    assert s3.files() == {}


def test_secrets_stay_out_of_messages(s3):
    wrong = {**s3.options, "nonsense": {"token": s3.options["secret"]}}
    with pytest.raises(DataflowsError) as caught:
        Flow(NEW, dump_to_path(s3.url, storage_options=wrong)).process()
    assert s3.options["secret"] not in str(caught.value)
    sink = dump_to_path("sftp://me:hunter2@127.0.0.1:1/x", storage_options={"timeout": 1})
    with pytest.raises(DataflowsError) as caught:
        Flow(NEW, sink).process()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://example.org/out", "the web is only read"),
        ("s3://", "names no bucket"),
        ("zip://a.csv::s3://bucket/x.zip", "only read"),
        ("", "is empty"),
    ],
)
def test_what_is_no_target(url, message):
    with pytest.raises(FlowError, match=message):
        dump_to_path(url)


def test_an_unknown_scheme():
    with pytest.raises(DataflowsError, match="did you mean s3://"):
        Flow(NEW, dump_to_path("s33://bucket/out")).process()


def test_two_dumps_into_one_place(s3):
    sink = dump_to_path(s3.url, storage_options=s3.options)
    with pytest.raises(ProcessorError, match="two dumps of this program write into s3://"):
        Flow(NEW, sink, sink).process()
    assert s3.files() == {}


def test_a_file_of_many_parts(s3):
    system, folder = store_of(f"{s3.url}/big", s3.options)
    commit = StoreCommit(f"{s3.url}/big", s3.options, system, folder, ".staging")
    data = os.urandom((17 << 20) + 1)
    commit.stage("a/b.bin").write_bytes(data)
    commit.stage("empty").write_bytes(b"")
    s3.log()
    commit.finish(["a/b.bin", "empty"])
    parts = [entry["sent"] for entry in s3.log() if "partNumber" in entry["url"]]
    assert len(parts) == 3
    assert s3.files() == {"big/a/b.bin": data, "big/empty": b""}
    assert s3.debris() == []


def test_what_is_dumped_is_seen_by_those_who_looked_before(s3):
    url = f"{s3.url}/out/*.csv"
    dump(s3, OLD)
    assert Flow(load(url, name="a", storage_options=s3.options)).results().rows == [OLD]
    dump(s3, NEW)
    assert Flow(load(url, name="a", storage_options=s3.options)).results().rows == [NEW]
