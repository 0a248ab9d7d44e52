from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_registry.diff import changes
from dataflows_registry.model import Parameter, Processor, Release


def release(*processors, **facts):
    return Release("dataflows-x", "1.0", processors=processors, **facts)


def processor(*parameters, name="f", **facts):
    return Processor(name, f"x.{name}", object=f"x:{name}", parameters=parameters, **facts)


def told(before, after):
    return [(one.what, one.parameter, one.breaking) for one in changes(release(before), release(after))]


A = Parameter("a", "str", required=True)
B = Parameter("b", "int", "1")
C = Parameter("c", "int", "2")
X, X_OR_Y = replace(A, type="Literal['x']"), replace(A, type="Literal['x', 'y']")
KEYWORD = replace(B, keyword_only=True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([A], [A], []),
        ([A], [A, B], [("parameter added", "b", False)]),
        ([A], [A, KEYWORD], [("parameter added", "b", False)]),
        ([A], [A, replace(KEYWORD, required=True)], [("required parameter added", "b", True)]),
        ([A, B], [A], [("parameter removed", "b", True)]),
        ([A, B], [A, C], [("parameter removed", "b", True), ("parameter added", "c", False)]),
        ([A, B], [A, replace(B, default="2")], [("default changed", "b", True)]),
        ([A, B], [A, replace(B, default=None, required=True)], [("now required", "b", True)]),
        ([A], [replace(A, required=False, default="''")], [("now optional", "a", False)]),
        ([A, B], [A, KEYWORD], [("now by name only", "b", True)]),
        ([A, KEYWORD], [A, B], [("now also by position", "b", False)]),
        (
            [A, B, C],
            [A, C, B],
            [("order of positional parameters changed", None, True)],
        ),
        (
            [A, C],
            [A, B, C],
            [("order of positional parameters changed", None, True), ("parameter added", "b", False)],
        ),
        ([A], [replace(A, type="str | None")], [("type widened", "a", False)]),
        ([A], [replace(A, type="Optional[str]")], [("type widened", "a", False)]),
        ([A], [replace(A, type="Any")], [("type widened", "a", False)]),
        ([A], [replace(A, type="int")], [("type changed", "a", True)]),
        ([replace(A, type="str | int")], [A], [("type changed", "a", True)]),
        ([X_OR_Y], [X], [("type changed", "a", True)]),
        ([X], [X_OR_Y], [("type widened", "a", False)]),
        ([replace(A, type=None)], [A], [("type declared", "a", False)]),
        ([A], [replace(A, type=None)], [("type no longer declared", "a", False)]),
        ([A], [replace(A, type="not ( a type")], [("type changed", "a", True)]),
        ([A], [replace(A, variadic=True)], [("number of values changed", "a", True)]),
    ],
)  # fmt: skip
def test_each_change_of_a_parameter_is_told_and_judged(before, after, expected):
    assert told(processor(*before), processor(*after)) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (replace(A, type="Optional[Union[str, int]]"), replace(A, type="int | str | None")),
        (replace(B, type="Literal['x']"), replace(B, type='Literal["x"]')),
        (replace(B, default="'x'"), replace(B, default='"x"')),
        (replace(B, doc="old"), replace(B, doc="new")),
    ],
)
def test_the_same_written_otherwise_is_no_change(before, after):
    assert told(processor(before), processor(after)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (dict(kind="unknown"), dict(kind="step"), [("kind changed", False)]),
        (dict(kind="step"), dict(kind="sink"), [("kind changed", True)]),
        (dict(formats=("csv", "tsv")), dict(formats=("csv",)), [("format removed", True)]),
        (dict(formats=("csv",)), dict(formats=("csv", "tsv")), [("format added", False)]),
        (dict(schemes=("s3",)), dict(), [("scheme removed", True)]),
        (dict(aliases=("g",)), dict(), [("alias removed", True)]),
        (dict(), dict(deprecated="use g"), [("deprecated", False)]),
    ],
)
def test_each_change_of_a_processor_is_told_and_judged(before, after, expected):
    found = changes(release(processor(A, **before)), release(processor(A, **after)))

    assert [(one.what, one.breaking) for one in found] == expected


def test_processors_that_come_and_go_are_told_what_breaks_first():
    kept, gone, new = processor(name="kept"), processor(name="gone"), processor(name="a_new_one")
    found = changes(release(kept, gone), release(kept, new))

    assert [str(one) for one in found] == ["gone: processor removed", "a_new_one: processor added"]
    assert [one.breaking for one in found] == [True, False]


def test_a_processor_under_a_new_name_is_taken_for_a_rename():
    before = processor(name="old")
    after = replace(before, name="new", qualified_name="x.new")

    assert str(changes(release(before), release(after))[0]) == (
        "old: processor removed (perhaps renamed to new)"
    )


def test_a_parameter_in_the_place_of_another_is_taken_for_a_rename():
    (removed, _) = changes(release(processor(A, B)), release(processor(A, C)))

    assert removed.note == "perhaps renamed to c"


@pytest.mark.parametrize(
    ("before", "after", "breaking", "note"),
    [
        (">=3.11", ">=3.10", False, None),
        (">=3.10", ">=3.12", True, "no longer for Python 3.10, 3.11"),
        (None, ">=3", False, None),
    ],
)
def test_fewer_pythons_break(before, after, breaking, note):
    (change,) = changes(release(requires_python=before), release(requires_python=after))

    assert (change.breaking, change.note) == (breaking, note)


NAMES = st.sampled_from("abcd")


@st.composite
def signatures(draw):
    """A signature, as Python allows it."""
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    position = draw(st.integers(0, len(names)))
    required = draw(st.integers(0, position))
    made = []
    for place, name in enumerate(names):
        keyword = place >= position
        needed = draw(st.booleans()) if keyword else place < required
        made.append(Parameter(name, None, None if needed else "0", needed, keyword))
    return made


def function(parameters):
    """What takes the parameters, and returns what each got."""
    kinds = inspect.Parameter
    signature = inspect.Signature(
        [
            kinds(
                one.name,
                kinds.KEYWORD_ONLY if one.keyword_only else kinds.POSITIONAL_OR_KEYWORD,
                default=kinds.empty if one.required else one.default,
            )
            for one in parameters
        ]
    )

    def call(args, kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    return call


@given(signatures(), signatures(), st.integers(0, 4), st.sets(NAMES))
def test_a_call_that_was_right_stays_right_where_nothing_breaks(before, after, positional, named):
    """The oracle is Python itself: it binds the same call to both signatures."""
    args, kwargs = list(range(positional)), {name: name for name in sorted(named)}
    try:
        was = function(before)(args, kwargs)
    except TypeError:
        return
    if any(one.breaking for one in changes(release(processor(*before)), release(processor(*after)))):
        return

    now = function(after)(args, kwargs)

    assert {name: now[name] for name in was} == was


@given(signatures())
def test_a_release_does_not_differ_from_itself(parameters):
    assert changes(release(processor(*parameters)), release(processor(*parameters))) == []
