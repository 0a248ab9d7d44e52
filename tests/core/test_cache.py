"""Downloads that are kept: what the server has now, never half of it, never what it had, and no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files import Source, expand, validators
from dataflows_core.files.shelf import shelves

BODY = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i) for i in range(2000))
TAG, OTHER = '"one"', '"two"'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAFLOWS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kept(url: str, **options) -> bytes:
    (source,) = expand(url, cache=True, **options)
    with source.open() as stream:
        return stream.read()


def files(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_what_has_not_changed_is_not_sent_again(play, act) -> None:
    for told in ({"etag": TAG}, {"etag": 'W/"one"'}):
        stage = play(act(body=BODY, **told))
        assert kept(stage.url) == kept(stage.url) == BODY
        assert [asked.get("if-none-match") for asked in stage.asked] == [None, told["etag"]]


def test_what_has_changed_is_fetched(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG), act(body=BODY[:9], etag=OTHER))
    (planned,) = expand(stage.url, cache=True)
    assert kept(stage.url) == BODY[:9]
    assert planned.open().read() == BODY, "a run reads the copy that it was planned with"


def test_a_copy_is_local_and_has_the_name_of_its_url(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG))
    (source,) = expand(stage.url, cache=True)
    assert source.local is not None
    assert source.local.is_relative_to(cache)
    assert source.open().seekable()
    assert (source.shown, source.stem, source.suffix, source.size) == (stage.url, "x", ".csv", len(BODY))
    source.local.unlink()
    with pytest.raises(AccessError, match=r"the kept copy of http.* was removed; run the flow again"):
        source.open()
    assert Source.of(stage.url, cache=True).open().read() == BODY


def test_without_a_validator_it_is_fetched_every_time(play, act, caplog) -> None:
    stage = play(act(body=BODY), act(body=BODY[:9]))
    assert (kept(stage.url), kept(stage.url)) == (BODY, BODY[:9])
    assert "does not say which version it sends" in caplog.text


def test_what_was_asked_for_with_other_fields_is_another_file(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG), act(body=BODY[:9], etag=TAG))
    assert kept(stage.url, storage_options={"Cookie": "me"}) == BODY
    assert kept(stage.url, storage_options={"Cookie": "you"}) == BODY[:9]
    assert kept(stage.url, storage_options={"cookie": "me"}) == BODY


@pytest.mark.parametrize("damage", ["cut", "changed", "removed", "entry"])
def test_a_damaged_copy_is_fetched_anew(damage: str, play, act) -> None:
    stage = play(act(body=BODY, etag=TAG))
    (source,) = expand(stage.url, cache=True)
    path = source.local
    assert path is not None
    if damage == "cut":
        path.write_bytes(BODY[:-1])
    elif damage == "changed":
        path.write_bytes(BODY[::-1])
        os.utime(path, ns=(1, 1))
    elif damage == "removed":
        path.unlink()
    else:
        (path.parent / "entry.json").write_text('{"url": 7')
    assert kept(stage.url) == BODY
    assert "if-none-match" not in stage.asked[1]
    assert kept(stage.url) == BODY
    assert stage.asked[2]["if-none-match"] == TAG


def test_a_copy_that_was_only_touched_is_still_good(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG))
    (source,) = expand(stage.url, cache=True)
    assert source.local is not None
    source.local.touch()
    assert kept(stage.url) == BODY
    assert stage.asked[1]["if-none-match"] == TAG


def test_a_server_that_cannot_be_asked_is_an_error_also_with_a_copy(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG), act(status=503))
    assert kept(stage.url) == BODY
    with pytest.raises(
        AccessError, match=r"503 .*\n.*\n  a copy that was fetched 0\.0 days ago is kept, but not used"
    ):
        kept(stage.url)


def test_an_interrupted_download_is_continued_by_the_next_run(play, act, cache: Path) -> None:
    torn = act(body=BODY, etag=TAG, stop=5000)
    stage = play(*[torn] * 5, act(body=BODY, etag=TAG))
    stage.acts[1:5] = [act(status=503)] * 4
    with pytest.raises(AccessError):
        kept(stage.url)
    assert not list(cache.rglob("entry.json"))
    assert kept(stage.url) == BODY
    assert stage.asked[-1]["range"] == "bytes=5000-"
    assert not [path.name for path in files(cache) if path.name.startswith("part")]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"body": BODY[::-1], "etag": OTHER}, BODY[::-1]),
        ({"body": BODY, "etag": TAG, "ranges": False}, BODY),
        ({"body": BODY[:10], "etag": OTHER}, BODY[:10]),
        ({"body": BODY[::-1], "etag": TAG, "ranges": False}, BODY[::-1]),
    ],
)
def test_of_two_versions_never_one_file_is_made(second, expected: bytes, play, act) -> None:
    stage = play(act(body=BODY, etag=TAG, stop=5000), *[act(status=503)] * 4, act(**second))
    with pytest.raises(AccessError):
        kept(stage.url)
    assert kept(stage.url) == expected


def test_a_damaged_part_is_not_continued(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG, stop=5000), *[act(status=503)] * 4, act(body=BODY, etag=TAG))
    with pytest.raises(AccessError):
        kept(stage.url)
    (part,) = cache.rglob("part")
    part.write_bytes(bytes(5000))
    assert kept(stage.url) == BODY
    assert "range" not in stage.asked[-1]


PROGRAM = """
import os, signal, sys
from dataflows_core.files import expand, keeping
keeping._SURE = 1
real = keeping.Shelf.write_part_facts
def write(self, *facts):
    real(self, *facts)
    if facts[1] >= 5000: os.kill(os.getpid(), signal.SIGKILL)
