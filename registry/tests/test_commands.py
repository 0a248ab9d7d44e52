from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from dataflows_core import discovery
from dataflows_core.cli import main
from dataflows_core.loading import load
from dataflows_registry.installed import installed_index
from dataflows_registry.store import Store
from dataflows_registry.stubs import renew_stubs, write_stubs

PROMISED = {
    *("name", "qualified_name", "kind", "summary", "distribution", "version", "installed", "parameters"),
    *("formats", "examples", "installed_version", "index", "licence", "requires_python", "requires_core"),
    *("upload_time", "size", "hash"),
}
SHOUT = '''
from dataflows_core.steps import Step


def shout(field: str, marks: int = 1, *, resources=None) -> Step:
    """Write a field in capitals.

    Args:
        field: Which one.
        marks: How many marks follow.
    """
'''
LOADER = '''
from dataflows_core.steps import Source


def load_shx(source: str, *, sheet: int = 1) -> Source:
    """Load SHX files.

    Args:
        source: The path.
        sheet: Which sheet.

    Examples:
        >>> load_shx("cities.shx", sheet=2)
    """
    raise RuntimeError
'''
ENTRY_POINTS = """
[dataflows.processors]
shout = dataflows_shout:shout
[dataflows.loaders]
shx = dataflows_shout.loader:load_shx
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path, cache, monkeypatch):
    """A user of their own, who knows what is installed."""
    monkeypatch.delenv("DATAFLOWS_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


@pytest.fixture
def registry(home, capsys):
    """Runs a command; gives its exit code, its output and what it said besides."""

    def run(*words):
        code = main(["registry", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def shout(registry, make_wheel):
    """An index `house` with a distribution that is not installed."""
    wheel = make_wheel(
        files={"dataflows_shout/__init__.py": SHOUT, "dataflows_shout/loader.py": LOADER},
        entry_points=ENTRY_POINTS,
    )
    code, _, error = registry("index", "add", "house", wheel.parent)
    assert code == 0, error
    return wheel


def entries(output):
    found = json.loads(output)
    assert all(set(entry) >= PROMISED for entry in found)
    return {entry["name"]: entry for entry in found}


def test_list_has_what_is_installed_and_what_can_be(registry, shout):
    code, output, _ = registry("list", "--json")
    found = entries(output)

    assert code == 0
    assert (found["load"]["installed"], found["load"]["index"]) == (True, "installed")
    assert (found["shout"]["installed"], found["shout"]["index"]) == (False, "house")
    assert found["shout"]["hash"].startswith("sha256:")
    assert found["shout"]["size"] == shout.stat().st_size
    assert [one["name"] for one in found["shout"]["parameters"]] == ["field", "marks", "resources"]


def test_list_is_narrowed(registry, shout):
    available = entries(registry("list", "--available", "--kind", "step", "--json")[1])
    assert "shout" in available
    assert not any(entry["installed"] or entry["kind"] != "step" for entry in available.values())
    assert "shout" not in entries(registry("list", "--installed", "--json")[1])
    code, output, error = registry("list", "--format", "none-such")
    assert (code, output) == (0, "")
    assert "no processor is known" in error


def test_search_ranks_and_limits(registry, shout):
    _, output, _ = registry("search", "shuot", "--json")
    assert next(iter(entries(output))) == "shout"
    _, output, error = registry("search", "field", "--limit", "2")
    assert len(output.splitlines()) == 4
    assert "--limit 4" in error
    assert entries(registry("search", "zzqqxx", "--json")[1]) == {}


def test_show_says_everything(registry, shout):
    code, output, _ = registry("show", "shout", "--json")
    entry = json.loads(output)

    assert code == 0
    assert set(entry) >= PROMISED
    assert entry["install"] == "dataflows registry install shout"
    assert entry["usage"]["yaml"].startswith("- shout:")
    assert [one["version"] for one in entry["versions"]] == ["1.0"]
    assert entry["health"]["problems"] == []


@pytest.mark.parametrize("width", [30, 60, 200])
def test_show_fits_the_terminal(registry, shout, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, output, _ = registry("show", "shout")

    assert code == 0
    for part in ("shout", "Parameters", "field", "How many marks follow.", "In Python", "In YAML", "Install"):
        assert part in " ".join(output.split())
    assert "\x1b" not in output, "no colour where nobody looks"
    code = output.partition("In Python")[2].partition("From")[0]
    assert max(map(len, output.replace(code, "").splitlines())) <= max(width, 44)


def test_show_lists_a_distribution(registry, shout):
    code, output, _ = registry("show", "Dataflows_Shout", "--json")

    assert code == 0
    assert list(entries(output)) == ["shout"]


def test_an_unknown_name_is_told_with_near_misses(registry, shout):
    code, _, error = registry("show", "shuot")
    assert code == 2
    assert "did you mean shout?" in error
    code, output, _ = registry("show", "shuot", "--json")
    assert (code, json.loads(output)["ok"]) == (2, False)


@pytest.mark.parametrize("what", ["shx", "a/b.SHX", "b.shx.gz", "https://example.org/b.shx?x=1.csv"])
def test_provides_tells_the_format(registry, shout, what):
    code, output, _ = registry("provides", what, "--json")
    (found,) = json.loads(output)

    assert code == 0
    assert (found["name"], found["does"], found["distribution"]) == ("shx", "reads", "dataflows-shout")


def test_provides_tells_what_it_knows_when_there_is_nothing(registry, shout):
    code, output, error = registry("provides", "x.shz")

    assert (code, output) == (0, "")
    assert "did you mean shx?" in error


@pytest.mark.parametrize("words", [["list"], ["search"], ["search", "load"]])
def test_a_format_that_is_none_is_told_with_near_misses(registry, words):
    _, _, error = registry(*words, "--format", "xslx")
    assert "no format 'xslx' is known: did you mean xlsx" in error


@pytest.mark.parametrize("what", ["", "..", " "])
def test_provides_wants_something(registry, what):
    assert registry("provides", what)[0] == 2


def test_what_is_no_plugin_is_neither_removed_nor_upgraded(registry):
    for command in ("uninstall", "upgrade"):
        code, _, error = registry(command, "pytest", "--yes")
        assert code == 2
        assert "pytest is no plugin of dataflows" in error


def test_what_can_be_searched_needs_no_socket(registry, shout, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    for words in (
        ["list"],
        ["search", "shout"],
        ["show", "shout"],
        ["provides", "shx"],
        ["doctor"],
        ["index", "sources"],
        ["index", "update"],
        ["index", "build", shout.parent, "installed", "-o", tmp_path / "built"],
    ):
        code, _, error = registry(*words, "--offline")
        assert code == 0, error
    code, _, error = registry("index", "add", "world", "https://example.org/simple", "--offline")
    assert code == 2
    assert "offline" in error


def test_indexes_are_added_updated_and_removed(registry, shout, make_wheel):
    make_wheel(
        "dataflows-whisper",
        files={"dataflows_whisper.py": SHOUT.replace("shout", "whisper")},
        entry_points="[dataflows.processors]\nwhisper = dataflows_whisper:whisper\n",
    )
    assert entries(registry("search", "whisper", "--json")[1]) == {}
    code, output, _ = registry("index", "update", "--json")
    assert (code, json.loads(output)[0]["changed"]) == (0, ["dataflows-whisper"])
    assert "whisper" in entries(registry("search", "whisper", "--json")[1])
    code, output, _ = registry("index", "sources", "--json")
    assert [one["name"] for one in json.loads(output)] == ["installed", "house", "bundled"]
    assert registry("index", "remove", "house")[0] == 0
    assert "whisper" not in entries(registry("list", "--json")[1])
    code, _, error = registry("index", "remove", "house")
    assert (code, "none was added" in error) == (2, True)


def test_an_index_that_cannot_be_read_is_not_added(registry, home):
    code, _, error = registry("index", "add", "house", home / "none")

    assert code == 2
    assert "nothing is there" in error
    assert Store().indexes() == []


def test_a_pinned_distribution_comes_from_its_index_alone(registry, shout, make_wheel, tmp_path):
    other = make_wheel(version="9.0", folder=tmp_path / "other")
    assert registry("index", "add", "other", other.parent, "--first")[0] == 0
    assert entries(registry("list", "--json")[1])["shout"]["version"] == "9.0"
    code, output, _ = registry("doctor", "--json")
    assert code == 1
    assert [one["code"] for one in json.loads(output)["findings"]] == ["clash"]
    assert registry("index", "pin", "house", "dataflows-sh*")[0] == 0
    assert entries(registry("list", "--json")[1])["shout"]["version"] == "1.0"
    assert registry("doctor")[0] == 0


@pytest.mark.parametrize("name", ["x; rm -rf ~", "$(touch pwned)", "--yes", "../x", "`x`", "load_csv"])
def test_a_command_to_copy_holds_no_name_that_a_shell_or_another_takes(registry, make_wheel, name):
    wheel = make_wheel(entry_points=f"[dataflows.processors]\n{name} = dataflows_shout:shout\n")
    assert registry("index", "add", "house", wheel.parent)[0] == 0
    for words in (["show", f"shout.{name}"], ["show", f"shout.{name}", "--json"]):
        code, output, _ = registry(*words)
        assert code == 0
        assert "dataflows registry install dataflows-shout" in output
        assert f"install {name}" not in output


def test_text_of_an_index_cannot_act_on_the_terminal(registry, make_wheel):
    module = SHOUT.replace("Write a field", "Write \x1b[31m\u202ea\x9b field")
    wheel = make_wheel(files={"dataflows_shout.py": module})
    assert registry("index", "add", "house", wheel.parent)[0] == 0
    for words in (["list"], ["search", "shout"], ["show", "shout"], ["list", "--json"]):
        _, output, _ = registry(*words)
        assert "shout" in output
        assert not {"\x1b", "\u202e", "\x9b"} & set(output)


def test_a_fresh_user_knows_the_first_party_plugins(registry):
    found = entries(registry("list", "--json")[1])

    assert {"load_csv", "dump_to_path", "filter_rows", "load"} <= set(found)


def test_a_home_that_cannot_be_written_does(registry, home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "file"))
    code, output, _ = registry("search", "load", "--installed", "--json")

    assert code == 0
    assert "load" in entries(output)


def test_what_is_installed_is_described_once(home, cache):
    folder = installed_index(Store())
    stamp = (folder / "index.json").stat().st_mtime_ns
    assert installed_index(Store()) == folder
    assert (folder / "index.json").stat().st_mtime_ns == stamp


def test_the_doctor_finds_a_damaged_index_and_says_the_mend(registry, shout):
    (Store().index_folder("house") / "head.sqlite").write_bytes(b"damaged" * 1000)
    code, output, _ = registry("doctor", "--json")
    (found,) = json.loads(output)["findings"]

    assert (code, found["code"], found["subject"]) == (1, "index", "house")
    assert found["mend"] == "dataflows registry index update house"


WARM = """
import sys
from dataflows_core.cli import main
code = main(["registry", *sys.argv[1:]])
heavy = {"pluggy", "tableschema", "datapackage", "tabulator", "pyarrow", "requests", "griffe", "duckdb"}
plugins = {name for name in sys.modules if name.startswith("dataflows_") and "." not in name}
plugins -= {"dataflows_core", "dataflows_registry"}
print(sorted(heavy & set(sys.modules)), sorted(plugins), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words", [["search", "csv"], ["list"], ["list", "--json"], ["show", "load"], ["show", "load", "--json"]]
)
def test_the_warm_path_imports_nothing_heavy(home, words):
    installed_index(Store())
    done = subprocess.run(
        [sys.executable, "-c", WARM, *words], capture_output=True, text=True, env=dict(os.environ), check=True
    )

    assert "load" in done.stdout
    assert done.stderr.splitlines()[-1] == "[] []"


