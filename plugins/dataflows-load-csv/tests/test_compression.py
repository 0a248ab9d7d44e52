"""Compressed files: told by their bytes, whole or an error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow as pa
import pytest

from dataflows_core.errors import AccessError, FlowError, ProcessorError, UnreadableError
from dataflows_load_csv import load_csv

TEXT = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i * 7919 % 10007) for i in range(30_000))


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
def test_is_undone_whatever_the_file_is_called(kind: str, named: bool, tmp_path: Path, rows_of) -> None:
    suffix, data = PACKED[kind]
    path = tmp_path / ("towns.csv" + (suffix if named else ""))
    path.write_bytes(data)
    rows = rows_of(load_csv(path))
    assert len(rows) == 30_000
    assert rows[-1] == {"id": 29_999, "city": f"town {29_999 * 7919 % 10007}"}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_a_truncated_file_is_an_error_and_no_short_table(
    kind: str, kept: float, tmp_path: Path, rows_of
) -> None:
    path = tmp_path / "x.csv"
    data = PACKED[kind][1]
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv(path))
    assert isinstance(caught.value.cause, AccessError)
    assert kind in str(caught.value)


@pytest.mark.parametrize("kind", ["gzip", "bz2", "xz", "zip"])
def test_damage_is_an_error(kind: str, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    data = bytearray(PACKED[kind][1])
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv(path))
    assert isinstance(caught.value.cause, AccessError)


@pytest.mark.parametrize("kind", ["gzip", "bz2", "xz", "zstd"])
def test_concatenated_members_are_one_file(kind: str, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    pack = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd_of}[kind]
    path.write_bytes(pack(b"a,b\n1,2\n") + pack(b"3,4\n"))
    assert rows_of(load_csv(path)) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_a_name_that_lies_about_compression_does_no_harm(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(b"a,b\n1,2\n")
    assert rows_of(load_csv(path)) == [{"a": 1, "b": 2}]


def test_a_given_compression_is_not_second_guessed(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ProcessorError, match="gzip"):
        rows_of(load_csv(path, compression="gz"))
    with pytest.raises(FlowError, match="did you mean gzip"):
        load_csv(path, compression="gzp")


def test_zip_members(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "two.zip"
    path.write_bytes(zip_of(a_csv=b"x\n1\n", sub__b_csv=b"x\n2\n"))
    assert rows_of(load_csv(path, member="sub/b.csv")) == [{"x": 2}]
    assert rows_of(load_csv(f"zip://a.csv::{path}")) == [{"x": 1}]
    with pytest.raises(ProcessorError, match=r"several files: a.csv, sub/b.csv\n.*member="):
        rows_of(load_csv(path))
    with pytest.raises(ProcessorError, match=r"did you mean a\.csv"):
        rows_of(load_csv(path, member="aa.csv"))


def test_leftovers_of_operating_systems_are_no_members(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "one.zip"
    path.write_bytes(zip_of(data__x_csv=b"x\n1\n", __MACOSX__x=b"junk", README_md=b"# hello"))
    with ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._x.csv", b"junk")
        archive.writestr(".DS_Store", b"junk")
    assert rows_of(load_csv(path)) == [{"x": 1}]


@pytest.mark.parametrize(
    ("members", "message"),
    [(["[Content_Types].xml", "xl/a.xml"], "Office document"), ([], "empty zip")],
)
def test_a_zip_file_without_a_table(members: list[str], message: str, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.zip"
    with ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, b"")
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(load_csv(path))
    assert isinstance(caught.value.cause, UnreadableError)


def test_a_member_needs_a_zip_file(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a\n1\n")
    with pytest.raises(ProcessorError, match="no zip file"):
        rows_of(load_csv(path, member="y.csv"))