keeping.Shelf.write_part_facts = write
keeping._PIECE = 1000
expand(sys.argv[1], cache=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_killed_download_is_continued(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG))
    killed = subprocess.run([sys.executable, "-c", PROGRAM, stage.url], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not list(cache.rglob("entry.json"))
    (part,) = cache.rglob("part")
    with part.open("ab") as file:
        file.write(b"what was not written down")
    assert kept(stage.url) == BODY
    assert stage.asked[-1]["range"] == "bytes=5000-"


def test_several_at_once_fetch_it_once(play, act) -> None:
    stage = play(act(body=BODY * 20, etag=TAG))
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(kept, [stage.url] * 4)) == {BODY * 20}
    assert [asked.get("if-none-match") for asked in stage.asked].count(None) == 1


def test_what_the_server_packs_is_kept_unpacked(play, act) -> None:
    import gzip

    stage = play(act(body=gzip.compress(BODY), etag=TAG, headers={"Content-Encoding": "gzip"}))
    assert kept(stage.url) == kept(stage.url) == BODY
    assert kept(stage.url, compression="none") == BODY
    stage.acts = [act(body=gzip.compress(BODY)[:-9], etag=OTHER, headers={"Content-Encoding": "gzip"})]
    with pytest.raises(AccessError, match="damaged or cut short"):
        kept(stage.url)


def test_a_limit_holds_for_what_is_kept(play, act) -> None:
    stage = play(act(body=BODY, etag=TAG))
    for _ in range(2):
        with pytest.raises(UnreadableError, match="max_size=100"):
            kept(stage.url, max_size=100)
        assert kept(stage.url) == BODY


def test_no_secret_is_written_down(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG))
    url = stage.url.replace("://", "://me:s3cr3t@") + "?access_token=s3cr3t"
    assert kept(url, storage_options={"X-Key": "s3cr3t"}) == BODY
    for path in files(cache):
        assert "s3cr3t" not in str(path)
        assert b"s3cr3t" not in path.read_bytes()
    assert next(cache.glob("downloads")).stat().st_mode & 0o077 == 0 or sys.platform == "win32"


