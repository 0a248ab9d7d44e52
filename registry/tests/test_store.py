from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from dataflows_core.errors import AccessError, FlowError
from dataflows_registry.store import ConfiguredIndex, Store, replacing, write_atomically


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def test_a_new_user_has_no_indexes(store):
    assert store.indexes() == []


def test_indexes_keep_the_order_of_their_priority(store):
    store.add(ConfiguredIndex("house", "/wheels"))
    store.add(ConfiguredIndex("world", "https://example.org/simple"))
    store.add(ConfiguredIndex("mine", "/mine", ("acme-*",)), first=True)

    assert [index.name for index in Store(store.root).indexes()] == ["mine", "house", "world"]
    assert store.pinned("acme-load") == "mine"
    assert store.pinned("dataflows-load") is None


def test_pins_replace_pins(store):
    store.add(ConfiguredIndex("house", "/wheels", ("a-*",)))
    store.pin("house", ["b-*"])

    assert (store.pinned("a-x"), store.pinned("b-x")) == (None, "house")


def test_removing_forgets_the_index_and_what_is_kept_of_it(store):
    store.add(ConfiguredIndex("house", "/wheels"))
    folder = store.index_folder("house")
    folder.mkdir(parents=True)
    (folder / "index.json").write_text("{}")
    store.remove("house")

    assert store.indexes() == []
    assert not folder.exists()


@pytest.mark.parametrize("name", ["installed", "bundled", "..", "a/b", "", "Upper", "x" * 65, ".hidden"])
def test_names_that_cannot_be_folders_or_are_taken_are_refused(store, name):
    with pytest.raises(FlowError):
        store.add(ConfiguredIndex(name, "/wheels"))


def test_a_name_is_added_once(store):
    store.add(ConfiguredIndex("house", "/wheels"))
    with pytest.raises(FlowError, match="index update house"):
        store.add(ConfiguredIndex("house", "/other"))


def test_an_unknown_name_is_told_with_near_misses(store):
    store.add(ConfiguredIndex("house", "/wheels"))
    with pytest.raises(FlowError, match="did you mean house"):
        store.remove("hose")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"indexes": [1]}',
        '{"indexes": [{}]}',
        '{"indexes": [{"name": 1, "source": "b"}]}',
        '{"indexes": [{"name": "../x", "source": "y"}]}',
        '{"indexes": [{"name": "a", "source": "b", "pins": "c"}]}',
    ],
)
def test_a_damaged_configuration_is_an_error_that_names_the_file(store, content):
    store.config_folder.mkdir(parents=True)
    store.config_file.write_text(content)
    with pytest.raises(FlowError, match=r"registry\.json cannot be understood"):
        store.indexes()


def test_the_platform_s_folders_are_honoured(monkeypatch, tmp_path):
    monkeypatch.delenv("DATAFLOWS_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    store = Store()

    assert store.config_folder == tmp_path / "CONFIG" / "dataflows"
    assert store.index_folder("x") == tmp_path / "DATA" / "dataflows" / "indexes" / "x"
    assert store.cache_folder == tmp_path / "CACHE" / "dataflows"
    monkeypatch.setenv("DATAFLOWS_HOME", str(tmp_path / "all"))
    assert Store().config_file == tmp_path / "all" / "config" / "registry.json"


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_an_access_error(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(AccessError, match="cannot be written"):
        write_atomically(tmp_path / "file", "text")
    tmp_path.chmod(stat.S_IRWXU)


def test_a_file_in_the_place_of_a_folder_is_an_access_error(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(AccessError, match="cannot be read"):
        Store(tmp_path / "home").indexes()
    with pytest.raises(AccessError, match="cannot be written"):
        Store(tmp_path / "home").add(ConfiguredIndex("house", "/wheels"))
    with pytest.raises(AccessError, match="cannot be written"):
        write_atomically(tmp_path / "home" / "file", "text")


def test_a_written_file_is_readable_by_whom_the_user_lets_read(tmp_path):
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "file", "x")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_processes_that_add_indexes_at_once_lose_none(store):
    code = (
        "import sys; from dataflows_registry.store import *; store = Store(sys.argv[1])\n"
        "for number in range(10): store.add(ConfiguredIndex(f'{sys.argv[2]}{number}', 'installed'))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(store.root), name]) for name in "abc"]
    assert [one.wait() for one in running] == [0, 0, 0]
    assert {index.name for index in store.indexes()} == {f"{name}{n}" for name in "abc" for n in range(10)}


def test_an_index_is_read_by_one_process_at_a_time(store):
    held = store.reading("house")
    with held, pytest.raises(AccessError, match="another process is at it"), store.reading("house"):
        pass
    with store.reading("house"):
        pass


def test_pins_are_compared_as_names_are(store):
    store.add(ConfiguredIndex("house", "x", pins=("Acme_*",)))
    assert store.pinned("acme-flows") == "house"


def test_the_configuration_is_readable_json(store):
    store.add(ConfiguredIndex("house", "/wheels"))

    assert json.loads(store.config_file.read_text()) == {
        "indexes": [{"name": "house", "source": "/wheels", "pins": [], "extras": []}]
    }
