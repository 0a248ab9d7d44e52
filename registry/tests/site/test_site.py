from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.errors import FlowError
from dataflows_registry.model import Distribution, File, Parameter, Processor, Release, Shape
from dataflows_registry.releases import from_sources
from dataflows_registry.site import write_site
from dataflows_registry.site.markup import block, example, inline
from dataflows_registry.site.names import file_name
from dataflows_registry.site.schemas import json_schema

LOAD = Processor(
    "load_csv",
    "load-csv.load_csv",
    object="dataflows_load_csv:load_csv",
    kind="source",
    summary="Load `CSV`.",
    description="In **any** encoding; see [the standard](https://example.org/csv).",
    parameters=(
        Parameter("path", "str", required=True, doc="Where it is.", schema={"type": "string"}),
        Parameter("limit", "int | None", "None", doc="How many rows.", schema={"type": ["integer", "null"]}),
        Parameter("strict", "bool", "True", keyword_only=True),
        Parameter("clock", None, "time.time", keyword_only=True),
        Parameter("options", "Any", keyword_only=True, variadic=True),
    ),
    raises=({"type": "DataError", "doc": "It is no CSV."},),
    returns="Source",
    examples=({"code": ">>> load_csv('x.csv', limit=3)\n<Source>", "doc": "Three rows:"},),
    formats=("csv", "tsv"),
    schemes=("https",),
    shape=Shape("resources", adds_rows=True),
    signature="load_csv(path: str, limit: int | None = None, *, strict: bool = True, clock=time.time, **o)",
    source={"file": "dataflows_load_csv/__init__.py", "line": 3},
)
OLD = replace(LOAD, parameters=LOAD.parameters[:1])
CSV = Distribution(
    "dataflows-load-csv",
    (
        Release(
            "dataflows-load-csv",
            "1.1",
            "Loads CSV.",
            "MIT",
            ">=3.11",
            ("click>=8",),
            ">=0.1",
            ("csv",),
            {"Source": "https://example.org/source"},
            (LOAD,),
            "2026-11-01T10:00:00Z",
            files=(File("dataflows_load_csv-1.1-py3-none-any.whl", 12345, "ab" * 32),),
        ),
        Release("dataflows-load-csv", "1.0", processors=(OLD,), yanked="wrong"),
    ),
)
BARE = Distribution("bare", (Release("bare", "0.1", processors=(Processor("nothing", "bare.nothing"),)),))


