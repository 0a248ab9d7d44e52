"""Passwords, tokens and signatures stay out of everything that is shown, logged or written."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.errors import DataflowsError, FlowError
from dataflows_core.files import Source, expand
from dataflows_core.files.urls import shown, without_urls_secrets
from dataflows_core.hooks import Events, hookimpl

SECRET = "s3cr3t"
NAMES = [
    *("token", "access_token", "refresh-token", "jwt", "session", "sessionid", "bearer", "auth"),
    *("key", "apikey", "api_key", "x-api-key", "subscription-key", "AWSAccessKeyId", "Key-Pair-Id", "appid"),
    *("sig", "signature", "sas", "password", "passwd", "secret", "client_secret", "Authorization"),
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature"),
]


@pytest.mark.parametrize("name", [*NAMES, "%74oken", "PASSWORD", "aPi_KeY"])
@pytest.mark.parametrize("sign", ["?", "&", ";", "#", "?a=1&"])
def test_secret_parameters(name: str, sign: str) -> None:
    url = f"https://example.org/a.csv?b=2{sign}{name}={SECRET}&year=2020"
    assert shown(url) == url.replace(SECRET, "***")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"https://me:{SECRET}@host:80/a", "https://me:***@host:80/a"),
        (f"https://me:{SECRET}@@host/a", "https://me:***@host/a"),
        (f"https://me:a/{SECRET}@host/a", "https://me:***@host/a"),
        (f"https://{SECRET}@host/a", "https://***@host/a"),
        (f"https://{SECRET}:@host/a", "https://***:***@host/a"),
        (f"https://{SECRET}:x-oauth-basic@host/a", "https://***:***@host/a"),
        ("sftp://me@host/a", "sftp://me@host/a"),
        (f"sftp://me:{SECRET}@host/a", "sftp://me:***@host/a"),
        (f"zip://a.csv::https://me:{SECRET}@host/x.zip", "zip://a.csv::https://me:***@host/x.zip"),
        (f"simplecache::s3://k:{SECRET}@bucket/a", "simplecache::s3://k:***@bucket/a"),
        (f"https://host/?url=https%3A%2F%2Fme%3A{SECRET}%40other%2F", "https://host/?url=***"),
        (f"https:/me:{SECRET}@host/a", "https:/me:***@host/a"),
        ("https://host:80/@user/a@b.csv?year=2020&q=a@b", "https://host:80/@user/a@b.csv?year=2020&q=a@b"),
        ("https://host/a?keyword=x&monkey=&b", "https://host/a?keyword=x&monkey=&b"),
        ("a@b:c.csv", "a@b:c.csv"),
        ("C:/a.csv", "C:/a.csv"),
    ],
)
def test_what_is_shown_of_a_url(url: str, said: str) -> None:
    assert shown(url) == said
    assert shown(said) == said


@given(
    user=st.text("ab%", max_size=3),
    password=st.text("cd:@%.", min_size=1),
    rest=st.text("/?#=&x@:", max_size=9),
)
def test_no_password_is_shown(user: str, password: str, rest: str) -> None:
    url = f"https://{user}:{SECRET}{password}@host/{rest}"
    assert SECRET not in shown(url)
    assert SECRET not in without_urls_secrets(f"<{url}>, and '{url}'")


def test_what_stands_for_a_source() -> None:
    source = Source.of(f"https://me:{SECRET}@host?token={SECRET}", {"X-Key": SECRET}, member="a.csv")
    for text in (repr(source), source.shown, source.stem, source.suffix):
        assert SECRET not in text
    with pytest.raises(FlowError) as caught:
        Flow(f"https://me:{SECRET}@host/{'x' * 100}")
    assert SECRET not in str(caught.value)


class Heard:
    """Keeps all that plugins are told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    @hookimpl
    def downloading(self, source: str) -> None:
        self.texts.append(source)

    @hookimpl
    def flow_failed(self, error: BaseException) -> None:
        self.texts.append(repr(error))


BODY = b"a\n" + b"1\n" * 5000
FAILURES = {
    "none": {"body": BODY},
    "missing": {"status": 404},
    "busy": {"status": 503},
    "torn": {"body": BODY, "stop": 100},
    "torn, with parts": {"body": BODY, "stop": 100, "etag": '"a"', "shift": 5},
    "too long": {"body": BODY, "length": "7", "headers": {"Connection": "close"}},
    "no number": {"body": BODY, "length": "many"},
    "no length": {"body": BODY, "length": None},
    "other coding": {"body": BODY, "headers": {"Content-Encoding": "br"}},
    "no gzip": {"body": BODY, "headers": {"Content-Encoding": "gzip"}},
    "to a file": {"status": 302, "headers": {"Location": f"file:///x?token={SECRET}"}},
    "to nowhere": {"status": 302, "headers": {"Location": f"http://me:{SECRET}@127.0.0.1:1/?sig={SECRET}"}},
    "to what is no URL": {"status": 302, "headers": {"Location": f"http://me:{SECRET}@a..b:x/?sig={SECRET}"}},
    "too large": {"body": BODY * 2},
}


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("cache", [False, True])
def test_no_failure_tells_a_secret(
    kind: str, cache: bool, play, act, caplog, capfd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAFLOWS_CACHE", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    stage = play(act(**FAILURES[kind]))
    url = f"{stage.url.replace('://', f'://me:{SECRET}@')}?access_token={SECRET}"
    heard = Heard()

    def source(package) -> None:
        options = {"X-Api-Key": SECRET, "Cookie": f"id={SECRET}"}
        for file in expand(url, options, cache=cache, max_size=len(BODY)):
            package.stats["read"] = len(file.open().read())

    said = [*heard.texts]
    try:
        said.append(repr(Flow(source).run(events=Events(heard))))
        assert kind in ("none", "no length")
    except DataflowsError as error:
        assert kind not in ("none", "no length")
        said += [*traceback.format_exception(error), *getattr(error, "__notes__", ()), repr(error.__dict__)]
    said += [caplog.text, *capfd.readouterr(), *heard.texts]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    said += [str(files), *(path.read_text("latin-1") for path in files)]
    assert SECRET not in "\n".join(said)
    assert "127.0.0.1" in "\n".join(said)


PROGRAM = """
from dataflows_core import Flow
from dataflows_core.files import expand, patience

patience.wait = lambda seconds: None

URL, FIELDS = {url!r}, {{"X-Api-Key": {secret!r}}}

def source(package):
    expand(URL, FIELDS)[0].open().read()

flow = Flow(source)
"""


@pytest.mark.parametrize("kind", ["busy", "torn", "to nowhere"])
def test_the_command_tells_no_secret(kind: str, play, act, tmp_path: Path) -> None:
    stage = play(act(**FAILURES[kind]))
    url = f"{stage.url.replace('://', f'://me:{SECRET}@')}?access_token={SECRET}"
    (tmp_path / "flow.py").write_text(PROGRAM.format(url=url, secret=SECRET))
    command = [sys.executable, "-m", "dataflows_core.cli", "run", "flow.py", "--json", "--traceback"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "127.0.0.1" in json.dumps(json.loads(ended.stdout))
    assert SECRET not in ended.stdout + ended.stderr
    assert "Traceback" in ended.stderr
    assert "trying again" in ended.stderr
