"""Metadata, entry points, sources and archives as an enemy would write them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import unicodedata
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dataflows_core.errors import DataError
from dataflows_registry.describe import describe
from dataflows_registry.describe import objects as _objects  # noqa: F401 - so that no example waits for the parser
from dataflows_registry.describe.files import MAX_MEMBER, Sdist, Wheel
from dataflows_registry.model import Distribution, File, Release, dumps, loads
from dataflows_registry.sources import Memory, Reading
from dataflows_registry.sources.published import PublishedIndex
from dataflows_registry.sources.wheels import describe_file

METADATA = b"Metadata-Version: 2.3\nName: dataflows-x\nVersion: 1.0\nSummary: X\n"
ENTRIES = "[dataflows.processors]\ngo = x:go\n"


class Files:
    """Files of a distribution that are nowhere."""

    def __init__(self, metadata=METADATA, entries=ENTRIES, sources=None) -> None:
        self.parts = metadata, entries, sources or {}

    def metadata(self) -> bytes:
        return self.parts[0]

    def entry_points(self) -> str:
        return self.parts[1]

    def source(self, path: str) -> bytes | None:
        return self.parts[2].get(path)


def harmless(release: Release) -> None:
    """What is described is what is read again, and has no character that is not seen."""
    text = dumps(release)
    assert Release.from_json(loads(text, "x")) == release
    text.encode()
    bad = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs")} - {"\n"}
    assert not {char for char in bad if char not in "\t\x85"}, bad


PIECES = st.sampled_from(
    [
        "def go(", "a", "*", "**k", ": int", " = 5", ")", ":", " -> Source", "\n", "    ", '"""', "'",
        "Args:",
        "Examples:", ">>> ", "```", "Raises:", "x: y", "class go:", "@", "lambda: 0", "[", "]", "{", "}", "(",
        "from . import go", "from .x import go as go", "go = go", "import x", "async ", "match x:", "\\",
        "\x1b[31m", "\u202e", "\u200b", "\0", "\x0c", "é", "\ud800", "1e999", "0x", "f'{x!r:>{w}}'", "...",
        "type T = T", "Literal['a\\x1b']", "= '\\u202e'", "global go", "step", "package.add(1)", "self.go()",
        "# coding: rot13\n", "# coding: latin-1\n", ";", "yield", "await ", ":=", "|", "not ", "-",
        "__init__",
        "@dataclass\nclass go:\n    a: int = 1\n", "if 1:\n    ", "try:\n    ",
        "def step(package):\n        ",
    ]
)  # fmt: skip
SOURCES = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40)


@given(SOURCES, st.sampled_from(["x.py", "x/__init__.py"]))
@example('def go(a=1e999, b="\\ud800", c="\\x1b", d=b"x", e=(1,), f={1: 2}, g=1j): "\\x1b[0m"', "x.py")
@example("def go(a: 'Literal[\"\\x1b\"]', b: Literal['\\u202e']): '''x'''", "x.py")
@example("def go():\n  '''X\n\n  Raises:\n    \x1b: \u202e\n  Examples:\n    >>> \x1b\n  '''", "x.py")
@settings(max_examples=300)
def test_hostile_sources_are_described_or_reported(text, path):
    release = describe(Files(sources={path: text.encode("utf-8", "surrogatepass")}), "x")

    harmless(release)
    assert [one.name for one in release.processors] == ["go"]
    for problem in release.processors[0].problems:
        assert "x" in problem


