from __future__ import annotations

import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import AccessError
from dataflows_registry.search import Filters, Head, search, write_head
from dataflows_registry.search.head import fill
from dataflows_registry.search.spelling import distance, keys, tolerance

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "registry"))
import judge
import synthetic


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    path = tmp_path_factory.mktemp("judged") / "head.sqlite"
    write_head(path, judge.corpus())
    with closing(Head(path, "judged")) as head:
        yield head


def names(head, text, **options):
    return [hit.found.name for hit in search([head], text, **options)]


def test_the_first_answers_to_the_judged_queries_are_right(head):
    places = judge.ranks([head])

    assert len(places) >= 60
    assert head.processors >= 240
    assert judge.mean_reciprocal_rank(places) >= judge.TARGET
    assert all(places.values()), "every query has a right answer among the first twenty"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("upsert", "dump_to_sql"),
        ("excel", "load_excel"),
        ("remove duplicate rows", "deduplicate"),
        ("turn columns into rows", "unpivot"),
        ("rows to columns", "pivot"),
        ("look up values in another table", "join"),
    ],
)
def test_synonyms_are_understood(head, query, name):
    assert name in names(head, query)[:2]


def test_an_exact_name_comes_first_then_names_that_start_so(head):
    found = names(head, "join")
    assert found[0] == "join"
    starts = [name.startswith("join") for name in found]
    assert starts == sorted(starts, reverse=True)
    assert names(head, "dump_to_p")[0].startswith("dump_to_p")
    assert names(head, "Load CSV")[0] == names(head, "loadcsv")[0] == "load_csv"
    assert names(head, "stdlib.join")[0] == "join"


def test_nothing_is_found_for_what_nothing_has(head):
    assert names(head, "qqqqzzzz") == []
    assert names(head, "!?") == []


def test_filters_hold_for_every_result(head):
    found = [hit.found for hit in search([head], "load excel", Filters.of(kind="sink"))]
    assert found
    assert {one.kind for one in found} == {"sink"}
    found = [hit.found for hit in search([head], "", Filters.of(format="XLSX"))]
    assert "load_excel" in {one.name for one in found}
    assert all("xlsx" in one.formats.split() for one in found)
    without = Filters.of(without=["dataflows-load-excel"])
    assert "load_excel" not in names(head, "excel", filters=without)


def test_the_question_is_data(head):
    for text in ('"', "a AND b", "name:x", "* OR", "{name} : x", "x' OR 1 --", "\x00", "é" * 300, "a " * 400):
        search([head], text)


def test_the_same_distributions_give_the_same_bytes(tmp_path):
    distributions = judge.corpus()
    write_head(tmp_path / "one", distributions)
    random.Random(3).shuffle(distributions)
    write_head(tmp_path / "two", distributions)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_without_full_text_the_answers_are_the_same(tmp_path, head):
    path = tmp_path / "plain.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        fill(connection, judge.corpus(), full_text=False)
    with closing(Head(path, "plain")) as plain:
        assert not plain.full_text
        for query, _ in judge.queries():
            assert names(plain, query, most=5) == names(head, query, most=5)


def test_the_first_index_that_has_a_processor_gives_it(tmp_path, head):
    write_head(tmp_path / "second.sqlite", judge.corpus())
    with closing(Head(tmp_path / "second.sqlite", "second")) as second:
        hits = search([second, head], "filter")

    assert {hit.index for hit in hits} == {"second"}
    assert len({hit.found.qualified_name for hit in hits}) == len(hits)


def test_one_that_is_dropped_is_closed(tmp_path):
    write_head(tmp_path / "head.sqlite", judge.corpus())
    head = Head(tmp_path / "head.sqlite", "dropped")
    connection = head.connection
    del head
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_file_of_another_version_or_none_is_refused(tmp_path):
    path = tmp_path / "head.sqlite"
    with pytest.raises(AccessError, match="no search file"):
        Head(path, "mine")
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(AccessError, match="cannot be searched"):
        Head(path, "mine")
    path.unlink()
    write_head(path, judge.corpus()[:2])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE facts SET value = 99 WHERE key = 'format'")
    with pytest.raises(AccessError, match="another version"):
        Head(path, "mine")


def test_many_processors_stay_small(tmp_path):
    path = tmp_path / "head.sqlite"
    write_head(path, synthetic.distributions(2000))
    with closing(Head(path, "synthetic")) as head:
        assert head.processors == 2000
        assert path.stat().st_size / head.processors < 1500  # words are many and seldom in a small index
        assert names(head, "load")


LETTERS = st.text("abcdefgh", min_size=4, max_size=14)


@given(LETTERS, st.data())
def test_a_word_with_a_typing_error_meets_the_word(word, data):
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcxyz"))
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    for wrong in (word[:at] + word[at + 1 :], word[:at] + letter + word[at:], swapped):
        assert distance(word, wrong) <= 1
        if tolerance(wrong):
            assert keys(word) & keys(wrong, tolerance(wrong))


@given(LETTERS, LETTERS, LETTERS)
def test_distance_is_a_distance(one, two, three):
    assert distance(one, one) == 0
    assert distance(one, two) == distance(two, one)
    assert abs(len(one) - len(two)) <= distance(one, two) <= max(len(one), len(two))
