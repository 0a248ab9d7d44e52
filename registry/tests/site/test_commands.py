from __future__ import annotations

import json

import pytest

from dataflows_core.cli import main

BEFORE = '''
from dataflows_core.steps import Step

def shout(field: str, marks: int = 1) -> Step:
    """Write a field in capitals."""
'''
AFTER = BEFORE.replace("marks: int = 1", "marks: int = 2, *, loud: bool = False")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DATAFLOWS_HOME", str(tmp_path / "home"))


@pytest.fixture
def wheels(tmp_path, make_wheel):
    """Two releases of a distribution."""
    name, module = "dataflows-shout", "dataflows_shout.py"
    return [make_wheel(name, "1.0", {module: BEFORE}), make_wheel(name, "1.1", {module: AFTER})]


def run(capsys, *words):
    code = main(["registry", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_docs_shows_what_sources_have(tmp_path, wheels, capsys):
    code, out, _ = run(capsys, "docs", *wheels, "-o", tmp_path / "site", "--title", "Ours", "--offline")

    assert code == 0
    assert out == f"{tmp_path / 'site/index.html'}: 1 processor\n"
    page = (tmp_path / "site/processors/dataflows-shout/shout.html").read_text()
    assert "Ours" in page
    assert "Installed" not in page


def test_docs_without_a_source_shows_what_is_installed(tmp_path, capsys):
    code, out, _ = run(capsys, "docs", "-o", tmp_path / "site", "--json")

    assert code == 0
    assert json.loads(out)["processors"] >= 3
    page = (tmp_path / "site/processors/dataflows-core/load.html").read_text()
    assert "<dt>Installed</dt>" in page


def test_docs_names_what_cannot_be_shown(tmp_path, wheels, capsys):
    broken = tmp_path / "wheels" / "dataflows_broken-1.0-py3-none-any.whl"
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(b"no zip")
    code, _, err = run(capsys, "docs", wheels[0], broken.parent, "-o", tmp_path / "site")

    assert code == 0
    assert "dataflows_broken-1.0-py3-none-any.whl" in err


def test_docs_offline_refuses_the_network(tmp_path, capsys):
    code, _, err = run(capsys, "docs", "https://example.org/simple", "-o", tmp_path / "site", "--offline")

    assert code == 2
    assert "offline" in err
    assert not (tmp_path / "site").exists()


def test_diff_of_two_wheels_says_what_breaks(wheels, capsys):
    code, out, _ = run(capsys, "diff", *wheels)

    assert code == 1
    assert out.splitlines()[0] == "1.0 → 1.1"
    assert [line.split()[:3] for line in out.splitlines()[2:] if line.startswith(("yes", "no"))] == [
        ["yes", "shout", "marks"],
        ["no", "shout", "loud"],
    ]


def test_diff_for_programs(wheels, capsys):
    code, out, _ = run(capsys, "diff", *wheels, "--json")
    found = json.loads(out)

    assert (code, found["ok"], found["breaking"]) == (1, False, True)
    assert (found["distribution"], found["before"], found["after"]) == ("dataflows-shout", "1.0", "1.1")
    assert found["changes"][0] == {
        "what": "default changed",
        "breaking": True,
        "processor": "shout",
        "parameter": "marks",
        "before": "1",
        "after": "2",
        "note": None,
    }


@pytest.mark.parametrize("words", [["shout"], ["shout", "1.0"], ["dataflows-shout", "1.0.0", "latest"]])
def test_diff_finds_releases_in_a_source(wheels, capsys, words):
    sources = [word for wheel in wheels for word in ("--source", wheel)]
    code, out, _ = run(capsys, "diff", *words, *sources)

    assert code == 1
    assert "marks" in out


def test_diff_of_a_release_and_itself_is_nothing(wheels, capsys):
    assert run(capsys, "diff", wheels[0], wheels[0])[:2] == (
        0,
        "1.0 → 1.0\nnothing changed in the processors\n",
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["shuot"], "did you mean dataflows-shout?"),
        (["shout", "7.0"], "has no release 7.0 that is known; there are 1.1, 1.0"),
        (["shout", "installed"], "dataflows-shout is not installed"),
        (["shout", "not a version"], "has no release not a version"),
        (["a", "b", "c", "d"], "name a distribution and two of its releases"),
    ],
)
def test_diff_refuses_what_names_no_release(wheels, capsys, words, expected):
    sources = [word for wheel in wheels for word in ("--source", wheel)]
    code, out, err = run(capsys, "diff", *words, *sources)

    assert (code, out) == (2, "")
    assert expected in err


def test_diff_of_the_only_release_says_where_others_may_be(wheels, capsys):
    code, _, err = run(capsys, "diff", "shout", "--source", wheels[0])

    assert code == 2
    assert "the only release that is known" in err


def test_stubs_are_written_checked_and_removed(tmp_path, capsys):
    place = ["-o", tmp_path / "stubs"]
    stub = tmp_path / "stubs/dataflows_core-stubs/processors.pyi"

    assert run(capsys, "stubs", "--check", *place)[0] == 1
    assert run(capsys, "stubs", *place)[0] == 0
    assert "from dataflows_core.loading import load as load\n" in stub.read_text()
    assert run(capsys, "stubs", "--check", *place)[0] == 0
    stub.write_text(stub.read_text() + "x: int\n")
    assert run(capsys, "stubs", "--check", *place)[0] == 1
    assert json.loads(run(capsys, "stubs", "--remove", "--json", *place)[1])["removed"] is True
    assert not stub.parent.exists()
    assert json.loads(run(capsys, "stubs", "--remove", "--json", *place)[1])["removed"] is False


def test_stubs_that_another_program_made_are_left_alone(tmp_path, capsys):
    stub = tmp_path / "dataflows_core-stubs/processors.pyi"
    stub.parent.mkdir()
    stub.write_text("x: int\n")

    for words in (["stubs"], ["stubs", "--remove"]):
        code, _, err = run(capsys, *words, "-o", tmp_path)
        assert code == 2
        assert "another program" in err
    assert stub.read_text() == "x: int\n"