@given(st.binary(max_size=60))
def test_bytes_that_are_no_source_are_reported_with_the_file(content):
    release = describe(Files(sources={"x.py": content}), "x")

    harmless(release)
    assert release.processors[0].problems


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 200 + ")" * 200, "x = " + "[" * 5000, "x" + ".y" * 20_000,
        "x = " + "1+" * 20_000 + "1",
        "def go():" + "\n".join(" " * n + "if 1:" for n in range(1, 120)), "go = " + "lambda: " * 3000 + "0",
        "\n".join(f"def f{n}(): ..." for n in range(5000)), "# coding: unknown\ndef go(): ...",
        "def go(" + ",".join(f"a{n}: int = {n}" for n in range(3000)) + "): ...",
        "def go():\n    '''" + "Args:\n        x: y\n\n    " * 2000 + "'''",
        "def go():\n    '''X.\n\n    Examples:\n" + "        ```\n" * 3001 + "    '''",
    ],
)  # fmt: skip
def test_sources_made_to_exhaust_are_described_or_reported(text):
    release = describe(Files(sources={"x.py": text.encode()}), "x")

    harmless(release)
    assert release.processors


LINES = st.lists(
    st.sampled_from(["Name", "Version", "Summary", "License", "Keywords", "Requires-Dist", "Project-URL",
                     "Home-page", "Requires-Python", "Classifier", "X", ""]).flatmap(
        lambda key: st.text(max_size=20).map(lambda value: f"{key}: {value}")
    ) | st.text(max_size=20),
    max_size=8,
)  # fmt: skip


@given(LINES, st.booleans(), st.binary(max_size=10))
@example(["Project-URL: a\x1b[0m, https://x.org", "License: MIT\u202e", "Keywords: \u200b,a"], True, b"")
def test_hostile_metadata_are_read_or_refused(lines, named, tail):
    start = METADATA if named else b""
    content = start + "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n" + tail
    with suppress(DataError):
        harmless(describe(Files(metadata=content, entries=""), "x"))


@given(
    st.lists(
        st.sampled_from(
            ["[dataflows.processors]", "[dataflows.loaders]", "[dataflows.writers]", "[other]", "["]
        )
        | st.tuples(st.text(max_size=8), st.sampled_from(["=", " = ", ""]), st.text(max_size=12)).map("".join)
        | st.sampled_from(
            ["a=x:go", "b = ..x:go", "c = x:go.go.go", "d=/etc/passwd:x", "e=x:", "f=:x", "go=x"]
        ),
        max_size=10,
    )
)
@example(["[dataflows.processors]", "\x1b[31mred\u202e = x:\x1b[0m"])
def test_hostile_entry_points_are_described_or_reported(lines):
    files = Files(entries="\n".join(lines), sources={"x.py": b"def go(): ..."})

    release = describe(files, "x")

    harmless(release)


def a_wheel(members=None, name="dataflows_x-1.0") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.dist-info/METADATA", METADATA)
        archive.writestr(f"{name}.dist-info/entry_points.txt", ENTRIES)
        archive.writestr("x.py", "def go() -> Step: '''Goes.'''\n")
        for path, text in (members or {}).items():
            archive.writestr(path, text)
    return content.getvalue()


WHEEL = a_wheel()


@given(
    st.lists(st.tuples(st.integers(0, len(WHEEL) - 1), st.integers(0, 255)), max_size=6), st.integers(0, 200)
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_wheels_are_read_or_refused_with_their_name(changes, cut):
    content = bytearray(WHEEL)
    for position, value in changes:
        content[position] = value
    if cut < 100:
        del content[len(content) - cut :]
    try:
        harmless(describe_file(io.BytesIO(bytes(content)), "dataflows_x-1.0-py3-none-any.whl"))
    except DataError as error:
        message = str(error)
        assert "dataflows_x" in message or "METADATA" in message or "entry_points.txt" in message


def test_members_outside_of_the_archive_are_never_looked_for(tmp_path):
    content = a_wheel({"../escape.py": "x", "/absolute.py": "x", "C:\\x.py": "x"})

    release = describe_file(io.BytesIO(content), "dataflows_x-1.0-py3-none-any.whl")

    assert release.processors[0].summary == "Goes."


def test_bombs_are_refused():
    bomb = a_wheel({"y.py": b"#" * (MAX_MEMBER + 1), "z.py": b"0" * 1_000_000})
    with Wheel(io.BytesIO(bomb), "dataflows_x-1.0-py3-none-any.whl") as wheel:
        for path in ("y.py", "z.py"):
            with pytest.raises(DataError, match=f"{path} unpacks to .* bytes; that is refused"):
                wheel.source(path)


def test_a_member_that_lies_about_its_size_is_damaged():
    content = bytearray(a_wheel({"y.py": b"#" * 100_000}))
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"y.py"))
    struct.pack_into("<I", content, at + 24, 10)  # the size in the central directory
    with (
        Wheel(io.BytesIO(bytes(content)), "dataflows_x-1.0-py3-none-any.whl") as wheel,
        pytest.raises(DataError, match=r"y\.py is damaged"),
    ):
        wheel.source("y.py")


