from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import DataError
from dataflows_registry.model import Distribution, File, Parameter, Processor, Release, Shape, dumps, loads
from dataflows_registry.text import clean_line, clean_link, clean_text

SEEN = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=10).map(clean_line)
TEXTS = st.lists(SEEN, max_size=3).map(tuple)
MAYBE = st.none() | SEEN
PARAMETERS = st.builds(
    Parameter, SEEN, MAYBE, MAYBE, st.booleans(), st.booleans(), st.booleans(), SEEN,
    st.none() | st.fixed_dictionaries({"enum": st.lists(SEEN | st.integers() | st.none())}),
)  # fmt: skip
PROCESSORS = st.builds(
    Processor,
    SEEN,
    SEEN,
    parameters=st.lists(PARAMETERS, max_size=2).map(tuple),
    raises=st.lists(st.fixed_dictionaries({"type": SEEN, "doc": SEEN}), max_size=2).map(tuple),
    shape=st.none() | st.builds(Shape, SEEN, st.none() | st.booleans()),
    formats=TEXTS,
    source=st.none() | st.fixed_dictionaries({"file": SEEN, "line": st.integers(0, 999)}),
)
RELEASES = st.builds(
    Release,
    SEEN,
    SEEN,
    links=st.just({"Docs": "https://example.org/"}) | st.just({}),
    processors=st.lists(PROCESSORS, max_size=2).map(tuple),
    yanked=MAYBE,
    files=st.lists(st.builds(File, st.just("x-1.whl"), st.none() | st.integers(0)), max_size=2).map(tuple),
)


@given(st.builds(Distribution, SEEN, st.lists(RELEASES, max_size=2).map(tuple)))
def test_what_is_written_is_read_again(distribution):
    text = dumps(distribution)

    again = Distribution.from_json(loads(text, "test"))

    assert again == distribution
    assert dumps(again) == text


def test_keys_of_later_versions_are_ignored():
    data = {"name": "x", "releases": [{"distribution": "x", "version": "1", "stars": 5}], "more": {}}

    assert Distribution.from_json(data) == Distribution("x", (Release("x", "1"),))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "Distribution is an object, not int"),
        ({}, "Distribution: missing 1 required positional argument: 'name'"),
        ({"name": ["x"]}, "Distribution.name: text is wanted, not list"),
        ({"name": "x", "releases": {}}, "Distribution.releases: an array is wanted, not dict"),
        (
            {"name": "x", "releases": [{"distribution": "x", "version": None}]},
            "Distribution.releases: Release.version: text is wanted, not null",
        ),
    ],
)
def test_documents_of_another_form_are_refused_with_the_place(data, message):
    with pytest.raises(DataError) as caught:
        Distribution.from_json(data)

    assert str(caught.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "releases", "version", "distribution", "processors", "links", "schema"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_hostile_documents_are_read_or_refused(data):
    with suppress(DataError):
        dumps(Distribution.from_json(data)).encode()


def test_deep_documents_are_refused():
    with pytest.raises(DataError):
        loads("[" * 100_000, "deep.json")
    deep = {}
    for _ in range(50):
        deep = {"a": deep}
    with pytest.raises(DataError, match="nested too deeply"):
        Parameter.from_json({"name": "x", "schema": deep})


def test_the_latest_release_is_one_to_use():
    releases = [Release("x", "2.0rc1"), Release("x", "1.9", yanked="broken"), Release("x", "1.8.post1")]

    assert Distribution("x", tuple(releases)).latest.version == "1.8.post1"
    assert Distribution("x", tuple(releases[:2])).latest.version == "2.0rc1"
    assert Distribution("x", tuple(releases[1:2])).latest.version == "1.9"


@given(st.text() | st.text("\x1b[]\u202e\u200b\r\n\t \U000e0041ab", max_size=50))
def test_no_character_that_is_not_seen_stays(text):
    line, lines = clean_line(text), clean_text(text)

    unseen = set("\x1b\r\u202e\u200b\u2066\ufeff\x9b\U000e0041")
    assert not unseen & set(line + lines)
    assert "\n" not in line
    assert line == line.strip()
    assert clean_line(line) == line
    assert clean_text(lines) == lines
    (line + lines).encode()


def test_long_text_says_that_it_is_cut():
    assert clean_line("x" * 1000, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "ftp://x.org/", "//x.org", "http://",
        "x", "https://user:secret@x.org/", "https://x.org/\x1b[0m", "https://x.org/\"onload=", "http://[::1",
        "", "https://x.org/ y",
    ],
)  # fmt: skip
def test_other_addresses_are_no_links(address):
    assert clean_link(address) is None


def test_the_model_imports_nothing_heavy():
    code = (
        "import sys, dataflows_registry.model; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'griffe', 'pypi_simple', 'packaging', 'click', 'pluggy', 'pyarrow', 'requests', 'duckdb'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
