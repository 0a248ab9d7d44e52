r"""The regular expressions of `pattern` constraints.

Table Schema says XML Schema expressions that match the whole value; tableschema reads them as Python's
`re`, and what it reads is what publishers have tested. So a pattern means what `re.fullmatch` says, plus
what XML Schema has and `re` lacks: ``\p{L}``, ``\i``, ``\c``.

Arrow's engine, RE2, is many times faster than a loop, but differs in places: its ``\d`` and ``\w`` know
ASCII only, its ``$`` another end of text. `to_re2` rewrites a pattern so that RE2 means the same by it, or
says that it cannot.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.guards import all_match

__all__ = ["PatternError", "compile_pattern", "to_re2"]

_NAME_START = (
    r":A-Z_a-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}\x{200C}-\x{200D}"
)
_NAME_START += r"\x{2070}-\x{218F}\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFFD}"
_NAME_START += r"\x{10000}-\x{EFFFF}"

# What `re` and XML Schema mean by these, as the inside of a character class of RE2.
_CLASSES = {
    "d": r"\p{Nd}",
    "w": r"\p{L}\p{N}_",
    "s": r"\t-\r\x1c-\x20\x{85}\p{Z}",
    "i": _NAME_START,
    "c": _NAME_START + r"\-.0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}",
}
_XML_ONLY = re.compile(r"(?:[^\\]|\\[^pPicIC])*\\[pPicIC]", re.DOTALL)
_TOKEN = re.compile(
    r"""
      \\(?P<set>[dwsicDWSIC])
    | \\(?P<property>[pP]\{[A-Z][a-z]?\})
    | \\(?P<code>u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})
    | \\(?P<escaped>[tnrfva] | [^\w\s])
    | (?P<opening>\((?:\?:)?)
    | (?P<count>\{[0-9]+(?:,[0-9]*)?\})
    | (?P<open_class>\[\^?)
    | (?P<plain>[^\\\[\](){}$]) | (?P<closing>\))
    | (?P<end>\$)\Z
    """,
    re.VERBOSE,
)
_IN_CLASS = re.compile(
    r"""
      \\(?P<set>[dwsic])
    | \\(?P<negated>D)
    | \\(?P<property>[pP]\{[A-Z][a-z]?\})
    | \\(?P<code>u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})
    | \\(?P<escaped>[tnrfva] | [^\w\s])
    | (?P<hyphen>-)
    | (?P<plain>[^\\\]])
    """,
    re.VERBOSE,
)

# A column can be matched as one text of lines if no value can match two of them.
_MAY_MATCH_LINE_FEED = re.compile(r"\[\^|\\[sDWICPnxutrfva]|\\p\{[CZ]|[\x00-\x1f]")

Matcher = Callable[[pa.Array], pa.Array]


class PatternError(ValueError):
    """A pattern that cannot be read; its text says why."""


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Matcher:
    r"""A function from a text column to booleans: does the whole value match (null: null)?

    Args:
        pattern: The regular expression.

    Raises:
        PatternError: It is not a regular expression, or uses what only XML Schema has and we lack.

    Examples:
        >>> compile_pattern(r"[A-Z]{2}\d*")(pa.array(["AB12", "ABc", None])).to_pylist()
        [True, False, None]
    """
    if _subtracts(pattern):
        raise PatternError("it subtracts one character class from another, which is not supported")
    compiled, problem = _python(pattern)
    translated = to_re2(pattern) if compiled is not None or _XML_ONLY.match(pattern) else None
    if translated is not None:
        whole = rf"\A(?:{translated})\z"
        try:
            pc.match_substring_regex(pa.array([""]), whole)
        except pa.ArrowInvalid as error:
            problem = str(error)
        else:
            return _re2_matcher(pattern, translated, whole)
    if compiled is None:
        raise PatternError(problem)
    expression = compiled
    return lambda column: _match_distinct(expression, column)


def _re2_matcher(pattern: str, translated: str, whole: str) -> Matcher:
    joins = _MAY_MATCH_LINE_FEED.search(pattern) is None
    try:
        all_match(pa.array([""]), translated)
    except pa.ArrowInvalid:  # RE2 limits the size of a pattern, and this one would be there twice
        joins = False

    def match(column: pa.Array) -> pa.Array:
        if joins and all_match(column, translated):
            return pc.if_else(pc.is_valid(column), True, None)
        return pc.match_substring_regex(column, whole)

    return match


def to_re2(pattern: str) -> str | None:
    r"""The pattern as RE2 must be given it to mean the same; None when RE2 cannot.

    Lookaround, back references, flags, word boundaries and a ``$`` before the end are left to `re`.

    Examples:
        >>> to_re2(r"\d+")
        '[\\p{Nd}]+'
        >>> to_re2(r"(?=a)b") is None
        True
    """
    parts: list[str] = []
    position = 0
    repeats = ""
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            return None
        position = match.end()
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "opening" and text == "(" and pattern.startswith("?", position):
            return None
        if kind == "count" or (kind == "plain" and text in "*+?"):
            # `a+?` is lazy in both; `a++` is possessive in `re` and `(a+)+` in RE2.
            if repeats and (repeats == "??" or text != "?"):
                return None
            repeats += "?"
        else:
            repeats = ""
        if kind == "open_class":
            inside, position = _class_to_re2(pattern, position)
            if inside is None:
                return None
            parts.append(f"{text}{inside}]")
        elif kind == "set":
            parts.append(f"[{'^' if text.isupper() else ''}{_CLASSES[text.lower()]}]")
        else:
            parts.append(_simple_to_re2(kind, text))
    return "".join(parts)


def _class_to_re2(pattern: str, position: int) -> tuple[str | None, int]:
    """What stands between the brackets of a character class, and the position behind it."""
    parts: list[str] = []
    after_set = False
    if pattern.startswith("]", position):
        parts.append(r"\]")
        position += 1
    while not pattern.startswith("]", position):
        match = _IN_CLASS.match(pattern, position)
        if match is None:
            return None, position
        position = match.end()
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "hyphen":
            # `re` reads a hyphen at either end, or behind a set, as itself.
            literal = not parts or after_set or pattern.startswith("]", position)
            parts.append(r"\-" if literal else "-")
        elif kind == "set":
            parts.append(_CLASSES[text])
        elif kind == "negated":
            parts.append(r"\P{Nd}")
        else:
            parts.append(rf"\{text}" if text in "[&~|^" else _simple_to_re2(kind, text))
        after_set = kind in ("set", "negated", "property")
    return "".join(parts), position + 1


def _simple_to_re2(kind: str | None, text: str) -> str:
    if kind == "code":
        return rf"\x{{{text[1:]}}}"
    if kind in ("escaped", "property"):
        # RE2 refuses to escape what is not ASCII, and such characters need no escape.
        return rf"\{text}" if text.isascii() else text
    return text


def _python(pattern: str) -> tuple[re.Pattern[str] | None, str]:
    try:
        with warnings.catch_warnings():
            # `[[` and `--` warn of a future meaning; today they mean themselves.
            warnings.simplefilter("ignore")
            return re.compile(pattern), ""
    except (re.error, OverflowError, RecursionError) as error:
        return None, str(error)


def _subtracts(pattern: str) -> bool:
    """Whether a class ends with `-[…]`, which XML Schema subtracts and nothing here would."""
    return re.search(r"(?<!\\)\[(?:[^\[\]\\]|\\.)+-\[(?:[^\[\]\\]|\\.)+\]\]", pattern) is not None


def _match_distinct(expression: re.Pattern[str], column: pa.Array) -> pa.Array:
    distinct = pc.drop_null(pc.unique(column))
    good = [value for value in distinct.to_pylist() if expression.fullmatch(value)]
    matched = pc.is_in(column, value_set=pa.array(good, column.type))
    return pc.if_else(pc.is_valid(column), matched, pa.scalar(None, pa.bool_()))