class Page(HTMLParser):
    """What a page consists of; fails where the parser would have to guess."""

    VOID = ("meta", "link", "br", "wbr", "input", "hr", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.links, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        found = dict(attrs)
        self.links += [found[name] for name in ("href", "src") if name in found]
        self.ids += [found["id"]] if "id" in found else []
        assert not any(name.startswith("on") or name == "style" for name in found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def folder(tmp_path):
    write_site(tmp_path / "site", [CSV, BARE], installed={"dataflows-load-csv": "1.0"})
    return tmp_path / "site"


def pages(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*.html"))}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_processor_s_page_shows_all_that_is_known(folder):
    page = (folder / "processors/dataflows-load-csv/load_csv.html").read_text("utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", "")).split())

    for expected in (
        "Load CSV .",
        "dataflows registry install dataflows-load-csv",
        "In any encoding",
        "path required",
        "strict by name",
        "**options",
        "not declared",
        "How many rows.",
        "- load_csv: path: x.csv limit: 3",
        "Three rows:",
        "DataError It is no CSV.",
        "whole resources; may add rows (inferred)",
        "Installed 1.0",
        "2026-11-01",
        "dataflows_load_csv/__init__.py:3",
    ):
        assert expected in text, text


def test_a_distribution_s_page_shows_its_releases_and_what_they_changed(folder):
    page = (folder / "distributions/dataflows-load-csv.html").read_text("utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())

    assert "1.0 withdrawn" in text
    assert "load_csv, limit: parameter added: None" in text
    assert "the first that is known" in text
    assert "12 kB" in text
    assert 'href="https://example.org/source" rel="nofollow noopener noreferrer"' in page


def test_what_is_not_known_is_said(folder):
    page = (folder / "processors/bare/nothing.html").read_text("utf-8")

    assert "It takes none." in page
    assert "Its author gives no example" in page
    assert "not declared" in page


def test_every_link_of_every_page_leads_somewhere(folder):
    for name, text in pages(folder).items():
        page = Page(text)
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.links:
            if urlsplit(link).scheme in ("https", "data") or link.startswith("#"):
                continue
            assert urlsplit(link).scheme == "", (name, link)
            assert (folder / name).parent.joinpath(unquote(link)).resolve().is_file(), (name, link)


def test_every_page_has_landmarks_a_language_and_a_strict_policy(folder):
    for name, text in pages(folder).items():
        tags = [tag for tag, _ in Page(text).tags]
        assert [tags.count(tag) for tag in ("main", "header", "h1", "title")] == [1, 1, 1, 1], name
        assert '<html lang="en">' in text
        assert "default-src 'none'; script-src 'self' file:;" in text
        assert not re.search(r"<script(?![^>]* src=)", text)


def test_the_same_catalogue_gives_the_same_bytes_and_touches_nothing(folder):
    before, times = files(folder), {path: path.stat().st_mtime_ns for path in folder.rglob("*.html")}
    write_site(folder, [BARE, CSV], installed={"dataflows-load-csv": "1.0"})

    assert files(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.html")} == times


def test_pages_of_what_is_gone_are_removed_and_foreign_files_stay(folder):
    (folder / "CNAME").write_text("example.org")
    write_site(folder, [CSV])

    assert not (folder / "processors/bare").exists()
    assert (folder / "CNAME").read_text() == "example.org"
    assert (folder / "processors/dataflows-load-csv/load_csv.html").exists()


def test_a_run_that_is_stopped_leaves_nothing_that_the_next_does_not_know(tmp_path):
    from dataflows_registry.site.folder import write_folder

    def some_files():
        yield "old.html", b"old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "site", some_files())
    write_folder(tmp_path / "site", [("new.html", b"new")])

    assert set(files(tmp_path / "site")) == {"new.html", ".dataflows-site"}


def test_a_folder_of_something_else_is_not_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")

    with pytest.raises(FlowError, match="holds no site"):
        write_site(tmp_path, [CSV])

    assert set(files(tmp_path)) == {"thesis.txt"}


def test_a_listing_cannot_make_the_next_run_delete_foreign_files(folder):
    victim = folder.parent / "victim.txt"
    victim.write_text("precious")
    with (folder / ".dataflows-site").open("a") as listing:
        listing.write("../victim.txt\n")
    write_site(folder, [CSV])

    assert victim.exists()


def test_the_site_is_an_index_that_gives_the_same_site(folder, tmp_path):
    found = from_sources([str(folder)])
    write_site(tmp_path / "again", found.distributions.values(), installed={"dataflows-load-csv": "1.0"})

    assert found.problems == []
    assert files(tmp_path / "again") == files(folder)


def test_index_json_has_every_processor_with_what_scripts_rely_on(folder):
    index = json.loads((folder / "index.json").read_text("utf-8"))
    entry = next(one for one in index["processors"] if one["name"] == "load_csv")

    assert {one["name"] for one in index["processors"]} == {"load_csv", "nothing"}
    assert (entry["distribution"], entry["version"], entry["installed"]) == (
        "dataflows-load-csv",
        "1.1",
        True,
    )
    assert entry["formats"] == ["csv", "tsv"]
    assert {"name", "type", "default", "required", "doc"} <= entry["parameters"][0].keys()
    assert (folder / entry["page"]).is_file()
    assert (folder / entry["schema"]).is_file()


def test_a_schema_accepts_the_parameters_and_refuses_others(folder):
    schema = json.loads((folder / "schemas/dataflows-load-csv/load_csv.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)

    assert validator.is_valid({"path": "x.csv", "limit": None, "anything": 1})
    assert not validator.is_valid({"limit": 3})
    assert not validator.is_valid({"path": 3})
    assert schema["properties"]["limit"]["default"] is None
    assert "default" not in schema["properties"]["clock"]
    assert not jsonschema.Draft202012Validator(json_schema(OLD)).is_valid({"path": "x", "other": 1})


def test_the_search_page_s_data_are_json_in_a_script(folder):
    script = (folder / "assets/data.js").read_text("ascii")
    data = json.loads(script.removeprefix("window.CATALOGUE = ").removesuffix(";\n"))

    assert [one["name"] for one in data["processors"]] == ["load_csv", "nothing"]
    assert "<" not in script


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</script><img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,x)",
            "![x](https://example.org/x.png)",
            "<https://example.org> <javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            '"><b onmouseover=alert(1)>',
            "{{ 7 * 7 }}{% raw %}",
            "`" * 50 + "*" * 50,
            "[" * 200,
            "> " * 100 + "deep",
            "\u202egnp.exe",
        ]
    ),
)


@settings(max_examples=50)  # each writes a folder
@given(
    HOSTILE.filter(str.strip),
    st.builds(Parameter, HOSTILE, HOSTILE, HOSTILE, doc=HOSTILE, keyword_only=st.booleans()),
    st.builds(lambda label: {label: "https://example.org/"}, HOSTILE),
    *[HOSTILE] * 4,
)
def test_whatever_a_distribution_says_is_text(tmp_path_factory, name, parameter, links, a, b, c, d):
    processor = Processor(
        name, name, kind=a, summary=b, description=c, parameters=(parameter,), signature=d, deprecated=a,
        raises=({"type": b, "doc": c},), examples=({"code": d, "doc": a},), formats=(b,), problems=(c,),
        source={"file": d, "line": 1},
    )  # fmt: skip
    release = Release("x", "1", a, b, c, (d,), a, (b,), links, (processor,), yanked=d, problems=(a,))
    folder = tmp_path_factory.mktemp("hostile") / "site"
    value = Distribution("x", (release,)).to_json()
    write_site(folder, [Distribution.from_json(json.loads(json.dumps(value)))])

    for text in pages(folder).values():
        page = Page(text)
        scripts = [attrs for tag, attrs in page.tags if tag == "script"]
        assert all(set(attrs) <= {"src", "defer"} and "assets/" in attrs["src"] for attrs in scripts)
        assert not {"img", "iframe", "object", "form", "style"} & {
            tag for tag, attrs in page.tags if attrs.get("role") != "search"
        }
        assert all(urlsplit(link).scheme in ("", "http", "https", "data") for link in page.links)
        assert all(link == "data:," for link in page.links if link.startswith("data"))
        assert "\u202e" not in text
    json.loads((folder / "index.json").read_text("utf-8"))


@given(st.lists(st.text(), unique=True, max_size=30))
def test_file_names_are_safe_and_never_the_same(texts):
    names = [file_name(text) for text in texts]

    assert len({name.lower() for name in names}) == len(texts)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,99}", name) and not name.endswith(".") for name in names)


@pytest.mark.parametrize("text", ["..", "con", "nul.txt", "a/b", "A", "", ".hidden", "a" * 300, "\ud800"])
def test_names_that_a_file_system_takes_ill_are_replaced(text):
    assert file_name(text) != text
    assert re.fullmatch(r"[a-z0-9_]+-[0-9a-f]{16}", file_name(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title", "<h3>Title</h3>\n"),
        (
            "[x](https://example.org)",
            '<p><a href="https://example.org" rel="nofollow noopener noreferrer">x</a></p>\n',
        ),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>\n"),
        ("<script>", "<p>&lt;script&gt;</p>\n"),
        ("![x](https://example.org/i.png)", None),
        ("| a |\n|---|\n| b |", None),
    ],
)  # fmt: skip
def test_markdown(text, expected):
    found = str(block(text))

    assert "<img" not in found
    assert expected in (None, found)


def test_a_summary_is_one_line_of_markup():
    assert str(inline("Load `x` & *y*")) == "Load <code>x</code> &amp; <em>y</em>"


def test_code_without_prompts_is_left_as_it_is():
    assert str(example("load('<x>')")) == "load(&#39;&lt;x&gt;&#39;)"