def test_two_members_of_one_name_are_refused():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", "2")
    with pytest.raises(DataError, match="members of the same name"):
        Wheel(content, "dataflows_x-1.0-py3-none-any.whl")


def an_sdist(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def test_an_sdist_is_read_and_links_in_it_are_not_followed():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in {"PKG-INFO": METADATA, "x.egg-info/entry_points.txt": ENTRIES.encode()}.items():
            member = tarfile.TarInfo(f"dataflows_x-1.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        link = tarfile.TarInfo("dataflows_x-1.0/x.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    release = describe_file(io.BytesIO(content.getvalue()), "dataflows_x-1.0.tar.gz")

    assert release.processors[0].problems == (
        "x:go cannot be read: this distribution has no source of that module",
    )


def test_an_sdist_that_is_a_bomb_is_refused():
    large = {f"dataflows_x-1.0/data{n}.bin": b"0" * 10_000_000 for n in range(7)}
    with pytest.raises(DataError, match="unpacks to more than"):
        Sdist(io.BytesIO(an_sdist(large)), "dataflows_x-1.0.tar.gz")


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=5), st.binary(max_size=40))
def test_damaged_sdists_are_read_or_refused(changes, project):
    tar = bytearray(gzip.decompress(an_sdist({"x-1/PKG-INFO": METADATA, "x-1/pyproject.toml": project})))
    for position, value in changes:
        tar[position] = value
    with suppress(DataError):
        harmless(describe_file(io.BytesIO(gzip.compress(bytes(tar), 1)), "dataflows_x-1.0.tar.gz"))


@pytest.mark.parametrize(
    "name",
    [
        "../x.whl",
        "a/b.whl",
        "C:\\x.whl",
        "-r.whl",
        "",
        "x\n.whl",
        "x-1-py3-none-any./../../x.whl",
        "x y.whl",
        "é.whl",
    ],
)
def test_a_file_of_an_index_is_never_a_path(name):
    with pytest.raises(DataError, match="is no name of a file"):
        File.from_json({"name": name})


@pytest.mark.parametrize(
    "sha256", ["", "../..", "0" * 63, "A" * 64, "0" * 64 + "\n--index-url=http://x", "0" * 65]
)
def test_a_hash_of_an_index_is_a_hash(sha256):
    with pytest.raises(DataError, match=r"is no sha256 of x\.whl"):
        File.from_json({"name": "x.whl", "sha256": sha256})


@pytest.mark.parametrize("version", ["", "one", "1.0 --index-url=x", "1.0\n", "../1"])
def test_a_published_version_is_a_version(tmp_path, version):
    content = dumps(Distribution("dataflows-x", (Release("dataflows-x", version),))).encode()
    entry = {"file": "dist/dataflows-x.json", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "dataflows-x.json").write_bytes(content)
    (tmp_path / "index.json").write_text(json.dumps({"format": 1, "distributions": {"dataflows-x": entry}}))
    with pytest.raises(DataError, match=r"dist/dataflows-x.json of .* which is none"):
        list(PublishedIndex(str(tmp_path)).read(Memory(), Reading()))
