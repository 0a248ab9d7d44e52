"""`load`: which loader it finds, what it passes on, and what it says when there is none."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from dataflows_core import Flow, discovery, load
from dataflows_core.errors import AccessError, FlowError, ProcessorError, UnreadableError

LOADER = '''
from __future__ import annotations
def load_tiny(load_source, name=None, limit_rows=None, *, member=None):
    """Rows that tell what the loader was given."""
    def step(package):
        from dataflows_core.inline import rows_stream
        from dataflows_core.resource import Resource
        row = {"source": str(load_source), "limit": limit_rows or 0, "member": member or "", "by": __name__}
        package.add(Resource(name or "tiny", rows_stream([row])))
    return step
'''


@pytest.fixture(autouse=True)
def _no_fallback(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the fallback loader that may be installed here."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "dataflows_load_tabulator-0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    discovery.refresh()


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Install a tiny distribution with a loader under some names."""

    def install(distribution: str, *names: str, group: str = "dataflows.loaders", code: str = LOADER) -> None:
        folder = tmp_path_factory.mktemp("site")
        module = distribution.replace("-", "_")
        info = folder / f"{module}-1.2.dist-info"
        info.mkdir()
        (folder / f"{module}.py").write_text(code)
        lines = [f"{name} = {module}:load_tiny" for name in names]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
        discovery.refresh()

    yield install
    discovery.refresh()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(*arguments, **options) -> dict:
    """What a tiny loader was given."""
    ((row,),) = Flow(load(*arguments, **options)).results().rows
    return row


def zip_of(path: Path, *names: str) -> Path:
    with ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x\n1\n")
    return path


def test_the_ending_says_the_format_whatever_its_case_and_behind_a_compression(install, folder: Path) -> None:
    install("dataflows-tiny-a", "tiny")
    for name in ("a.tiny", "b.TINY", "c.tiny.gz", "d.x.tiny.ZST"):
        (folder / name).write_bytes(gzip.compress(b""))
        assert told(name)["source"] == name
    assert told(["a.tiny", "b.TINY"])["source"] == "['a.tiny', 'b.TINY']"
    for pattern in ("*.tiny", "?.tiny", "[ab].tiny"):
        assert told(pattern)["source"] == pattern


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a.tiny?raw=1&x=a.csv", "http://example.org/a.tiny.gz#top", "s3://bucket/a.tiny"],
)
def test_of_a_url_the_path_counts(install, url: str) -> None:
    install("dataflows-tiny-b", "tiny")
    assert told(url)["source"] == url


def test_the_scheme_goes_before_the_ending_and_a_given_format_before_both(install, folder: Path) -> None:
    install("dataflows-tiny-c", "tiny", "vault")
    install("dataflows-tiny-other", "other")
    assert told("vault://keys/a.other")["by"] == "dataflows_tiny_c"
    assert told("vault://keys/a.tiny", format="other")["by"] == "dataflows_tiny_other"
    (folder / "a.tiny").touch()
    assert told("a.tiny", format="OTHER")["by"] == "dataflows_tiny_other"
    assert told("not/there.tiny", format="tiny-other.other")["by"] == "dataflows_tiny_other"


def test_the_files_in_a_zip_file_say_its_format(install, folder: Path) -> None:
    install("dataflows-tiny-d", "tiny")
    assert told(zip_of(folder / "a.zip", "data/x.tiny", "README.md"))["source"].endswith("a.zip")
    assert told(zip_of(folder / "b.zip", "x.csv", "y.tiny"), member="y.tiny")["member"] == "y.tiny"
    assert told(f"zip://y.tiny::{folder / 'b.zip'}")["source"].startswith("zip://y.tiny::")
    assert told(zip_of(folder / "c.tiny.zip", "x"))["source"].endswith("c.tiny.zip")
    with pytest.raises(ProcessorError, match=r"tried the ending in the zip file 'md'"):
        told(zip_of(folder / "d.zip", "README.md"))


def test_options_are_passed_on_and_checked(install, folder: Path) -> None:
    install("dataflows-tiny-e", "tiny")
    (folder / "a.tiny").touch()
    assert told("a.tiny", limit_rows=3)["limit"] == 3
    assert Flow(load("a.tiny", "mine")).results().package.names == ["mine"]
    with pytest.raises(ProcessorError, match="no option 'limit_row'; did you mean limit_rows") as caught:
        told("a.tiny", limit_row=3)
    assert isinstance(caught.value.cause, FlowError)
    assert "its options: name, limit_rows, member" in str(caught.value)
    with pytest.raises(ProcessorError, match="no option 'resources'"):
        told("a.tiny", resources="x")