def test_a_flow_is_told_what_to_install(registry, shout, tmp_path):
    discovery.refresh()
    with pytest.raises(
        ImportError, match=r"`shout` is in dataflows-shout 1.0: `dataflows registry install shout`"
    ):
        from dataflows_core.processors import shout as _  # noqa: F401
    with pytest.raises(Exception, match="`dataflows registry install shout`"):
        discovery.find("processor", "shuot")
    (tmp_path / "cities.shx").write_text("")
    with pytest.raises(Exception, match="`dataflows registry install dataflows-shout`"):
        load(tmp_path / "cities.shx")(None)


def test_an_unknown_name_is_told_though_an_index_is_damaged(registry, shout):
    (Store().index_folder("house") / "head.sqlite").write_bytes(b"damaged" * 1000)
    with pytest.raises(Exception, match=r"there is no processor named 'shuot'.*\n.*do not help"):
        discovery.find("processor", "shuot")


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Installs plugins for this process alone: name, version, entry points, and modules by name."""
    folder = tmp_path / "site"
    folder.mkdir()

    def install(name, entry_points, **modules):
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.3\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dataflows.processors]\n{entry_points}\n")
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        discovery.refresh()

    monkeypatch.syspath_prepend(str(folder))
    yield install
    monkeypatch.undo()
    discovery.refresh()


def findings(registry, *words):
    code, output, _ = registry("doctor", "--json", *words)
    found = json.loads(output)["findings"]
    assert code == (1 if found else 0)
    assert all(one["mend"] for one in found)
    return {(one["code"], one["subject"]) for one in found}


def test_the_doctor_finds_what_is_wrong_with_plugins_without_importing_them(registry, plugins, tmp_path):
    canary = f"open({str(tmp_path / 'canary')!r}, 'w').close()\n"
    plugins("dataflows-gone", "gone = no_such_module:gone", unused="")
    plugins("dataflows-terse", "terse = terse_plugin:terse", terse_plugin=canary + "def terse(x): ...\n")
    # Another claims a name of the core's, which is there whatever else is.
    plugins("dataflows-load-cvs", "branch = cvs:f", cvs=canary + SHOUT.replace("shout", "f"))
    found = findings(registry)

    assert {
        ("broken", "gone.gone (dataflows-gone 1.0)"),
        ("metadata", "terse.terse (dataflows-terse 1.0)"),
        ("look-alike", "dataflows-load-cvs"),
        ("clash", "branch"),
    } <= found
    assert not (tmp_path / "canary").exists()


def test_the_doctor_finds_what_was_withdrawn_since(registry, plugins, make_wheel, server):
    plugins("dataflows-shout", "shout = shouter:shout", shouter=SHOUT)
    wheel = make_wheel()
    link = f'<a href="/{wheel.name}" data-yanked="loses rows">{wheel.name}</a>'
    server.pages["/simple/"] = ("text/html", b'<a href="dataflows-shout/">dataflows-shout</a>')
    server.pages["/simple/dataflows-shout/"] = ("text/html", link.encode())
    server.pages[f"/{wheel.name}"] = ("application/zip", wheel.read_bytes())
    assert registry("index", "add", "web", f"{server.url}/simple/")[0] == 0

    assert ("withdrawn", "dataflows-shout 1.0") in findings(registry)
    health = json.loads(registry("show", "shout", "--json")[1])["health"]
    assert "yanked by its authors: loses rows (index web)" in health["problems"]


def test_the_doctor_finds_an_index_that_was_not_read_for_long(registry, shout):
    folder = Store().index_folder("house")
    for path in folder.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))

    assert ("stale", "house") in findings(registry)
    assert "nothing has changed" in registry("index", "update")[1]
    assert findings(registry) == set()


def test_the_doctor_finds_stubs_that_are_out_of_date(registry, plugins, monkeypatch, tmp_path):
    monkeypatch.setattr("dataflows_registry.stubs.default_folder", lambda: tmp_path)
    write_stubs(tmp_path)
    assert findings(registry) == set()

    plugins("dataflows-shout", "shout = shouter:shout", shouter=SHOUT)

    assert ("stubs", "dataflows_core-stubs") in findings(registry)
    assert renew_stubs(tmp_path)
    assert findings(registry) == set()


@pytest.mark.parametrize("words", [["list"], ["search", "shout"], ["list", "--available"]])
def test_a_look_alike_is_told_wherever_it_is_listed(registry, make_wheel, words):
    wheel = make_wheel("datafl0ws-load-csv")
    assert registry("index", "add", "house", wheel.parent)[0] == 0
    _, output, error = registry(*words)

    assert "datafl0ws-load-csv" in output
    assert error == "look-alike: datafl0ws-load-csv is not dataflows-load-csv, which its name resembles\n"
    found = entries(registry(*words, "--json")[1])
    assert found["shout"]["look_alike"] == "dataflows-load-csv"


def test_the_doctor_imports_plugins_when_asked_to(registry, plugins):
    plugins(
        "dataflows-bad",
        "bad = bad_plugin:bad",
        bad_plugin=SHOUT.replace("shout", "bad") + "\nraise OSError\n",
    )
    broken = ("broken", "bad.bad (dataflows-bad 1.0)")

    assert broken not in findings(registry)
    assert broken in findings(registry, "--import")


def test_a_short_name_that_several_claim_is_shown_by_its_long_name(registry, plugins):
    plugins("dataflows-one", "twice = one_plugin:twice", one_plugin=SHOUT.replace("shout", "twice"))
    plugins("dataflows-two", "twice = two_plugin:twice", two_plugin=SHOUT.replace("shout", "twice"))
    code, _, error = registry("show", "twice")

    assert code == 2
    assert "one.twice" in error
    assert "two.twice" in error
    assert json.loads(registry("show", "two.twice", "--json")[1])["distribution"] == "dataflows-two"
