"""Files that are packed, or on a network: whole tables, or errors; tests/core tests the opening itself."""

from __future__ import annotations

import gzip
from pathlib import Path
from zipfile import ZipFile

import pytest

from dataflows_core import Flow
from dataflows_core.errors import AccessError, FlowError, ProcessorError
from dataflows_load_csv import load_csv

TEXT = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i * 7919 % 10007) for i in range(30_000))


def test_is_unpacked_whatever_the_file_is_called(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "towns.csv"
    path.write_bytes(gzip.compress(TEXT))
    rows = rows_of(load_csv(path))
    assert len(rows) == 30_000
    assert rows[-1] == {"id": 29_999, "city": f"town {29_999 * 7919 % 10007}"}


@pytest.mark.parametrize("kept", [0.2, 0.7, 0.99])
def test_a_truncated_file_is_an_error_and_no_short_table(kept: float, tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    data = gzip.compress(TEXT)
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ProcessorError, match="gzip") as caught:
        rows_of(load_csv(path))
    assert isinstance(caught.value.cause, AccessError)


def test_a_given_compression_is_not_second_guessed(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ProcessorError, match="gzip"):
        rows_of(load_csv(path, compression="gz"))
    with pytest.raises(FlowError, match="did you mean gzip"):
        load_csv(path, compression="gzp")


def test_a_member_of_a_zip_file(tmp_path: Path, rows_of) -> None:
    path = tmp_path / "two.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("sub/b.csv", "x\n2\n")
    assert rows_of(load_csv(path, member="sub/b.csv")) == [{"x": 2}]
    assert rows_of(load_csv(f"zip://a.csv::{path}")) == [{"x": 1}]


@pytest.mark.parametrize("name", ["good.csv", "archive.zip", "good.csv?a=*&b=1"])
def test_a_table_comes_whole(server: str, name: str, rows_of) -> None:
    rows = rows_of(load_csv(f"{server}/{name}"))
    assert len(rows) == 20_000
    assert rows[-1] == {"id": 19_999, "city": "town 19999"}


def test_a_download_that_breaks_off_is_an_error_and_no_short_table(server: str, rows_of) -> None:
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv(f"{server}/torn.csv"))
    assert isinstance(caught.value.cause, AccessError)
    assert f"{server}/torn.csv" in str(caught.value)


def test_a_web_page_is_no_table(server: str, rows_of) -> None:
    with pytest.raises(ProcessorError, match="web page") as caught:
        rows_of(load_csv(f"{server}/page.csv"))
    assert isinstance(caught.value.cause, AccessError)


def test_a_flow_over_a_url_can_run_twice(server: str) -> None:
    flow = Flow(load_csv(f"{server}/good.csv", limit_rows=3))
    assert flow.results().rows == flow.results().rows
    assert len(flow.results().rows[0]) == 3
