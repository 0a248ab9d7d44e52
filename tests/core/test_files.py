"""Local files: paths, patterns, limits, and what messages say of a file that is not there."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source, expand, open_source, read_bytes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("b.csv", "a.csv", "sub/c.csv", "x[1].csv"):
        (tmp_path / name).write_text(name)
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("data/a[1].csv", "in zip")
    return tmp_path


def test_patterns_are_in_order_of_name_and_brackets_in_a_name_are_none(folder: Path) -> None:
    def paths(pattern):
        return [Path(source.path).name for source in expand(pattern)]

    assert paths("[ab].csv") == ["a.csv", "b.csv"]
    assert paths(folder / "**/c*.csv") == ["c.csv"]
    assert paths("x[1].csv") == ["x[1].csv"]
    assert paths(["b.csv", "[ab].csv"]) == ["b.csv", "a.csv", "b.csv"]
    assert paths((folder / "a.csv").as_uri()) == ["a.csv"]


def test_only_the_zip_file_is_a_pattern_and_not_what_is_in_it(folder: Path) -> None:
    (source,) = expand("zip://data/a[1].csv::a*.zip")
    with source.open() as stream:
        assert stream.read() == b"in zip"
    assert source.shown == "data/a[1].csv in all.zip"
    assert read_bytes(f"zip://data/a[1].csv::{folder / 'all.zip'}") == b"in zip"


@pytest.mark.parametrize(
    ("path", "message", "kind"),
    [
        ("c.csv", "there is no file 'c.csv'; did you mean (a|b|sub/)", AccessError),
        ("*.tsv", r"no file matches \*.tsv\n  looked for it from ", AccessError),
        ("nowhere/x.csv", "its folder 'nowhere' is not there either", AccessError),
        (".", "is a folder", AccessError),
        (7, "not int", FlowError),
        ([], "no path in the list", FlowError),
        ({}, "not dict", FlowError),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_told_in_words(path, message: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=message):
        [source.check() for source in expand(path)]


def test_a_limit_is_kept_also_where_a_file_unpacks_to_more(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with ZipFile(path, "w", 8) as archive:
        archive.writestr("bomb", bytes(50 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableError, match=r"bomb in .* is longer than 1,000 bytes"):
        read_bytes(f"zip://bomb::{path}", limit=1000)
    (tmp_path / "b").write_bytes(bytes(1000))
    assert len(read_bytes(tmp_path / "b", limit=1000)) == 1000


def test_the_bytes_are_those_that_lie_there(tmp_path: Path) -> None:
    import gzip

    packed = gzip.compress(b"text")
    (tmp_path / "a.gz").write_bytes(packed)
    with open_source(tmp_path / "a.gz") as stream:
        assert stream.read() == packed
    with Source(str(tmp_path / "a.gz")).open() as stream:
        assert stream.read() == b"text"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cache": "yes"}, "cache='yes' must be True or False"),
        ({"max_size": "1MB"}, "max_size='1MB' must be a number of bytes"),
        ({"max_size": 1.5}, "max_size=1.5 must be a number of bytes"),
        ({"storage_options": "topsecret"}, "values by name, .* and is a str"),
        ({"storage_options": {1: "topsecret"}}, "must be texts, and one is a int"),
    ],
)
@pytest.mark.parametrize("open_it", [expand, Source.of])
def test_what_is_given_beside_a_path_is_checked(open_it, given, message, folder: Path) -> None:
    with pytest.raises(FlowError, match=message) as caught:
        open_it("a.csv", **given)
    assert "topsecret" not in str(caught.value)
