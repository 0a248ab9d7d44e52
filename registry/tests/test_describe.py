from __future__ import annotations

import io

import pytest

from dataflows_registry.describe.annotations import json_schema
from dataflows_registry.sources.wheels import describe_file

HEAD = """
from __future__ import annotations
from collections.abc import Callable, Iterable
from typing import Any, Literal
from dataflows_core.steps import Sink, Source, Source as Reader, Step

Mode = Literal["fast", "exact"]

"""


STEP = "def go() -> Step:\n    def step(package):\n        BODY\n    return step\n"


@pytest.fixture
def described(make_wheel):
    """The processors of a wheel with one package, by name."""

    def describe(entry_points: str, **modules: str):
        files = {f"acme_flows/{name}.py": text for name, text in modules.items()}
        files.setdefault("acme_flows/__init__.py", "")
        wheel = make_wheel("dataflows-acme", files=files, entry_points=entry_points)
        release = describe_file(wheel, wheel.name)
        return {(one.group, one.name): one for one in release.processors}

    return describe


def one(described, source: str, attribute="go", **more):
    entries = f"[dataflows.processors]\ngo = acme_flows.go:{attribute}\n"
    return described(entries, go=HEAD + source, **more)["processor", "go"]


def test_a_processor_is_described_from_what_its_author_wrote(described):
    found = one(
        described,
        '''
def go(
    path: str,
    /,
    mode: Mode = "exact",
    *names: str,
    limit: int | None = None,
    check: Callable[[Any], bool] | str | None = None,
    **options: Any,
) -> Source:
    """Read a thing,
    slowly.

    It takes its time.
    And more.

    Note:
        Be patient.

    Args:
        path: Where it is.
        limit (int): How many rows
            at most.
        **options: Others.

    Raises:
        DataError: It is broken.

    Returns:
        A source.

    Examples:
        First the usual way:

        >>> go("x")  # doctest: +SKIP
        1

        In a file:

        ```yaml
        - go: x
        ```

    Deprecated:
        Use `come` instead.
    """
''',
    )

    assert (found.name, found.qualified_name, found.kind) == ("go", "acme.go", "source")
    assert found.object == "acme_flows.go:go"
    assert found.summary == "Read a thing, slowly."
    assert found.description == "It takes its time.\nAnd more.\n\nNote: Be patient."
    assert found.raises == ({"type": "DataError", "doc": "It is broken."},)
    assert found.returns == "Source"
    assert found.deprecated == "Use `come` instead."
    assert found.examples == (
        {"code": '>>> go("x")\n1', "doc": "First the usual way:"},
        {"code": "- go: x", "doc": "In a file:"},
    )
    assert found.signature == (
        "go(path: str, /, mode: Mode = 'exact', *names: str, limit: int | None = None, "
        "check: Callable[[Any], bool] | str | None = None, **options: Any) -> Source"
    )
    assert found.source == {"file": "acme_flows/go.py", "line": 10}
    assert found.problems == ()
    rows = [
        (p.name, p.type, p.default, p.required, p.keyword_only, p.variadic, p.doc) for p in found.parameters
    ]
    assert rows == [
        ("path", "str", None, True, False, False, "Where it is."),
        ("mode", "Mode", "'exact'", False, False, False, ""),
        ("names", "str", None, False, False, True, ""),
        ("limit", "int | None", "None", False, True, False, "How many rows at most."),
        ("check", "Callable[[Any], bool] | str | None", "None", False, True, False, ""),
        ("options", "Any", None, False, False, True, "Others."),
    ]
    assert [p.schema for p in found.parameters] == [
        {"type": "string"},
        {"enum": ["fast", "exact"], "default": "exact"},
        {"type": "string"},
        {"type": ["integer", "null"], "default": None},
        {"type": ["string", "null"], "default": None},
        {},
    ]


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("Source", "source"), ("Step", "step"), ("'Sink'", "sink"), ("Flow", "flow"), ("Reader", "source"),
        ("dataflows_core.steps.Step", "step"), ("list[Step]", "unknown"), ("None", "unknown"),
    ],
)  # fmt: skip
def test_the_kind_is_the_return_annotation_s(described, annotation, kind):
    assert one(described, f"def go() -> {annotation}: ...").kind == kind


