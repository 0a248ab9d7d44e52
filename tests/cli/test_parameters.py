from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.cli.parameters import arguments_for
from dataflows_core.errors import FlowError


def flow(
    year: int,
    share: float = 0.5,
    exact: Decimal = Decimal(1),
    strict: bool = False,
    out: Path = Path("out"),
    day: dt.date | None = None,
    at: Optional[dt.datetime] = None,  # noqa: UP045 - what people write
    name: str = "x",
    anything: Any = None,
    guessed=3,  # type: ignore[no-untyped-def]
    free=None,  # type: ignore[no-untyped-def]
) -> SomethingForTypeCheckersOnly:  # type: ignore[name-defined]  # noqa: F821
    """Nothing of it is run."""


VALUES = st.fixed_dictionaries(
    {"year": st.integers()},
    optional={
        "share": st.floats(allow_nan=False),
        "exact": st.decimals(allow_nan=False, allow_infinity=False),
        "strict": st.booleans(),
        "out": st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1).map(Path),
        "day": st.dates(),
        "at": st.datetimes(timezones=st.just(dt.UTC)),
        "name": st.text(),
        "anything": st.text(),
        "guessed": st.integers(),
        "free": st.text(),
    },
)


@given(VALUES)
def test_what_python_prints_is_read_back(values: dict[str, object]) -> None:
    found = arguments_for(flow, [f"{name}={value}" for name, value in values.items()])
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in values.items()}


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("TRUE", True), ("1", True), ("off", False), ("No", False)]
)
def test_the_ways_to_say_yes_and_no(text: str, value: bool) -> None:
    assert arguments_for(flow, ["year=1", f"strict={text}"])["strict"] is value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["year"], r"--set takes NAME=VALUE, not 'year'"),
        (
            ["yaer=1"],
            r"the flow has no parameter 'yaer'; did you mean year\?\n  its parameters: year, share, ",
        ),
        (["year=1990.5"], r"the parameter 'year' takes an int, not '1990\.5'"),
        (["year=1", "strict=perhaps"], r"the parameter 'strict' takes a bool, not 'perhaps'"),
        (["year=1", "exact=1,5"], r"the parameter 'exact' takes a Decimal, not '1,5'"),
        (["year=1", "day=1.2.2003"], r"the parameter 'day' takes a date, not"),
        ([], r"the flow needs a value for 'year'; give it with --set year=…"),
    ],
)
def test_wrong_settings_say_what_is_right(settings: list[str], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        arguments_for(flow, settings)


def test_an_annotation_without_a_way_from_text_is_refused_only_when_it_is_set() -> None:
    def choice(mode: Literal["a", "b"] = "a", rows: list[str] | None = None) -> None: ...

    assert arguments_for(choice, []) == {}
    for setting in ("mode=a", "rows=x"):
        with pytest.raises(
            FlowError, match="which --set cannot give; it can give bool, int, float, Decimal, Path, "
        ):
            arguments_for(choice, [setting])


def test_a_function_that_takes_any_name_gets_texts() -> None:
    def anything(year: int = 1, **options: str) -> None: ...

    assert arguments_for(anything, ["year=2", "colour=red=blue"]) == {"year": 2, "colour": "red=blue"}


def test_an_annotation_that_cannot_be_read_is_the_flows_fault() -> None:
    def broken(year: NotThere = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(FlowError, match=r"an annotation of broken\(\) cannot be read: name 'NotThere'"):
        arguments_for(broken, ["year=1"])


def test_functions_without_annotations_are_fine() -> None:
    function: Callable[..., None] = lambda a, b=2: None  # noqa: E731
    assert arguments_for(function, ["a=1", "b=3"]) == {"a": "1", "b": 3}
