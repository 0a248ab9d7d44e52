from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dataflows_core.errors import AccessError, DataError, FlowError
from dataflows_registry.index import Index, bundled_index
from dataflows_registry.index.build import build_index
from dataflows_registry.sources import open_source
from dataflows_registry.sources.wheels import WheelFolder

REGISTRY = Path(__file__).resolve().parents[1]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "validators.json"
    }


def test_the_bundled_index_is_up_to_date(own_wheels, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bundle; from pathlib import Path; "
        "bundle.build(Path(sys.argv[3]), Path(sys.argv[2])); print(*bundle.differences(Path(sys.argv[3])))"
    )
    words = [sys.executable, "-c", code, str(REGISTRY), str(own_wheels), str(tmp_path / "index")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "", "renew it: python registry/bundle.py --write"


def test_the_bundled_index_is_whole():
    from dataflows_registry.search.reader import Filters, Head

    folder = bundled_index()
    index = Index(folder)
    names = {processor.name for one in index.distributions() for processor in one.latest.processors}
    assert {"load", "load_csv", "dump_to_path", "filter_rows"} <= names
    assert index.root()["sources"] == []
    with closing(Head(folder / "head.sqlite", "bundled")) as head:
        found = {one.name for name in ("load", "loadcsv") for one in head.named(name, Filters(), 10)}
    assert {"load", "load_csv"} <= found


def test_the_same_wheels_give_the_same_bytes(few_wheels, tmp_path):
    build_index([WheelFolder(few_wheels)], tmp_path / "one", name="x")
    build_index([WheelFolder(few_wheels)], tmp_path / "two", name="x")

    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_processes_give_the_same_bytes(make_wheel, tmp_path, monkeypatch):
    monkeypatch.setattr("dataflows_registry.sources.wheels._ENOUGH_FOR_PROCESSES", 2)
    for number in range(6):
        make_wheel(f"dataflows-shout{number}")

    build_index([WheelFolder(tmp_path / "wheels", workers=1)], tmp_path / "one")
    build_index([WheelFolder(tmp_path / "wheels", workers=2)], tmp_path / "two")

    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert len(Index(tmp_path / "one").names()) == 6


def test_an_index_brought_up_to_date_is_the_index_built_anew(make_wheel, tmp_path):
    make_wheel(), make_wheel(version="1.1")
    gone = make_wheel("dataflows-gone")
    wheels = [WheelFolder(tmp_path / "wheels")]
    build_index(wheels, tmp_path / "old")
    gone.unlink()
    make_wheel(version="1.10")
    make_wheel(files={"dataflows_shout.py": "def shout():\n    '''Again.'''\n"})

    built = build_index(wheels, tmp_path / "old")
    build_index(wheels, tmp_path / "new")

    assert (built.changed, built.gone) == (["dataflows-shout"], ["dataflows-gone"])
    assert bytes_of(tmp_path / "old") == bytes_of(tmp_path / "new")
    releases = Index(tmp_path / "new").distribution("dataflows-shout").releases
    assert [release.version for release in releases] == ["1.10", "1.1", "1.0"]
    assert releases[2].processors[0].summary == "Again."


def test_the_root_lists_every_file_with_its_hash(make_wheel, tmp_path):
    make_wheel()
    build_index([WheelFolder(tmp_path / "wheels")], tmp_path / "index", name="mine")

    root = json.loads((tmp_path / "index" / "index.json").read_text())
    entry = root["distributions"]["dataflows-shout"]
    assert (root["format"], root["name"]) == (1, "mine")
    assert root["sources"] == [str(tmp_path / "wheels")]
    assert (entry["latest"], entry["summary"]) == ("1.0", "Shouts.")
    listed = {entry["file"]: entry["sha256"], **root["files"]}
    for path, sha256 in listed.items():
        assert hashlib.sha256((tmp_path / "index" / path).read_bytes()).hexdigest() == sha256
    assert set(listed) | {"index.json"} == set(bytes_of(tmp_path / "index"))


def test_of_a_release_in_two_sources_the_first_counts(make_wheel, tmp_path):
    make_wheel(folder=tmp_path / "a")
    other = make_wheel(
        files={"dataflows_shout.py": "def shout():\n    '''Other.'''\n"}, folder=tmp_path / "b"
    )
    make_wheel(version="2.0", folder=tmp_path / "b")

    built = build_index([open_source(str(tmp_path / name)) for name in "ab"], tmp_path / "index")

    found = Index(tmp_path / "index").distribution("dataflows-shout")
    assert [release.version for release in found.releases] == ["2.0", "1.0"]
    assert found.releases[1].processors[0].summary == "Write a field in capitals."
    assert built.problems == [
        f"{tmp_path / 'b'}: {other.name} differs from the file of that name in a source before it"
    ]


def test_a_damaged_wheel_is_named_and_the_others_are_there(make_wheel, tmp_path):
    make_wheel()
    (tmp_path / "wheels" / "dataflows_broken-1.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 no")
    make_wheel("dataflows-liar").rename(tmp_path / "wheels" / "dataflows_core-1.0-py3-none-any.whl")

    built = build_index([WheelFolder(tmp_path / "wheels")], tmp_path / "index")

    assert Index(tmp_path / "index").names() == ["dataflows-shout"]
    assert len(built.problems) == 2
    assert "dataflows_broken-1.0-py3-none-any.whl is damaged" in built.problems[0]
    assert "dataflows_core-1.0-py3-none-any.whl has no folder of metadata" in built.problems[1]


def test_a_folder_with_other_things_is_refused(make_wheel, tmp_path):
    make_wheel()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear")

    with pytest.raises(FlowError, match="is not empty, and holds no index"):
        build_index([WheelFolder(tmp_path / "wheels")], tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["letter.txt"]


def test_what_a_killed_build_left_is_taken_up_again(make_wheel, tmp_path):
    make_wheel()
    sources = [WheelFolder(tmp_path / "wheels")]
    build_index(sources, tmp_path / "whole")
    build_index(sources, tmp_path / "killed")
    (tmp_path / "killed" / "index.json").unlink()  # written last
    (tmp_path / "killed" / ".head.sqlite.0123456789ab").write_bytes(b"half")

    build_index(sources, tmp_path / "killed")

    assert (tmp_path / "killed" / "index.json").read_bytes() == (
        tmp_path / "whole" / "index.json"
    ).read_bytes()


def test_a_folder_of_wheels_named_dist_is_no_half_index(make_wheel, tmp_path):
    wheel = make_wheel(folder=tmp_path / "project" / "dist")
    with pytest.raises(FlowError, match="holds no index"):
        build_index([WheelFolder(wheel)], tmp_path / "project")


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AccessError, match=r"cannot be written: .*file is no folder"):
        build_index([], tmp_path / "file" / "index")


def test_an_index_that_is_none_is_refused(tmp_path):
    with pytest.raises(FlowError, match="there is no index"):
        Index(tmp_path).root()
    (tmp_path / "index.json").write_text('{"format": 2, "distributions": {}}')
    with pytest.raises(DataError, match="has the format 2; this registry reads 1"):
        Index(tmp_path).names()
    assert Index(tmp_path).distribution("../x") is None