def test_earlier_versions_stay_for_a_day(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG), act(body=BODY[:9], etag=OTHER))
    (old,) = expand(stage.url, cache=True)
    (new,) = expand(stage.url, cache=True)
    assert old.local is not None
    assert old.local.exists()
    os.utime(old.local, (time.time() - 90_000,) * 2)
    expand(stage.url, cache=True)
    assert not old.local.exists()
    assert new.open().read() == BODY[:9]


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    system.pipe("/kept/a.csv", BODY)
    yield system
    system.rm("/kept", recursive=True)


def test_stores_that_say_when_a_file_changes(memory, monkeypatch) -> None:
    opened: list[str] = []
    real = memory.cat_file
    monkeypatch.setattr(
        memory, "cat_file", lambda *args, **more: opened.append(args[0]) or real(*args, **more)
    )
    assert kept("memory://kept/a.csv") == kept("memory://kept/a.csv") == BODY
    assert len(opened) == 1
    memory.pipe("/kept/a.csv", BODY[:9])
    assert kept("memory://kept/a.csv") == BODY[:9]
    with pytest.raises(UnreadableError, match="max_size=5"):
        kept("memory://kept/a.csv", max_size=5)


def test_a_file_of_a_store_that_changed_since_it_was_opened_first_is_an_error(memory) -> None:
    source = Source.of("memory://kept/a.csv")
    assert source.open().read() == source.open().read() == BODY
    memory.pipe("/kept/a.csv", BODY[::-1])
    with pytest.raises(AccessError, match="has changed since the flow was planned"):
        source.open()


@pytest.mark.usefixtures("memory")
def test_stores_that_do_not_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(validators, "_STORE_FACTS", ("ETag",))
    with pytest.raises(FlowError, match="does not say when a file changes; leave cache out"):
        kept("memory://kept/a.csv")


def test_a_folder_that_cannot_be_written_is_told(play, act, cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(AccessError, match="cannot keep downloads in"):
        kept(play(act(body=BODY)).url)


def test_what_is_kept_can_be_listed_and_removed(play, act, cache: Path) -> None:
    stage = play(act(body=BODY, etag=TAG))
    kept(stage.url)
    (shelf,) = shelves()
    facts = shelf.facts()
    assert facts["url"] == stage.url
    assert facts["size"] >= len(BODY)
    with shelf.locked():
        assert not shelf.remove()
    assert shelf.remove()
    assert not shelves()
    assert not files(cache)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(
        st.fixed_dictionaries(
            {
                "version": st.sampled_from([0, 0, 1, 2]),
                "kind": st.sampled_from(["strong", "strong", "weak", "none"]),
                "ranges": st.booleans(),
                "heeds": st.booleans(),
                "stop": st.none() | st.integers(0, 400),
                "status": st.sampled_from([None] * 6 + [503, 404]),
            }
        ),
        min_size=1,
        max_size=8,
    ),
    runs=st.integers(1, 4),
)
def test_whatever_happens_in_any_number_of_runs(play, act, script, runs: int) -> None:
    versions = [BODY[:300], BODY[:400], BODY[300:600]]
    acts = []
    for one in script:
        etag = {"strong": f'"{one["version"]}"', "weak": f'W/"{one["version"]}"'}.get(one["kind"])
        told = {key: one[key] for key in ("ranges", "heeds", "stop", "status")}
        acts.append(act(body=versions[one["version"]], etag=etag, **told))
    stage = play(*acts)
    for _ in range(runs):
        before = len(stage.asked)
        try:
            found = kept(stage.url)
        except AccessError:
            continue
        answered = acts[min(before, len(acts) - 1) : max(len(stage.asked), 1)] or acts[-1:]
        assert found in [one.body for one in answered]


def test_the_metadata_are_json_that_says_what_is_kept(play, act, cache: Path) -> None:
    kept(play(act(body=BODY, etag=TAG)).url)
    (entry,) = cache.rglob("entry.json")
    assert json.loads(entry.read_text())["size"] == len(BODY)
