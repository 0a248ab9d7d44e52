"""Parsers and loaders as users of tabulator have written them."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tabulator import Loader, Parser

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError, FlowError
from dataflows_core.processors import load, load_tabulator

Rows = list[dict[str, Any]]


def rows_of(*links: Any) -> Rows:
    (rows,) = Flow(*links).results().rows
    return rows


def failure(*links: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(*links).process()
    return caught.value


class LogParser(Parser):  # type: ignore[misc] # tabulator has no types
    """Lines such as ``level=info time=12``, or of lines without keys."""

    options = ("separator", "keyed", "first", "fail_at")

    def __init__(self, loader: Any, force_parse: bool = False, **options: Any) -> None:
        self.loader, self.force_parse, self.given = loader, force_parse, options
        self.chars: Any = None

    @property
    def closed(self) -> bool:
        return self.chars is None or bool(self.chars.closed)

    @property
    def encoding(self) -> str:
        return "utf-8"

    @property
    def extended_rows(self) -> Any:
        return self.rows

    def open(self, source: Any, encoding: str | None = None) -> None:
        self.chars = self.loader.load(source, encoding=encoding)
        self.reset()

    def close(self) -> None:
        self.chars.close()

    def reset(self) -> None:
        self.chars.seek(0)
        self.rows = self.parsed()

    def parsed(self) -> Iterator[tuple[int, list[str] | None, list[Any]]]:
        for number, line in enumerate(self.chars, self.given.get("first", 1)):
            if number == self.given.get("fail_at"):
                raise KeyError(f"no {self.chars.name if hasattr(self.chars, 'name') else 'name'}")
            pairs = [part.split("=") for part in line.strip().split(self.given.get("separator", " "))]
            if self.given.get("keyed", True):
                yield number, [pair[0] for pair in pairs], [pair[-1] for pair in pairs]
            else:
                yield number, None, [pair[-1] for pair in pairs]


class ValuesParser(Parser):  # type: ignore[misc]
    """Rows that are there already; what a database gives, for one."""

    def __init__(self, loader: Any, force_parse: bool = False) -> None:
        self.rows: Any = None

    closed = False
    encoding = None

    @property
    def extended_rows(self) -> Any:
        return self.rows

    def open(self, source: Any, encoding: str | None = None) -> None:
        self.rows = ((number, None, list(row)) for number, row in enumerate(source, 1))

    def close(self) -> None:
        self.rows = None

    def reset(self) -> None:
        raise NotImplementedError


class ShoutLoader(Loader):  # type: ignore[misc]
    """Of the scheme ``shout``: the address itself, in capitals."""

    options = ("times",)

    def __init__(self, bytes_sample_size: int, times: int = 1) -> None:
        self.times = times

    def load(self, source: str, mode: str = "t", encoding: str | None = None) -> Any:
        data = io.BytesIO(("word=" + source.removeprefix("shout://").upper() + "\n").encode() * self.times)
        return data if mode == "b" else io.TextIOWrapper(data, encoding or "utf-8")


LOG = {"log": LogParser}
LINES = "level=info time=12\nlevel=error time=15\n"
LOGGED = [{"level": "info", "time": 12}, {"level": "error", "time": 15}]


def test_their_rows_are_loaded_typed(write: Any) -> None:
    path = write("app.log", LINES)
    flow = Flow(load_tabulator(path, custom_parsers=LOG))
    assert flow.results().rows == flow.results().rows == [LOGGED]


def test_load_finds_them_and_hands_them_on(write: Any) -> None:
    path = write("app.txt2", LINES)
    assert rows_of(load(path, format="log", custom_parsers=LOG)) == LOGGED


def test_load_prefers_them_to_every_other_loader(write: Any) -> None:
    path = write("app.json", LINES)
    assert rows_of(load(path, custom_parsers={"json": LogParser})) == LOGGED


def test_they_take_options_of_their_own(write: Any) -> None:
    path = write("app.log", LINES.replace(" ", ";"))
    assert rows_of(load_tabulator(path, custom_parsers=LOG, separator=";")) == LOGGED


def test_other_processes_read_them_too(write: Any) -> None:
    seen: list[int] = []
    path = write("app.log", "".join(f"n={n}\n" for n in range(5000)))
    Flow(load_tabulator(path, custom_parsers=LOG), lambda row: seen.append(row["n"])).run("processes:2")
    assert seen == list(range(5000))


def test_they_go_before_those_of_tabulator(write: Any) -> None:
    path = write("app.csv", LINES)
    assert rows_of(load_tabulator(path, custom_parsers={"csv": LogParser})) == LOGGED


def test_several_packed_files_make_one_resource(write: Any, tmp_path: Path) -> None:
    write("1.log.gz", gzip.compress(LINES.encode()))
    with zipfile.ZipFile(tmp_path / "2.log.zip", "w") as archive:
        archive.writestr("in.log", LINES)
    found = rows_of(load_tabulator(str(tmp_path / "*.log.*"), custom_parsers=LOG, format="log"))
    assert found == LOGGED * 2


def test_a_loader_of_ones_own_opens_its_scheme() -> None:
    flow = Flow(
        load_tabulator(
            "shout://hello.log", custom_parsers=LOG, custom_loaders={"shout": ShoutLoader}, times=2
        )
    )
    assert flow.results().rows == [[{"word": "HELLO.LOG"}] * 2]


def test_a_parser_may_take_anything_for_a_source() -> None:
    values = [["n", "at"], [1, dt.date(2024, 2, 29)], [2.5, dt.datetime(2024, 3, 1, 12)]]
    found = rows_of(load_tabulator(values, format="rows", custom_parsers={"rows": ValuesParser}))
    assert found == [
        {"n": Decimal(1), "at": dt.datetime(2024, 2, 29)},
        {"n": Decimal("2.5"), "at": dt.datetime(2024, 3, 1, 12)},
    ]


def test_a_late_key_is_an_error_and_not_left_out(write: Any) -> None:
    path = write("app.log", "n=1\n" * 2000 + "n=1 nn=2\n")
    error = failure(load_tabulator(path, custom_parsers=LOG))
    assert "row 2001 has a key 'nn'" in str(error)
    assert "did you mean 'n'" in str(error)
    assert rows_of(load_tabulator(path, custom_parsers=LOG, sample_size=3000))[-1] == {"n": 1, "nn": 2}


def test_keys_of_all_rows_of_the_sample_are_fields(write: Any) -> None:
    path = write("app.log", "a=1\nb=2\n")
    assert rows_of(load_tabulator(path, custom_parsers=LOG)) == [{"a": 1, "b": None}, {"a": None, "b": 2}]


def test_rows_that_tabulator_would_leave_out_are_an_error(write: Any) -> None:
    path = write("app.log", LINES)
    error = failure(load_tabulator(path, custom_parsers=LOG, first=0))
    assert "LogParser numbers a row 0" in str(error)


@pytest.mark.parametrize("at", [1, 5, 1500])
def test_what_they_raise_is_kept_with_the_place(write: Any, at: int) -> None:
    path = write("app.log", "n=1\n" * 2000)
    error = failure(load_tabulator(path, custom_parsers=LOG, fail_at=at))
    assert isinstance(error.cause, DataError)
    assert "app.log" in str(error)
    assert "KeyError: " in str(error)
    assert ("behind row 1499" in str(error)) is (at == 1500)


@pytest.mark.parametrize("option", ["custom_parsers", "custom_loaders"])
@pytest.mark.parametrize("found", [3, str])
def test_what_is_no_parser_or_loader_is_refused(option: str, found: Any) -> None:
    with pytest.raises(FlowError, match=f"{option}: 'log'"):
        load_tabulator("app.log", **{option: {"log": found}})


@settings(max_examples=40)
@given(st.data())
def test_every_value_comes_back(data: st.DataObject) -> None:
    kinds = [
        st.text(max_size=5), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.dates(),
        st.datetimes(), st.times(), st.decimals(-(10**9), 10**9, places=9), st.timedeltas(),
        st.lists(st.integers(0, 9), max_size=3), st.dictionaries(st.text(max_size=3), st.booleans()),
    ]  # fmt: skip
    chosen = [st.none() | data.draw(st.sampled_from(kinds)) for _ in "abc"]
    rows = data.draw(st.lists(st.tuples(*chosen), min_size=1, max_size=6))
    source = load_tabulator(
        [list("abc"), *rows], "rows", False, infer_strategy="pytypes", format="rows",
        custom_parsers={"rows": ValuesParser}, override_schema={"missingValues": []},
    )  # fmt: skip
    found = [tuple(row.values()) for row in rows_of(source)]
    assert found == rows


def test_declared_formats_do_not_change_typed_values() -> None:
    values = [["n", "d", "b"], [1.5, dt.date(2024, 2, 29), True]]
    fields = {
        "n": {"type": "number", "decimalChar": ",", "groupChar": "."},
        "d": {"type": "date", "format": "%d.%m.%Y"},
        "b": {"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
    }
    source = load_tabulator(
        values, format="rows", custom_parsers={"rows": ValuesParser}, override_fields=fields
    )
    assert rows_of(source) == [{"n": Decimal("1.5"), "d": dt.date(2024, 2, 29), "b": True}]


def test_a_password_is_in_no_message_of_a_parser() -> None:
    class Failing(LogParser):
        def open(self, source: Any, encoding: str | None = None) -> None:
            raise ValueError(f"cannot connect to {source} with secret")

    source = "postgresql://me:secret@127.0.0.1/x"
    error = failure(load_tabulator(source, format="sql", custom_parsers={"sql": Failing}))
    seen: BaseException | None = error
    while seen is not None:
        assert "secret" not in str(seen)
        seen = seen.__cause__
    assert "cannot connect to postgresql://me:***@127.0.0.1/x with ***" in str(error)
