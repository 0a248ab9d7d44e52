from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.discovery import FIRST_PARTY
from dataflows_registry.model import File, Release
from dataflows_registry.policy import RefusedError
from dataflows_registry.trust import installed_withdrawn, look_alike, skeleton, sole_index, withdrawn


@pytest.mark.parametrize(
    "name",
    [
        "datafl0ws-load-csv",
        "dataflows-1oad-csv",
        "dataf1ows-load-csv",
        "dataflow-load-csv",
        "dataflowss-load-csv",
        "datalfows-load-csv",
        "dataflows-loadcsv",
        "dataflowsload-csv",
        "dataflows-csv-load",
        "dataflows-load-cvs",
        "dataflows-load-csvv",
        "dаtaflows-load-csv",  # a Cyrillic letter
        "dátaflows-load-csv",
    ],
)
def test_look_alikes_are_flagged(name):
    assert look_alike(name) == "dataflows-load-csv"


@pytest.mark.parametrize(
    "name", ["dataflows-load-tsv", "dataflows-load-ods", "dataflows-mongo", "acme-load-csv", "requests"]
)
def test_honest_names_are_not(name):
    assert look_alike(name) is None


def test_no_name_of_ours_is_like_another():
    assert [name for name in FIRST_PARTY if look_alike(name, FIRST_PARTY - {name})] == []


@given(st.sampled_from(sorted(FIRST_PARTY)), st.data())
def test_a_letter_that_is_swapped_with_its_neighbour_is_found(name, data):
    at = data.draw(st.integers(0, len(name) - 2))
    slip = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    if "-" not in name[at : at + 2]:
        assert slip in FIRST_PARTY or look_alike(slip) is not None


@given(st.lists(st.text("abcdefgh012345", min_size=1), min_size=1), st.data())
def test_case_and_separators_do_not_tell_names_apart(words, data):
    joined = "".join(word + data.draw(st.sampled_from(["", "-", "_", "."])) for word in words)
    assert skeleton(joined.upper()) == skeleton("".join(words))


def release(**facts) -> Release:
    return Release("acme-shout", "1.0", **facts)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, None),
        ({"status": "active"}, None),
        ({"status": "archived"}, None),
        ({"status": "quarantined"}, "quarantined by the index"),
        ({"yanked": ""}, "yanked by its authors"),
        ({"yanked": "broken"}, "yanked by its authors: broken"),
        ({"files": (File("a.whl", yanked="bad"), File("b.whl", yanked=""))}, "yanked by its authors: bad"),
        ({"files": (File("a.whl", yanked="bad"), File("b.whl"))}, None),
    ],
)
def test_withdrawals(facts, reason):
    assert withdrawn(release(**facts)) == reason


def test_what_was_withdrawn_after_it_was_installed_is_reported():
    known = {"acme-shout": [release(yanked="broken")], "acme-fine": [Release("acme-fine", "2.0")]}
    installed = {"acme-shout": "1.0", "acme-fine": "2.0", "acme-gone": "3.0", "acme-bad": "1.0"}
    removed = {"acme-gone": "malware", "acme-bad 1.0": "", "acme-fine 1.0": "old"}
    assert installed_withdrawn(installed, known, removed) == {
        "acme-shout": "yanked by its authors: broken",
        "acme-gone": "removed from the index: malware",
        "acme-bad": "removed from the index",
    }


def test_one_index_for_each_name():
    assert sole_index("acme-shout", [], None) is None
    assert sole_index("acme-shout", ["acme"], None) == "acme"
    assert sole_index("acme-shout", ["acme", "other"], "other") == "other"
    with pytest.raises(RefusedError, match="on 2 indexes"):
        sole_index("acme-shout", ["acme", "other"], None)
    with pytest.raises(RefusedError, match="pinned to the index 'inner', which lacks it"):
        sole_index("acme-shout", ["acme"], "inner")
