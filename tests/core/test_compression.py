"""Compressed files: told by their bytes, whole or an error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pytest

from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source
from dataflows_core.files.compression import normalize_compression

TEXT = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i * 7919 % 10007) for i in range(30_000))


def content(path: Path | str, compression: str | None = None, member: str | None = None) -> bytes:
    """All bytes, read in pieces as a loader does."""
    with Source.of(path, compression=compression, member=member).open() as stream:
        return b"".join(iter(lambda: stream.read(70_000), b""))


def zip_of(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return buffer.getvalue()


def zstd_of(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKED = {
    "gzip": (".gz", gzip.compress(TEXT)),
    "bz2": (".bz2", bz2.compress(TEXT)),
    "xz": (".xz", lzma.compress(TEXT)),
    "zstd": (".zst", zstd_of(TEXT)),
    "zip": (".zip", zip_of(x_csv=TEXT)),
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("named", [True, False])
def test_is_undone_whatever_the_file_is_called(kind: str, named: bool, tmp_path: Path) -> None:
    suffix, data = PACKED[kind]
    path = tmp_path / ("towns.csv" + (suffix if named else ""))
    path.write_bytes(data)
    assert content(path) == TEXT
    assert content(path, "none") == data


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_a_truncated_file_is_an_error_and_never_short(kind: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    data = PACKED[kind][1]
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(AccessError, match=kind):
        content(path)


@pytest.mark.parametrize("kind", ["gzip", "bz2", "xz", "zip"])
def test_damage_is_an_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    data = bytearray(PACKED[kind][1])
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(AccessError):
        content(path)


@pytest.mark.parametrize("kind", ["gzip", "bz2", "xz", "zstd"])
def test_concatenated_members_are_one_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pack = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd_of}[kind]
    path.write_bytes(pack(b"a,b\n1,2\n") + pack(b"3,4\n"))
    assert content(path) == b"a,b\n1,2\n3,4\n"


def test_a_name_that_lies_about_compression_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(b"a,b\n1,2\n")
    assert content(path) == b"a,b\n1,2\n"


def test_a_given_compression_is_not_second_guessed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(AccessError, match="gzip"):
        content(path, normalize_compression("gz"))
    with pytest.raises(FlowError, match="did you mean gzip"):
        normalize_compression("gzp")


def test_zip_members(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    path.write_bytes(zip_of(a_csv=b"x\n1\n", sub__b_csv=b"x\n2\n"))
    assert Source(str(path)).members() == ["a.csv", "sub/b.csv"]
    assert content(path, member="sub/b.csv") == b"x\n2\n"
    assert content(f"zip://a.csv::{path}") == b"x\n1\n"
    with pytest.raises(UnreadableError, match=r"several files: a.csv, sub/b.csv\n.*member="):
        content(path)
    with pytest.raises(UnreadableError, match=r"did you mean a\.csv"):
        content(path, member="aa.csv")
    with pytest.raises(UnreadableError, match=rf"^there is no 'aa\.csv' in {re.escape(str(path))}; "):
        content(f"zip://aa.csv::{path}")


def test_leftovers_of_operating_systems_are_no_members(tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    path.write_bytes(zip_of(data__x_csv=b"x\n1\n", __MACOSX__x=b"junk", README_md=b"# hello"))
    with ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._x.csv", b"junk")
        archive.writestr(".DS_Store", b"junk")
    assert content(path) == b"x\n1\n"


@pytest.mark.parametrize(
    ("members", "message"),
    [(["[Content_Types].xml", "xl/a.xml"], "Office document"), ([], "empty zip")],
)
def test_a_zip_file_without_a_table(members: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, b"")
    with pytest.raises(UnreadableError, match=message):
        content(path)


def test_a_member_needs_a_zip_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a\n1\n")
    assert Source(str(path)).members() is None
    with pytest.raises(FlowError, match="no zip file"):
        content(path, member="y.csv")
