"""Downloads: tried again, continued, and never anything but one version of a file, byte for byte."""

from __future__ import annotations

import logging
import re
import socket

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source
from dataflows_core.files.patience import TRIES
from dataflows_core.files.validators import Validators

BODY = bytes(range(256)) * 8
TAG = '"one"'


def content(url: str, **options) -> bytes:
    with Source.of(url, **options).open() as stream:
        return b"".join(iter(lambda: stream.read(700), b""))


# What is tried again, and what is not


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(status: int, play, act, waits, caplog) -> None:
    stage = play(act(status=status), act(status=status), act(body=BODY))
    assert content(stage.url) == BODY
    assert len(stage.asked) == 3
    assert len(waits) == 2
    assert waits[0] < waits[1]
    assert f"the server answered {status}" in caplog.text
    assert "(2 of 5)" in caplog.text


def test_in_the_end_the_error_says_how_often_it_was_tried(play, act, waits) -> None:
    stage = play(act(status=503))
    with pytest.raises(AccessError, match=r"503 Service Unavailable\n  it was tried 5 times"):
        content(stage.url)
    assert len(stage.asked) == TRIES == len(waits) + 1
    assert sum(waits) < 15


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501, 505, 204, 206, 304, 416, 299])
def test_what_will_not_pass_is_tried_once(status: int, play, act, waits) -> None:
    stage = play(act(status=status))
    with pytest.raises(AccessError, match=str(status)):
        content(stage.url)
    assert len(stage.asked) == 1
    assert not waits


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:20 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 20),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "-5"}, 0.5),
    ],
)
def test_the_server_says_how_long_to_wait(headers, seconds: float, play, act, waits) -> None:
    # The handler sends a date of its own, before those of the act.
    stage = play(act(status=429, headers=headers), act(body=BODY))
    assert content(stage.url) == BODY
    assert len(waits) == 1
    if "Date" not in headers:
        assert waits[0] == pytest.approx(seconds, rel=0.3)


def test_too_long_a_time_is_not_waited(play, act, waits) -> None:
    stage = play(act(status=503, headers={"Retry-After": "3600"}))
    with pytest.raises(AccessError, match="it asks to wait for 3,600 seconds"):
        content(stage.url)
    assert not waits


def test_nobody_there_is_tried_a_little(waits) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(AccessError, match=r"cannot be reached.*\n  it was tried 3 times"):
        content(f"http://127.0.0.1:{port}/x.csv")
    assert len(waits) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///x.csv",
        "https://me:se/cret@host/x",
        "http://host:port/x",
        "http://a b/x",
        "http://a..b/",
    ],
)
def test_what_is_no_url(url: str, waits) -> None:
    with pytest.raises(FlowError, match="is no URL") as caught:
        content(url)
    assert "cret" not in str(caught.value)
    assert not waits


def test_characters_that_a_url_must_not_have_are_sent_encoded(play, act) -> None:
    stage = play(act(body=BODY), name="donn%C3%A9es%20%20a.csv")
    assert content(stage.url.replace("%C3%A9", "é").replace("%20", " ")) == BODY


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"headers": {"Authorization": "s3cr3t"}}, "'headers' is none"),
        ({"X-Key": "s3cr3t\r\nHost: evil"}, "'X-Key' has characters"),
        ({"X Key": "s3cr3t"}, "'X Key' is none"),
    ],
)
def test_what_is_no_header_field(server: str, options, message: str) -> None:
    with pytest.raises(FlowError, match=message) as caught:
        content(f"{server}/good.csv", storage_options=options)
    assert "s3cr3t" not in str(caught.value)


def test_a_user_and_a_password_in_a_url_are_sent(play, act) -> None:
    stage = play(act(body=BODY))
    assert content(stage.url.replace("://", "://m%65:p%40ss@")) == BODY
    assert stage.asked[0]["authorization"] == "Basic bWU6cEBzcw=="
    assert stage.asked[0]["host"] in stage.url


# What breaks off


def test_what_breaks_off_is_continued(play, act, waits, caplog) -> None:
    stage = play(
        act(body=BODY, etag=TAG, stop=900), act(body=BODY, etag=TAG, stop=400), act(body=BODY, etag=TAG)
    )
    assert content(stage.url) == BODY
    assert [asked.get("range") for asked in stage.asked] == [None, "bytes=900-", "bytes=1300-"]
    assert [asked.get("if-range") for asked in stage.asked] == [None, TAG, TAG]
    assert len(waits) == 2
    assert "broke off: 900 of 2,048 bytes came" in caplog.text


def test_a_server_may_send_shorter_parts_than_those_asked_for(play, act) -> None:
    stage = play(
        act(body=BODY, etag=TAG, stop=100), act(body=BODY, etag=TAG, most=1000), act(body=BODY, etag=TAG)
    )
    assert content(stage.url) == BODY
    assert stage.asked[2]["range"] == "bytes=1100-"


