"""How long sources may be, and what packed ones may do to who unpacks them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source, expand, limits

ZEROS = bytes(3 << 20)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", data)
    return buffer.getvalue()


PACK = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd, "zip": zipped}


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("size", [-1, 70_000])
def test_a_bomb_is_refused_and_can_be_allowed(
    kind: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(PACK[kind](ZEROS))
    assert Source.of(path).open().read() == ZEROS, "what is harmless is not refused"
    monkeypatch.setattr(limits, "HARMLESS", 1 << 20)
    monkeypatch.setitem(limits._RATIOS, kind, 200)
    with (
        Source.of(path).open() as stream,
        pytest.raises(UnreadableError, match=f"bytes of {kind} .* a bomb\n.*max_size=") as caught,
    ):
        list(iter(lambda: stream.read(size), b""))
    assert str(path) in str(caught.value)
    assert Source.of(path, max_size=len(ZEROS)).open().read() == ZEROS
    with pytest.raises(UnreadableError, match="unpacks to more than the 3,145,727 bytes"):
        Source.of(path, max_size=len(ZEROS) - 1).open().read()


def test_data_that_pack_as_data_do_are_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HARMLESS", 1 << 18)
    text = b"".join(b"%d,%d,%d\n" % (i, i * i, i % 7) for i in range(20_000))
    for kind, pack in PACK.items():
        (tmp_path / kind).write_bytes(pack(text))
        assert Source.of(tmp_path / kind).open().read() == text


def test_a_bomb_of_the_server_is_refused(play, act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HARMLESS", 1 << 20)
    told = {"body": gzip.compress(ZEROS), "headers": {"Content-Encoding": "gzip"}, "etag": '"a"'}
    stage = play(act(**told))
    monkeypatch.setenv("DATAFLOWS_CACHE", str(tmp_path))
    for cache in (False, True):
        with pytest.raises(UnreadableError, match="a bomb"):
            expand(stage.url, cache=cache)[0].open().read()


def test_a_limit_holds_wherever_a_file_lies(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"0123456789")
    system = fsspec.filesystem("memory")
    system.pipe("/limits/x.csv", b"0123456789")
    for place in (str(tmp_path / "x.csv"), "memory://limits/x.csv"):
        assert Source.of(place, max_size=10).open().read() == b"0123456789"
        with pytest.raises(UnreadableError, match="has 10 bytes, and max_size=9 allows 9"):
            Source.of(place, max_size=9).open()
    system.rm("/limits", recursive=True)


def test_a_limit_holds_for_what_is_kept_aside(play, act) -> None:
    stage = play(act(body=b"0123456789", length=None))
    with Source.of(stage.url, max_size=10).open_seekable() as stream:
        assert stream.read() == b"0123456789"
    with pytest.raises(UnreadableError, match="max_size=9"):
        Source.of(stage.url, max_size=9).open_seekable()
    archive = play(act(body=zipped(b"0123456789" * 100), length=None), name="x.zip")
    with pytest.raises(UnreadableError, match="max_size=50"):
        Source.of(archive.url, max_size=50).open()


@pytest.mark.parametrize("size", [0, -1, True, "1 GB", 1.5])
def test_a_limit_is_a_number_of_bytes(size) -> None:
    with pytest.raises(FlowError, match="must be a number of bytes"):
        expand("x.csv", max_size=size)


# Zip files


def test_a_zip_file_of_too_many_files_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_MEMBERS", 5)
    path = tmp_path / "x.zip"
    for count in (5, 6):
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number}.csv", "a\n")
        if count == 5:
            assert len(Source.of(path).members() or ()) == 5
        else:
            with pytest.raises(UnreadableError, match="more than 5 files"):
                Source.of(path).members()
            with pytest.raises(UnreadableError, match="more than 5 files"):
                Source.of(path, member="0.csv").open()


def test_the_directory_of_a_large_zip_file_is_looked_at_too(tmp_path: Path) -> None:
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 20, 1 << 20, 1 << 30, 0)
    where = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 3)
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(100) + large + where + end + b"hi!")
    with pytest.raises(UnreadableError, match="more than 100,000 files"):
        Source.of(path).members()


def test_names_that_lead_out_of_a_zip_file_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.csv").write_text("real\n")
    path = tmp_path / "in" / "x.zip"
    names = ["../secret.csv", str(tmp_path / "secret.csv"), "sub/../../secret.csv"]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), f"in the zip file: {name}\n")
    found = Source.of(path).members() or []
    assert len(found) == 3
    for name in found:
        assert Source.of(path, member=name).open().read().startswith(b"in the zip file")
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["in", "secret.csv", "x.zip"]
    assert (tmp_path / "secret.csv").read_text() == "real\n"


@pytest.mark.parametrize("lie", [-1, 1])
def test_a_directory_that_lies_about_a_size_is_an_error(lie: int, tmp_path: Path) -> None:
    data = b"".join(b"%d\n" % number for number in range(5000))
    packed = bytearray(zipped(data))
    place = packed.rfind(b"PK\x01\x02") + 24
    struct.pack_into("<I", packed, place, len(data) + lie * 1000)
    path = tmp_path / "x.zip"
    path.write_bytes(packed)
    try:
        found = Source.of(path).open().read()
    except AccessError:
        assert lie < 0
    else:
        assert found == data, "never a short table"
