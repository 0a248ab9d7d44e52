"""URLs: a real server that misbehaves, and file systems of fsspec."""

from __future__ import annotations

import fsspec
import pytest

from dataflows_core.errors import AccessError, FlowError, ProcessorError
from dataflows_load_csv import load_csv


@pytest.mark.parametrize(
    "name", ["good.csv", "chunked.csv", "moved.csv", "zipped.csv", "archive.zip", "good.csv?a=*&b=1"]
)
def test_a_table_comes_whole(server: str, name: str, rows_of) -> None:
    rows = rows_of(load_csv(f"{server}/{name}"))
    assert len(rows) == 20_000
    assert rows[-1] == {"id": 19_999, "city": "town 19999"}


@pytest.mark.parametrize("name", ["torn.csv", "chunks_torn.csv", "zipped_torn.csv"])
def test_a_download_that_breaks_off_is_an_error_and_no_short_table(server: str, name: str, rows_of) -> None:
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv(f"{server}/{name}"))
    assert isinstance(caught.value.cause, AccessError)
    assert f"{server}/{name}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"), [("missing.csv", "404 Not Found"), ("page.csv", "web page"), ("secret.csv", "404")]
)
def test_what_is_no_table_is_an_error(server: str, name: str, message: str, rows_of) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(load_csv(f"{server}/{name}"))
    assert isinstance(caught.value.cause, AccessError)


def test_header_fields_are_sent(server: str, rows_of) -> None:
    assert (
        len(rows_of(load_csv(f"{server}/secret.csv", storage_options={"Authorization": "Bearer 123"})))
        == 20_000
    )


def test_a_server_that_is_not_there(rows_of) -> None:
    with pytest.raises(ProcessorError, match="cannot be reached"):
        rows_of(load_csv("http://127.0.0.1:1/x.csv"))


def test_passwords_stay_out_of_messages(rows_of) -> None:
    with pytest.raises(ProcessorError) as caught:
        rows_of(load_csv("http://me:hunter2@127.0.0.1:1/x.csv"))
    assert "hunter2" not in str(caught.value)
    assert "me:***@127.0.0.1" in str(caught.value)


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.pipe("/towns/b.csv", b"id,city\n2,Bonn\n")
    system.pipe("/towns/a.csv", b"id,city\n1,Ulm\n")
    yield
    system.rm("/towns", recursive=True)


@pytest.mark.usefixtures("memory")
def test_fsspec_urls_and_patterns(rows_of) -> None:
    assert rows_of(load_csv("memory://towns/a.csv")) == [{"id": 1, "city": "Ulm"}]
    assert rows_of(load_csv("memory://towns/*.csv")) == [{"id": 1, "city": "Ulm"}, {"id": 2, "city": "Bonn"}]


@pytest.mark.parametrize(
    ("url", "message", "kind"),
    [
        ("memory://towns/none.csv", "there is no file memory://towns/none.csv", AccessError),
        ("memory://nowhere/*.csv", "no file matches", AccessError),
        ("nosuch://x/y.csv", "no file system knows", FlowError),
        ("http://127.0.0.1:1/*.csv", "HTTP cannot list files", FlowError),
    ],
)
def test_what_cannot_be_opened_is_told_in_words(url: str, message: str, kind: type, rows_of) -> None:
    with pytest.raises(ProcessorError, match=message.replace("*", r"\*")) as caught:
        rows_of(load_csv(url))
    assert isinstance(caught.value.cause, kind)


def test_a_flow_over_a_url_can_run_twice(server: str) -> None:
    from dataflows_core import Flow

    flow = Flow(load_csv(f"{server}/good.csv", limit_rows=3))
    assert flow.results().rows == flow.results().rows
    assert len(flow.results().rows[0]) == 3