@pytest.mark.parametrize("tag", [None, 'W/"one"'])
def test_without_a_strong_validator_it_is_read_again_from_the_beginning(tag, play, act) -> None:
    stage = play(act(body=BODY, etag=tag, stop=900), act(body=BODY, etag=tag))
    assert content(stage.url) == BODY
    assert "range" not in stage.asked[1]


def test_a_file_that_changes_while_it_is_read_is_an_error(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG, stop=900), act(body=BODY[::-1], etag='"two"'))
    with pytest.raises(AccessError, match="changed on the server while it was read"):
        content(stage.url)


@pytest.mark.parametrize(
    "lie",
    [
        {"shift": 10},
        {"shift": -10},
        {"status": 416},
        {"status": 206},
        {"headers": {"Content-Encoding": "gzip"}},
        {"etag": '"two"', "modified": None, "headers": {"ETag": TAG}},
        {"length": "7"},
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_taken(lie, play, act) -> None:
    good = act(body=BODY, etag=TAG)
    stage = play(act(body=BODY, etag=TAG, stop=900), act(**{"body": BODY, "etag": TAG, **lie}), good)
    assert content(stage.url) == BODY


VERSIONS = [BODY[:300], BODY[:400], BODY[300:600], b""]
OFF = st.none() | st.integers(0, 400)


@st.composite
def scripts(draw: st.DrawFn) -> list[dict[str, object]]:
    """Answers of a server whose file changes between versions, and which breaks off whenever it likes."""
    kind = draw(st.sampled_from(["strong", "weak", "modified", "none"]))
    script = []
    for version in draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=1, max_size=6)):
        name = f"{kind}-{version}"
        told = {
            "strong": {"etag": f'"{name}"'},
            "weak": {"etag": f'W/"{name}"'},
            "modified": {"modified": f"Wed, 21 Oct 2015 07:28:0{version} GMT"},
        }.get(kind, {})
        script.append(
            {
                "body": VERSIONS[version],
                "heeds": draw(st.booleans()),
                **told,
                "ranges": draw(st.booleans()),
                "stop": draw(OFF),
                "shift": draw(st.sampled_from([0, 0, 0, 1, -1])),
                "most": draw(st.sampled_from([None, None, 10])),
                "status": draw(st.sampled_from([None] * 6 + [503, 206, 404])),
                "headers": draw(st.sampled_from([{}, {"Connection": "close"}])),
            }
        )
    return script


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts(), size=st.sampled_from([-1, 1, 64, 1000]))
@example(script=[{"body": VERSIONS[0], "stop": 200}, {"body": VERSIONS[2]}], size=64)
def test_whatever_happens_one_version_comes_out_or_an_error(play, act, script, size: int) -> None:
    stage = play(*(act(**one) for one in script))
    last = script[-1]
    whole = not any(last.get(name) for name in ("stop", "status", "shift", "most")) and last.get("stop") != 0
    same = all(one["body"] == last["body"] and one.get("status") is None for one in script)
    try:
        with Source.of(stage.url, compression="none").open() as stream:
            found = b"".join(iter(lambda: stream.read(size), b""))
    except AccessError:
        found = None
    assert found in [one["body"] for one in script] or (found is None and not (whole and same))