@pytest.mark.parametrize(
    ("body", "by", "adds_rows"),
    [
        ("for r in package.tables(None): r.map_sql(where='x')", "batches", False),
        ("for r in package.tables(None): r.map_batches(f)", "batches", None),
        ("for r in package.tables(None): r.each_row(f)", "each row", False),
        ("for r in package.tables(None): r.pipe_rows(f)", "rows", None),
        ("package.add(Resource())", "resources", True),
        ("package[0].stream = Stream.derive([], f, s)", "resources", None),
        ("for r in package.tables(None): r.write(sink)", "resources", False),
        ("package.properties['title'] = 'x'", "package", False),
        ("helper(package)", "resources", True),
        ("Other(package).run(package)", "rows", None),
    ],
)
def test_the_shape_is_what_the_step_calls(described, body, by, adds_rows):
    helpers = "def helper(package):\n    deeper(package)\ndef deeper(package):\n    package.add(1)\n"
    classes = (
        "class Other:\n    def __init__(self, package):\n        self.start()\n"
        "    def start(self):\n        self.r.pipe_rows(1)\n    def run(self, package): ...\n"
    )
    source = f"from .helpers import helper\n{classes}\n{STEP}".replace("BODY", body)

    shape = one(described, source, helpers=helpers).shape

    assert (shape.by, shape.adds_rows if "Other" not in body else None, shape.inferred) == (
        by,
        adds_rows,
        True,
    )


def test_a_package_handed_to_strangers_may_become_anything(described):
    assert one(described, f"from other import f\n{STEP}".replace("BODY", "f(package)")).shape is None


def test_a_sink_writes_the_format_of_the_writer_that_it_is_named_after(described):
    entries = """
[dataflows.processors]
dump_to_excel = acme_flows.go:dump_to_excel
dump_to_other = acme_flows.go:dump_to_other
[dataflows.writers]
excel = acme_flows.go:Writer
xlsx = acme_flows.go:Writer
ods = acme_flows.go:Another
"""
    code = HEAD + "def dump_to_excel(path) -> Sink: ...\ndef dump_to_other(path) -> Sink: ...\n"
    found = {one.name: one.formats for one in described(entries, go=code).values()}

    assert found["dump_to_excel"] == ("excel", "xlsx")
    assert found["dump_to_other"] == ()


def test_a_sink_writes_to_the_addresses_that_its_parameters_show(described):
    doc = '''    """Dump.

    Args:
        engine: The URL (``postgresql://…``), or ``"env://NAME"``; see https://example.org.
    """
'''
    assert one(described, f"def go(engine) -> Sink:\n{doc}    ...\n").schemes == ("postgresql",)
    assert one(described, f"def go(engine) -> Source:\n{doc}    ...\n").schemes == ()


def test_formats_and_schemes_come_from_the_groups(described):
    entries = """
[dataflows.processors]
load_it = acme_flows.go:load_it
dump_it = acme_flows.go:dump_it
[dataflows.loaders]
parquet = acme_flows.go:load_it
s3 = acme_flows.go:load_it
postgresql+psycopg = acme_flows.go:other
[dataflows.writers]
parquet = acme_flows.go:Writer
"""
    found = described(
        entries,
        go=HEAD
        + '''
from dataflows_core import discovery
def load_it(path) -> Source: ...
def other(path) -> Source: ...
def dump_it(path) -> Sink:
    discovery.load("writer", "x")
    def step(package): ...
    return step
class Writer:
    """Writes it.

    Args:
        level: How small.
    """
    def __init__(self, schema, level: int = 3): ...
''',
    )

    assert set(found) == {
        ("processor", "load_it"), ("processor", "dump_it"), ("writer", "parquet"),
        ("loader", "postgresql+psycopg"),
    }  # fmt: skip
    assert found["processor", "load_it"].formats == ("parquet",)
    assert found["processor", "load_it"].schemes == ("s3",)
    assert found["processor", "dump_it"].formats == ("parquet",)
    assert found["loader", "postgresql+psycopg"].schemes == ("postgresql+psycopg",)
    writer = found["writer", "parquet"]
    assert [(p.name, p.doc) for p in writer.parameters] == [("schema", ""), ("level", "How small.")]
    assert writer.signature == "Writer(schema, level: int = 3) -> Writer"


def test_names_are_followed_within_the_distribution(described):
    found = one(
        described,
        "from .deep import again\nfrom acme_flows import sub\nsame = again\ngo = sub.thing.made\n",
        attribute="same",
        deep="from .deeper.real import thing as again",
        **{
            "deeper/__init__": "",
            "deeper/real": "def thing(x: int):\n    '''The real thing.'''\n",
            "sub": "",
        },
    )

    assert found.summary == "The real thing."
    assert found.source == {"file": "acme_flows/deeper/real.py", "line": 1}


