"""Encodings: detected, given, marked, wrong."""

from __future__ import annotations

import codecs
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import FlowError, ProcessorError
from dataflows_load_csv import load_csv
from dataflows_load_csv.encoding import BadBytes, Encoding, detect_encoding, normalize_encoding, to_utf8

TEXTS = {
    "cp1252": "nom,ville\n" + "André,Besançon\nHélène,Orléans\nFrançois,Nîmes – 5 €\n" * 5,
    "latin-1": "name,ort\n" + "Jürgen,Köln\nBjörn,München\nBärbel,Düsseldorf\n" * 5,
    "shift_jis": "名前,都市\n" + "田中太郎,東京都\n鈴木花子,大阪市\nやまだ,カタカナ\n表,ソ\n" * 5,
    "gb18030": "姓名,城市\n" + "王小明,北京市\n李小红,上海市\n张伟,广州市\n" * 5,
    "big5": "姓名,城市\n" + "王小明,臺北市\n李小紅,高雄市\n" * 5,
    "euc-kr": "이름,도시\n" + "김철수,서울특별시\n이영희,부산광역시\n" * 5,
    "cp1251": "имя,город\n" + "Иван,Москва\nМария,Санкт-Петербург\n" * 5,
    "koi8-r": "имя,город\n" + "Иван,Москва\nМария,Санкт-Петербург\n" * 5,
    "cp1250": "imię,miasto\n" + "Łukasz,Łódź\nGrażyna,Gdańsk\nŻaneta,Wrocław\n" * 5,
    "utf-16-le": "a,b\nnaïve,日\n",
    "utf-16-be": "a,b\nnaïve,日\n",
    "utf-8": "a,b\nnaïve,日\n",
}


def table(text: str) -> list[dict[str, str]]:
    header, *rows = (line.split(",") for line in text.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("encoding", TEXTS)
def test_is_detected(encoding: str, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(TEXTS[encoding].encode(encoding))
    assert rows_of(load_csv(path)) == table(TEXTS[encoding])


@pytest.mark.parametrize("encoding", [*TEXTS, "cp037", "utf-7", "iso2022_jp", "utf-32"])
def test_is_used_when_given(encoding: str, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    text = TEXTS.get(encoding, TEXTS["shift_jis"] if encoding != "cp037" else TEXTS["latin-1"])
    path.write_bytes(text.encode(encoding))
    assert rows_of(load_csv(path, encoding=encoding)) == table(text)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("given", [None, "same", "family"])
def test_a_mark_is_honoured_and_left_out(
    mark: bytes, encoding: str, given: str | None, tmp_path: Path, rows_of
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(mark + TEXTS["utf-8"].encode(encoding))
    name = {None: None, "same": encoding, "family": encoding[:6].rstrip("-")}[given]
    assert rows_of(load_csv(path, encoding=name)) == table(TEXTS["utf-8"])


def test_a_guess_is_told(tmp_path: Path, rows_of, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(TEXTS["cp1252"].encode("cp1252"))
    rows_of(load_csv(path))
    assert "x.csv: the encoding was not given, and is not UTF-8; it was guessed to be cp1252" in caplog.text


def test_bytes_that_are_strange_far_behind_the_head_are_seen(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"plain text,1\n" * 50_000 + "Zoë Straße,2\n".encode("cp1252") * 10_000)
    assert rows_of(load_csv(path))[-1] == {"a": "Zoë Straße", "b": 2}


@pytest.mark.parametrize(
    ("encoding", "bad", "named"),
    [("utf-8", b"caf\xe9", "utf-8"), ("shift_jis", b"\x82\xff", "shift_jis"), ("ascii", b"caf\xe9", "ascii")],
)
@pytest.mark.parametrize("before", [3, 60_000])
def test_wrong_bytes_name_record_and_encoding(
    encoding, bad: bytes, named: str, before: int, tmp_path, rows_of
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,x\n" * before + b"2," + bad + b"\n" + b"3,y\n" * 5)
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv(path, encoding=encoding))
    assert caught.value.row == before + 1
    assert f"not {named}" in str(caught.value)
    assert "encoding=" in str(caught.value)


@pytest.mark.parametrize("name", ["utf8x", "rot13", "hex", "klingon"])
def test_an_unknown_encoding_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(FlowError, match="no text encoding"):
        load_csv("missing.csv", encoding=name)


def test_near_misses_are_named() -> None:
    with pytest.raises(FlowError, match="cp1252"):
        normalize_encoding("cp1253x")


class Dripping(io.BytesIO):
    """Gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(3)


@given(st.text(max_size=40), st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "gb18030", "utf-7"]))
def test_transcoding_loses_nothing_however_the_bytes_come(text: str, encoding: str) -> None:
    stream = to_utf8(Dripping(text.encode(encoding)), Encoding(encoding))
    parts = []
    while part := stream.read(5):
        parts.append(part)
    assert b"".join(parts).decode() == text


@given(st.binary(max_size=30), st.sampled_from(["shift_jis", "gb18030", "utf-16-le", "euc-jp", "ascii"]))
def test_transcoding_gives_all_text_before_a_fault_and_then_the_fault(data: bytes, encoding: str) -> None:
    try:
        expected, fault = data.decode(encoding), False
    except UnicodeDecodeError as error:
        expected, fault = data[: error.start].decode(encoding), True
    stream = to_utf8(Dripping(data), Encoding(encoding))
    parts = []
    try:
        while part := stream.read(5):
            parts.append(part)
        assert not fault
    except BadBytes:
        assert fault
    assert b"".join(parts).decode() == expected


@given(st.text(max_size=60))
def test_utf_8_is_never_taken_for_anything_else(text: str) -> None:
    sample = json.dumps(text, ensure_ascii=False).encode("utf-8", "ignore")
    assert detect_encoding(sample, complete=True) == Encoding("utf-8")
    assert detect_encoding(sample[:-1]).name == "utf-8"