@given(
    etag=st.sampled_from(["", '"a"', 'W/"a"', '"b"']),
    modified=st.sampled_from(["", "Wed, 21 Oct 2015 07:28:00 GMT", "rubbish"]),
    date=st.sampled_from(["", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT"]),
)
def test_only_what_stands_for_bytes_asks_for_the_rest(etag: str, modified: str, date: str) -> None:
    found = Validators(etag, modified, date).if_range
    if etag:
        assert found == ("" if etag.startswith("W/") else etag)
    else:
        assert found == (modified if date.endswith(":01 GMT") and modified.startswith("Wed") else "")
    again = Validators.from_json(Validators(etag, modified, date, 5).json)
    assert not again.differ(Validators(etag, modified, date))


# Lengths, codings and redirects


def test_more_than_was_announced_is_an_error(play, act) -> None:
    for extra in (1, 100_000):
        lie = act(body=BODY + b"x" * extra, length=str(len(BODY)), headers={"Connection": "close"})
        stage = play(lie)
        with pytest.raises(AccessError, match="sends more than the 2,048 bytes that it announced"):
            content(stage.url)
        assert len(stage.asked) == 1


def test_a_server_that_does_not_close_as_it_says_is_not_waited_for(monkeypatch) -> None:
    from dataflows_core.files import answers

    monkeypatch.setattr(answers, "_LINGER", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x.csv"
        import threading

        def answer() -> None:
            connection, _ = listening.accept()
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\na\n1\n")
            held.append(connection)

        held: list[socket.socket] = []
        thread = threading.Thread(target=answer)
        thread.start()
        assert content(url) == b"a\n1\n"
        thread.join()
        held[0].close()


@pytest.mark.parametrize("length", ["-5", "many", "5, 6", "0x10", "", "١"])
def test_a_length_that_is_no_number_is_an_error(length: str, play, act, waits) -> None:
    stage = play(
        act(body=b"a\n1\n", length=None, headers={"Content-Length": length.encode().decode("latin-1")})
    )
    with pytest.raises(AccessError, match="which is no number"):
        content(stage.url)
    assert not waits


def test_a_length_that_is_said_twice_is_one(play, act) -> None:
    assert content(play(act(body=b"a\n1\n", length="4, 4")).url) == b"a\n1\n"


def test_without_a_length_it_is_said_that_nobody_can_know(play, act, caplog) -> None:
    assert content(play(act(body=BODY, length=None)).url) == BODY
    assert caplog.text.count("does not say how long it is") == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("Content-Encoding", "br"), ("Content-Encoding", "gzip, gzip"), ("Transfer-Encoding", "gzip")],
)
def test_codings_that_are_not_known_are_refused(field: str, value: str, play, act) -> None:
    with pytest.raises(AccessError, match=value):
        content(play(act(body=BODY, headers={field: value})).url)


def test_what_the_server_packs_is_continued_too(play, act) -> None:
    import gzip

    packed = gzip.compress(bytes(range(256)) * 100, 1)
    told = {"body": packed, "etag": TAG, "headers": {"Content-Encoding": "gzip"}}
    stage = play(act(**told, stop=len(packed) // 2), act(**told))
    assert content(stage.url) == bytes(range(256)) * 100
    stage = play(act(**told, stop=len(packed) // 2), act(**{**told, "headers": {}}, ranges=False))
    with pytest.raises(AccessError, match="changed"):
        content(stage.url)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/x", "data:text/csv,a", ""])
def test_redirects_lead_to_the_web_only(target: str, play, act) -> None:
    stage = play(act(status=302, headers={"Location": target}))
    with pytest.raises(AccessError, match="redirects to"):
        content(stage.url)


def test_redirects_in_a_circle(play, act) -> None:
    stage = play(act(status=307))
    stage.acts = [act(status=307, headers={"Location": stage.url})]
    with pytest.raises(AccessError, match="in a circle"):
        content(stage.url)
    assert len(stage.asked) < 12


SECRETS = {"Authorization": "Bearer 123", "Cookie": "id=123", "X-Api-Key": "123", "Private-Token": "123"}


def test_secrets_go_to_the_server_that_they_are_for_and_to_no_other(play, act) -> None:
    here = play(act(body=BODY))
    there = here.url.replace("127.0.0.1", "localhost")
    for target, secrets in ((here.url, True), (there, False)):
        here.asked.clear()
        moved = play(act(status=302, headers={"Location": target}))
        given = {**SECRETS, "Accept-Language": "de"}
        assert content(moved.url, storage_options=given) == BODY
        assert all(moved.asked[0][name.lower()] == value for name, value in SECRETS.items())
        assert here.asked[0]["accept-language"] == "de"
        assert all((name.lower() in here.asked[0]) == secrets for name in SECRETS)
        assert content(moved.url.replace("://", "://me:123@")) == BODY
        assert ("authorization" in here.asked[1]) == secrets


# Limits, and the version that was planned with


def test_a_limit_refuses_before_reading_and_while_reading(play, act) -> None:
    announced, open_end = act(body=BODY), act(body=BODY, length=None)
    for one, message in ((announced, "has 2,048 bytes"), (open_end, "more than the 2,047 bytes")):
        stage = play(one)
        assert content(stage.url, max_size=2048) == BODY
        with pytest.raises(UnreadableError, match=message) as caught:
            content(stage.url, max_size=2047)
        assert "max_size=" in str(caught.value)


def test_a_file_that_changed_since_it_was_opened_first_is_an_error(play, act) -> None:
    for first, second in (
        ({"etag": TAG}, {"etag": '"two"'}),
        ({"modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"modified": "Wed, 21 Oct 2015 07:28:01 GMT"}),
        ({"body": BODY}, {"body": BODY + b"x"}),
    ):
        stage = play(act(**{"body": BODY, **first}), act(**{"body": BODY, **second}))
        source = Source.of(stage.url)
        assert source.open().read() == BODY
        with pytest.raises(AccessError, match="has changed since the flow was planned"):
            source.open()


def test_what_happened_before_is_told_without_the_secrets(play, act, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    stage = play(act(status=503))
    with pytest.raises(AccessError):
        content(stage.url.replace("://", "://me:s3cr3t@") + "?token=s3cr3t")
    assert "trying again" in caplog.text
    assert not re.search("s3cr3t", caplog.text)