@pytest.mark.parametrize(
    ("source", "attribute", "problem"),
    [
        ("def go(:", "go", "acme_flows/go.py, line 9: invalid syntax"),
        ("x = 1", "go", "acme_flows/go.py does not define go where it can be read"),
        ("go = make(1)", "go", "acme_flows.go:go is made when acme_flows/go.py is imported"),
        ("go = 5", "go", "acme_flows.go:go is made when"),
        ("from os import path as go", "go", "is imported from os.path, outside of this distribution"),
        ("from .go import go", "go", "imported in a circle"),
        ("a = b\nb = a", "a", "imported in a circle"),
        ("", "", "names the module acme_flows.go and nothing in it"),
        ("go: int", "go", "is made when"),
        ("(" * 5000, "go", "acme_flows/go.py"),
        ("x = " + "-" * 50000 + "1", "go", "acme_flows/go.py is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_file(described, source, attribute, problem):
    found = one(described, source, attribute)

    assert problem in found.problems[0]
    assert (found.kind, found.parameters, found.summary) == ("unknown", (), "")


def test_a_module_that_is_not_there_is_said(described):
    found = described("[dataflows.processors]\ngo = acme_flows.absent:go\nup = ../../x:y\n")

    assert "this distribution has no source of that module" in found["processor", "go"].problems[0]
    assert found["processor", "up"].problems


def test_two_names_of_one_object_know_each_other(described):
    found = described(
        "[dataflows.processors]\ngo = acme_flows.go:go\nwalk = acme_flows.go:go\n", go="def go(): ..."
    )

    assert found["processor", "go"].aliases == ("walk",)
    assert found["processor", "walk"].signature == "walk()"


def test_decorators_that_may_change_a_signature_are_named(described):
    found = one(described, "@deprecated('Old.')\n@magic(1)\ndef go(x): ...")

    assert found.deprecated == "Old."
    assert found.problems == ("the decorator magic may change the signature that is written here",)


def test_the_release_is_what_its_metadata_say(make_wheel):
    wheel = make_wheel(
        more="License-Expression: MIT\nRequires-Python: >=3.11\nRequires-Dist: dataflows-core<2,>=1\n"
        "Requires-Dist: ???\nKeywords: a,b\nProject-URL: Docs, https://example.org/\n"
        "Project-URL: Evil, javascript:alert(1)\n"
    )

    release = describe_file(io.BytesIO(wheel.read_bytes()), wheel.name)

    assert (release.distribution, release.version) == ("dataflows-shout", "1.0")
    assert (release.licence, release.requires_python, release.requires_core) == ("MIT", ">=3.11", "<2,>=1")
    assert release.keywords == ("a", "b")
    assert release.links == {"Docs": "https://example.org/"}
    assert release.problems == ("METADATA: '???' is no requirement",)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("str | int", {"type": ["string", "integer"]}),
        ("Optional[int]", {"type": ["integer", "null"]}),
        ("Union[str, list[str], None]", {"anyOf": [{"type": ["string", "null"]},
                                                   {"type": "array", "items": {"type": "string"}}]}),
        ("Literal[1, 'a', True, None]", {"enum": [1, "a", True, None]}),
        ("Literal['a'] | None", {"enum": ["a", None]}),
        ("dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("Mapping[str, Any]", {"type": "object"}),
        ("tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
        ("tuple[int, str]", {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}],
                             "minItems": 2, "maxItems": 2}),
        ("str | os.PathLike[str]", {"type": "string"}),
        ("str | Callable[[int], str]", {"type": "string"}),
        ("Callable[..., Any]", {}),
        ("Any", {}),
        ("str | Package", {}),
        ("'str | None'", {"type": ["string", "null"]}),
        ("bool", {"type": "boolean"}),
        ("Decimal | float", {"type": "number"}),
        ("datetime.date", {"type": "string", "format": "date"}),
        ("Literal[f(x)]", {}),
        ("1 +", {}),
        ("|".join(["int"] * 300), {"type": "integer"}),
        ("list[" * 500 + "]" * 500, {}),
    ],
)  # fmt: skip
def test_annotations_are_json_schema(annotation, schema):
    assert json_schema(annotation) == schema