def test_a_variable_of_the_environment_names_the_source(install, folder: Path, monkeypatch) -> None:
    install("dataflows-tiny-f", "tiny")
    (folder / "a.tiny").touch()
    monkeypatch.setenv("TINY_SOURCE", str(folder / "a.tiny"))
    assert told("env://TINY_SOURCE")["source"] == str(folder / "a.tiny")
    monkeypatch.delenv("TINY_SOURCE")
    with pytest.raises(ProcessorError, match="variable 'TINY_SOURCE' is not set") as caught:
        told("env://TINY_SOURCE")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (
            "a.txt",
            {},
            r"reads 'a.txt': tried the ending 'txt' and the content, which is text .*\n  .*datapackage",
        ),
        ("a", {}, r"reads 'a': tried the ending \(there is none\) and the content, which is a PDF document"),
        ("a.txt", {"format": "tny"}, r"tried the format 'tny'\n.*\n  did you mean format='tiny'\?"),
        (
            "nosuch://x/a.txt",
            {},
            r"tried the scheme 'nosuch', the ending 'txt' and the content, which cannot be read \(",
        ),
        (["a.txt", "b.txt"], {}, "reads 2 paths: tried the ending 'txt'"),
        ("*.txt", {}, r"reads '\*.txt': tried the ending 'txt' and the content, which is text"),
    ],
)
def test_a_source_that_nobody_reads(install, folder: Path, source, options: dict, message: str) -> None:
    install("dataflows-tiny-g", "tiny")
    for name, text in (("a.txt", "prose\n"), ("a", "%PDF-1.7"), ("b.txt", "")):
        (folder / name).write_text(text)
    with pytest.raises(ProcessorError, match=message) as caught:
        told(source, **options)
    assert isinstance(caught.value.cause, UnreadableError)
    assert "tiny" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.txt", "there is no file 'none.txt'"),
        ("nowhere/a.txt", "its folder 'nowhere' is not there either"),
        ("none.zip", "there is no file 'none.zip'"),
        ("datapackage.json", "there is no file .*datapackage.json"),
        ("empty", "the folder 'empty' holds no datapackage.json$"),
        ("tables", r"holds no datapackage.json; to load the files in it, write 'tables/\*.csv'"),
        ("yaml", "holds no datapackage.json, but datapackage.yml"),
    ],
)
def test_a_source_that_is_not_there(folder: Path, source: str, message: str) -> None:
    for name in ("empty", "tables/sub", "yaml"):
        (folder / name).mkdir(parents=True)
    for name in ("tables/a.csv", "tables/b.md", "yaml/datapackage.yml"):
        (folder / name).touch()
    with pytest.raises(ProcessorError, match=message) as caught:
        told(source)
    assert isinstance(caught.value.cause, AccessError)


@pytest.mark.parametrize("source", [7, None, [], [{"a": 1}], b"a.csv", {"a": 1}])
def test_what_is_no_path_is_refused_when_the_flow_is_written(source) -> None:
    with pytest.raises(FlowError, match=r"load\(\) takes a path, a URL or a list of them, not"):
        load(source)


def test_the_fallback_is_asked_last_and_two_of_them_are_ambiguous(install, folder: Path) -> None:
    install("dataflows-tiny-h", "tiny")
    install("dataflows-tiny-any", "any", group="dataflows.loaders.fallback")
    for name in ("a.tiny", "a.txt"):
        (folder / name).touch()
    assert told("a.tiny")["by"] == "dataflows_tiny_h"
    assert told("a.txt")["by"] == "dataflows_tiny_any"
    with pytest.raises(ProcessorError, match="tried the format 'txt'"):
        told("a.txt", format="txt")
    install("dataflows-tiny-most", "most", group="dataflows.loaders.fallback")
    with pytest.raises(ProcessorError, match=r"tiny-any.any\n.*tiny-most.most"):
        told("a.txt")


BRINGING = LOADER.replace("member=None", "member=None, custom_parsers=None")


def test_whoever_brings_parsers_wants_the_fallback(install, folder: Path) -> None:
    install("dataflows-tiny-k", "tiny")
    install("dataflows-tiny-brought", "any", group="dataflows.loaders.fallback", code=BRINGING)
    (folder / "a.tiny").touch()
    assert told("a.tiny")["by"] == "dataflows_tiny_k"
    assert told("a.tiny", custom_parsers={"tiny": object})["by"] == "dataflows_tiny_brought"


@pytest.mark.parametrize("page", ["/edit?usp=sharing#gid=7", "/edit", ""])
def test_a_page_of_a_google_sheet_has_a_loader_of_its_own(install, page: str) -> None:
    install("dataflows-tiny-sheet", "gsheet")
    sheet = "https://docs.google.com/spreadsheets/d/1AbC-x_9"
    assert told(sheet + page)["source"] == sheet + page


def test_two_loaders_of_one_format_are_ambiguous_and_long_names_help(install, folder: Path) -> None:
    install("dataflows-tiny-i", "tiny")
    install("dataflows-tiny-j", "tiny")
    (folder / "a.tiny").touch()
    with pytest.raises(ProcessorError, match=r"tiny-i.tiny\n.*tiny-j.tiny"):
        told("a.tiny")
    assert told("a.tiny", format="tiny-j.tiny")["by"] == "dataflows_tiny_j"


def test_nothing_is_touched_before_the_flow_is_planned(folder: Path) -> None:
    load("not/there.csv")
    load("env://NOT_SET")
    assert list(folder.iterdir()) == []


