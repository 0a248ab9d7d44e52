"""Folders that are written into: on this machine, and in memory; tests/stores has real stores."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.secrets import without_secrets
from dataflows_core.targets import target_file, target_folder


class Odd(MemoryFileSystem):
    """A store with a memory of its own."""

    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.replace(f"{cls.protocol}://", "memory://"))


class Interrupted(Odd):
    """The user presses Ctrl-C when the first file is shown."""

    protocol = "interrupted"
    pressed = False

    def cp_file(self, path1, path2, **kwargs):
        if not type(self).pressed:
            type(self).pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        super().cp_file(path1, path2, **kwargs)


class Torn(Odd):
    """One file cannot be shown."""

    protocol = "torn"

    def cp_file(self, path1, path2, **kwargs):
        if path2.endswith("b.csv"):
            raise OSError("the cable is cut")
        super().cp_file(path1, path2, **kwargs)


@pytest.fixture(autouse=True)
def stores():
    for kind in (Interrupted, Torn):
        fsspec.register_implementation(kind.protocol, kind, clobber=True)
    Interrupted.pressed = False
    yield
    for kind in (Odd, MemoryFileSystem):
        kind.store.clear()
        kind.pseudo_dirs[:] = [""]


def write(target, files, remove=()):
    commit = target.planned().begin()
    try:
        for path, text in files.items():
            commit.stage(path).write_text(text)
        commit.finish(list(files), remove)
    finally:
        commit.abort()


def read(system):
    return {path: system.cat_file(path).decode() for path in system.find("/")}


@pytest.fixture(params=["folder", "memory"])
def target(request, tmp_path):
    return target_folder(tmp_path / "out" if request.param == "folder" else "memory://out")


def contents(target, paths):
    found = {}
    for path in paths:
        if target.size(path) is not None:
            with target.open(path) as file:
                found[path] = file.read().decode()
                assert len(found[path]) == target.size(path)
    return found


def test_folders_and_stores_are_used_alike(target):
    target = target.planned()
    write(target, {"a.csv": "1", "deep/b.csv": "2", "datapackage.json": "old"})
    write(target, {"a.csv": "3", "datapackage.json": "new"}, remove=["deep/b.csv", "never.csv"])
    every = ["a.csv", "deep/b.csv", "datapackage.json", "never.csv"]
    assert contents(target, every) == {"a.csv": "3", "datapackage.json": "new"}
    assert target.size("deep") is None
    commit = target.begin()
    commit.stage("a.csv").write_text("4")
    with pytest.raises(AccessError, match="at the same time"):
        target.begin()
    with pytest.raises(FlowError, match="leads out"):
        commit.stage("../x")
    commit.abort()
    commit.abort()
    assert contents(target, every) == {"a.csv": "3", "datapackage.json": "new"}


def test_nothing_stays_of_what_was_not_finished():
    commit = target_folder("memory://fresh/out").begin()
    commit.stage("a.csv").write_text("1")
    commit.abort()
    assert fsspec.filesystem("memory").ls("/") == []
    assert not commit.scratch.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_a_user_who_interrupts_at_the_end_gets_all_of_it():
    with pytest.raises(KeyboardInterrupt) as caught:
        write(target_folder("interrupted://out"), {"a.csv": "1", "b.csv": "2", "datapackage.json": "3"})
    assert caught.value.__notes__ == ["the new output is in interrupted://out"]
    assert read(fsspec.filesystem("interrupted")) == {
        "/out/a.csv": "1", "/out/b.csv": "2", "/out/datapackage.json": "3"
    }  # fmt: skip


def test_what_is_new_and_what_is_not_is_said():
    with pytest.raises(AccessError) as caught:
        write(target_folder("torn://out"), {"a.csv": "1", "b.csv": "2", "datapackage.json": "3"})
    assert str(caught.value) == (
        "torn://out cannot be brought up to date: the cable is cut\n"
        "  it is a mixture until the flow is run again\n  new: a.csv\n  not yet: b.csv, datapackage.json"
    )
    assert read(fsspec.filesystem("torn")) == {"/out/a.csv": "1"}


def test_the_working_directory_does_not_move_a_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = target_folder("out").planned()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(target, {"a.csv": "1"})
    assert (tmp_path / "out" / "a.csv").read_text() == "1"
    assert target.shown("a.csv") == str(Path("out") / "a.csv")


@pytest.mark.parametrize(
    ("given", "folder", "name"),
    [
        ("s3://b/x.zip", "s3://b", "x.zip"),
        ("sftp://me:pw@host/x.zip", "sftp://me:***@host", "x.zip"),
        ("memory:///x.zip", "memory://", "x.zip"),
        ("memory://x.zip", "memory://", "x.zip"),
    ],
)
def test_a_file_in_a_store(given, folder, name):
    target, found = target_file(given)
    assert (target.shown(), found) == (folder, name)


def test_a_file_in_the_root_of_a_store_is_found_again():
    fsspec.filesystem("memory").pipe("/found-again.txt", b"12345")
    target, name = target_file("memory://found-again.txt")
    assert target.shown(name) == "memory://found-again.txt"
    assert target.size(name) == 5
    with target.open(name) as stream:
        assert stream.read() == b"12345"


@pytest.mark.parametrize(
    "given", ["s3://b", "s3://b/", "s3://", "https://example.org/x.zip", "", "s3://b/x/", "a/.."]
)
def test_what_names_no_file(given):
    with pytest.raises(FlowError):
        target_file(given)


def test_a_file_system_that_is_not_there():
    with pytest.raises(FlowError, match=r"no file system knows s33://b.*did you mean s3://"):
        target_folder("s33://b/out").planned()
    with pytest.raises(AccessError, match="pip install ocifs"):
        target_folder("oci://b/out").planned()


def test_secrets_at_any_depth():
    options = {"client": {"api_key": "k3yk3y", "region": "eu"}, "tokens": ["t0k3n"], "user": "me"}
    text = "me in eu with k3yk3y, t0k3n and p@ss, p%40ss"
    assert without_secrets(text, "sftp://me:p%40ss@host/", options) == "me in eu with ***, *** and ***, ***"


def test_storage_options_are_values_by_name():
    with pytest.raises(FlowError, match="storage_options must be values by name"):
        target_folder("s3://b/out", "key=k3yk3y")


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path):
    with pytest.raises(FlowError, match="is a folder; name a file in it"):
        target_file(tmp_path)
    file = tmp_path / "ty.csv"
    file.write_text("theirs")
    for folder in (file, file / "deeper"):
        with pytest.raises(AccessError, match=r"ty\.csv is a file and not a folder$"):
            target_folder(folder).begin()
    assert file.read_text() == "theirs"
