"""URLs: a real server that misbehaves, file systems of fsspec, and plugins."""

from __future__ import annotations

import io
import subprocess
import sys
from types import SimpleNamespace

import fsspec
import pytest

from dataflows_core import discovery
from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files import Source, expand, open_source, read_bytes
from dataflows_core.hooks import hookimpl

BODY = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i) for i in range(20_000))


def content(source: Source) -> bytes:
    with source.open() as stream:
        return b"".join(iter(lambda: stream.read(70_000), b""))


@pytest.mark.parametrize(
    "name", ["good.csv", "chunked.csv", "moved.csv", "zipped.csv", "archive.zip", "good.csv?a=*&b=1"]
)
def test_a_file_comes_whole(server: str, name: str) -> None:
    (source,) = expand(f"{server}/{name}")
    assert content(source) == BODY


@pytest.mark.parametrize("name", ["torn.csv", "chunks_torn.csv", "zipped_torn.csv"])
def test_a_download_that_breaks_off_is_an_error_and_never_short(server: str, name: str) -> None:
    with pytest.raises(AccessError) as caught:
        content(Source(f"{server}/{name}"))
    assert f"{server}/{name}" in str(caught.value)
    with pytest.raises(AccessError):
        read_bytes(f"{server}/{name}")


@pytest.mark.parametrize("name", ["missing.csv", "secret.csv"])
def test_what_the_server_refuses_is_an_error(server: str, name: str) -> None:
    with pytest.raises(AccessError, match="404 Not Found"):
        read_bytes(f"{server}/{name}")


def test_header_fields_are_sent(server: str) -> None:
    assert read_bytes(f"{server}/secret.csv", {"Authorization": "Bearer 123"}) == BODY


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(AccessError, match="cannot be reached"):
        open_source("http://127.0.0.1:1/x.csv")


def test_passwords_stay_out_of_messages() -> None:
    with pytest.raises(AccessError) as caught:
        open_source("http://me:hunter2@127.0.0.1:1/x.csv")
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
def test_fsspec_urls_and_patterns() -> None:
    assert read_bytes("memory://towns/a.csv") == b"id,city\n1,Ulm\n"
    found = expand("memory://towns/*.csv")
    assert [content(source) for source in found] == [b"id,city\n1,Ulm\n", b"id,city\n2,Bonn\n"]


@pytest.mark.parametrize(
    ("url", "message", "kind"),
    [
        ("memory://towns/none.csv", "there is no file memory://towns/none.csv", AccessError),
        ("memory://nowhere/*.csv", "no file matches", AccessError),
        ("nosuch://x/y.csv", "no file system knows", FlowError),
        ("http://127.0.0.1:1/*.csv", "HTTP cannot list files", FlowError),
    ],
)
def test_what_cannot_be_opened_is_told_in_words(url: str, message: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=message.replace("*", r"\*")):
        [source.open() for source in expand(url)]


class Plugin:
    """Opens the URLs of one scheme, and one host of the web."""

    @hookimpl
    def open_url(self, url: str) -> io.BytesIO | None:
        if url == "vault://gone":
            raise PermissionError("the vault is closed")
        mine = url.startswith(("vault://", "http://vault.example/"))
        return io.BytesIO(f"from {url}".encode()) if mine else None


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(group="dataflows", qualified_name="vault", load=Plugin)
    monkeypatch.setattr(discovery, "entries", lambda group=None: [entry])


@pytest.mark.usefixtures("plugin")
def test_a_plugin_opens_urls_before_all_else(server: str) -> None:
    for url in ("vault://keys/a.csv", "http://vault.example/a.csv"):
        assert read_bytes(url) == f"from {url}".encode()
    assert read_bytes(f"{server}/good.csv") == BODY
    with pytest.raises(FlowError, match="no file system knows"):
        read_bytes("nosuch://keys/a.csv")
    with pytest.raises(AccessError, match="vault://gone cannot be opened: the vault is closed"):
        read_bytes("vault://gone")


def test_a_local_file_needs_no_network_library(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n1\n")
    code = (
        "import sys; from dataflows_core.files import read_bytes, expand\n"
        f"assert read_bytes({str(path)!r}) == b'a\\n1\\n'; expand({str(path)!r})[0].open().read()\n"
        "print({'fsspec', 'urllib.request', 'zipfile', 'tempfile', 'ssl'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