def test_where_no_ending_says_it_the_content_does(install, folder: Path) -> None:
    install("dataflows-tiny-k", "avro", "orc")
    for name in ("a", "b.txt", "c.data", "d.bin", "e.download", "f.txt.gz", "g.avro.old"):
        (folder / name).write_bytes(gzip.compress(b"ORC\0") if name == "f.txt.gz" else b"Obj\x01")
        assert told(name)["source"] == name
    assert told(["a", "f.txt.gz"])["source"] == "['a', 'f.txt.gz']"
    assert told("[ab]*")["source"] == "[ab]*"


def test_where_the_ending_is_known_the_content_is_not_asked(install, folder: Path) -> None:
    install("dataflows-tiny-l", "tiny", "html")
    install("dataflows-tiny-m", "other")
    (folder / "a.other").write_text("<html>")
    assert told("a.other")["by"] == "dataflows_tiny_m"
    assert told("https://127.0.0.1:1/a.other")["by"] == "dataflows_tiny_m"


def test_of_a_url_without_an_ending_the_content_decides(install, server: str) -> None:
    install("dataflows-tiny-n", "avro")
    for path in ("avro", "avro?id=3", "avro.php", "avro.download#x"):
        assert told(f"{server}/{path}")["source"] == f"{server}/{path}"
    with pytest.raises(ProcessorError, match="no option 'storage_options'"):
        told(f"{server}/avro", storage_options={"Authorization": "Bearer 123"})
    with pytest.raises(ProcessorError, match="404 Not Found") as caught:
        told(f"{server}/avro", storage_options={"Authorization": "wrong"})
    assert isinstance(caught.value.cause, AccessError)


def test_a_zip_file_without_its_ending_is_a_data_package_or_what_is_in_it(install, folder: Path) -> None:
    install("dataflows-tiny-o", "tiny")
    with ZipFile(folder / "package", "w") as archive:
        archive.writestr("datapackage.json", '{"resources": [{"name": "r", "data": [{"n": 1}]}]}')
    assert Flow(load("package")).results().rows == [[{"n": 1}]]
    assert Flow(load("package", "mine")).results().package.names == ["mine"]
    assert told(zip_of(folder / "b", "x.tiny", "README.md"))["source"].endswith("b")
    with pytest.raises(ProcessorError, match=r"which is a zip file that holds a\.md, b\.md"):
        told(zip_of(folder / "c", "a.md", "b.md"))


def test_of_a_format_that_is_not_installed_the_content_says_which(install, folder: Path) -> None:
    install("dataflows-tiny-p", "tiny")
    (folder / "a.txt").write_bytes(b"Obj\x01")
    with pytest.raises(ProcessorError, match="and the content, which is an Avro file\n") as caught:
        told("a.txt")
    assert isinstance(caught.value.cause, UnreadableError)


FAILING = '''
from __future__ import annotations
from dataflows_core.errors import DataError
def load_tiny(load_source, name=None, *, format=None):
    """Reads nothing."""
    def step(package):
        raise DataError(f"{load_source} is beyond me, as {format}")
    return step
'''


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ORC\0", "but it is an ORC file; write format='orc'\n  load_tiny says: a.tiny is beyond me"),
        (b"\x89HDF\r\n", "but it is an HDF5 file, and no loader for 'hdf5' is installed"),
        (b"%PDF-1.7", "but it is a PDF document\n  load_tiny says"),
        (b"prose", "^step 1, load:\n  a.tiny is beyond me, as None$"),
        (b"\x1f\x8b\x08torn", "^step 1, load:\n  a.tiny is beyond me, as None$"),
        (b"Obj\x01", "^step 1, load:\n  a.tiny is beyond me, as None$"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says(install, folder: Path, content: bytes, message: str) -> None:
    install("dataflows-tiny-q", "tiny", "avro", code=FAILING)
    install("dataflows-tiny-r", "orc")
    (folder / "a.tiny").write_bytes(content)
    with pytest.raises(ProcessorError, match=message) as caught:
        told("a.tiny")
    assert caught.value.exit_code == 1
    with pytest.raises(ProcessorError, match=r"^step 1, load:\n  a.tiny is beyond me, as None$"):
        told("a.tiny", format="tiny")


def test_when_the_fallback_fails_it_is_said_what_was_tried_before(install, folder: Path) -> None:
    install("dataflows-tiny-s", "tiny")
    install("dataflows-tiny-all", "all", group="dataflows.loaders.fallback", code=FAILING)
    (folder / "a.dbf").write_bytes(b"\x03\x7c\0\0")
    tried = (
        r"reads 'a.dbf': tried the ending 'dbf' and the content, which is binary, and begins .* 03 7c 00 00\n"
    )
    with pytest.raises(ProcessorError, match=rf"{tried}(.*\n)*  load_tiny says: a.dbf is beyond me, as None"):
        told("a.dbf")
    with pytest.raises(ProcessorError, match=r"tried the format 'gsheet'\n(.*\n)*  .*beyond me, as gsheet"):
        told("https://127.0.0.1:1/x", format="gsheet")
