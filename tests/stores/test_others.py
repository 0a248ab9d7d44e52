"""Stores without deferred uploads: files have temporary names beside their places, and are moved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from dataflows_core import Flow
from dataflows_core.errors import DataflowsError
from dataflows_core.processors import dump_to_excel, dump_to_path, dump_to_zip, load

OLD = [{"old": 1}]
NEW = [{"new": 1}, {"new": 2}]


@pytest.fixture(scope="module")
def sftp(needs, tmp_path_factory):
    """The root of an SFTP server, and the URL of it."""
    needs("paramiko", "asyncssh")
    root = tmp_path_factory.mktemp("sftp")
    command = [sys.executable, str(Path(__file__).with_name("sftp_server.py")), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        yield root, f"sftp://me@127.0.0.1:{port}"
        system = fsspec.filesystem(
            "sftp", host="127.0.0.1", port=port, username="me", password="correct horse"
        )
        system.ftp.close()
        system.client.close()
        server.kill()


def tree(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


OPTIONS = {"password": "correct horse"}


def test_sftp(sftp):
    root, url = sftp
    out = f"{url}/deep/out"
    Flow(OLD, OLD, dump_to_path(out, format="parquet", storage_options=OPTIONS)).process()
    (root / "deep" / "out" / "foreign").write_text("theirs")
    Flow(NEW, dump_to_path(out, storage_options=OPTIONS)).process()
    assert tree(root / "deep" / "out") == ["datapackage.json", "foreign", "res_1.csv"]
    assert Flow(load(out, storage_options=OPTIONS)).results().rows == [NEW]


def test_the_password_in_a_url_of_sftp_is_percent_encoded(sftp):
    _, url = sftp
    url = url.replace("me@", "me:correct%20horse@")
    Flow(NEW, dump_to_path(f"{url}/encoded")).process()
    assert Flow(load(f"{url}/encoded")).results().rows == [NEW]
    assert Flow(load(f"{url}/encoded/res_1.csv")).results().rows == [[{"new": 1}, {"new": 2}]]
    with pytest.raises(DataflowsError, match="Authentication failed") as caught:
        Flow(load(f"{url.replace('horse', 'cow')}/encoded/res_1.csv")).results()
    assert "correct" not in str(caught.value)


def test_sftp_other_files(sftp):
    _, url = sftp
    Flow(NEW, dump_to_zip(f"{url}/x.zip", storage_options=OPTIONS)).process()
    Flow(NEW, dump_to_excel(f"{url}/x.xlsx", storage_options=OPTIONS)).process()
    assert Flow(load(f"{url}/x.zip", storage_options=OPTIONS)).results().rows == [NEW]
    assert Flow(load(f"{url}/x.xlsx", storage_options=OPTIONS)).results().rows == [NEW]


def test_a_failed_run_leaves_nothing(sftp):
    root, url = sftp
    before = tree(root)

    def fail(row):
        raise ValueError("no")

    with pytest.raises(DataflowsError, match="no"):
        Flow(NEW, fail, dump_to_path(f"{url}/fresh/out", storage_options=OPTIONS)).process()
    assert tree(root) == before


def test_a_wrong_password_is_found_while_planning(sftp):
    _, url = sftp
    seen = []
    sink = dump_to_path(f"{url}/out", storage_options={"password": "tr0ub4dor"})
    with pytest.raises(DataflowsError) as caught:
        Flow(NEW, lambda row: seen.append(row), sink).process()
    assert "Authentication failed" in str(caught.value)
    assert "tr0ub4dor" not in str(caught.value)
    assert seen == []


@pytest.fixture
def memory():
    yield fsspec.filesystem("memory")
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]


@pytest.mark.parametrize("format", ["csv", "parquet", "xlsx"])
def test_memory(memory, format):
    Flow(OLD, OLD, dump_to_path("memory://out", format="json")).process()
    memory.pipe("/out/foreign", b"theirs")
    Flow(NEW, dump_to_path("memory://out", format=format)).process()
    assert sorted(memory.find("/")) == ["/out/datapackage.json", "/out/foreign", f"/out/res_1.{format}"]
    twice = Flow(load("memory://out"), load("memory://out", name="again")).results().rows
    assert twice == [NEW, NEW]
