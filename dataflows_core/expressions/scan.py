"""A first look at the text of an expression, before any parser sees it.

What this refuses would be refused later as well, or would be harmless: the tree is rebuilt from what was
allowed, and the text itself never runs. Looking first gives messages that name what was written, and keeps
text without end away from the parser.
"""

from __future__ import annotations

import re

from dataflows_core.errors import ExpressionError

__all__ = ["MOST_CHARACTERS", "MOST_DEPTH", "STATEMENT", "scan"]

MOST_CHARACTERS = 10_000
"""How long an expression may be."""
MOST_DEPTH = 100
"""How deep the constructs of an expression may be nested."""

STATEMENT = re.compile(
    r"\s*(select|with|from|values|table|insert|update|delete|merge|create|drop|alter|attach|detach|copy|export|import"
    r"|install|load|pragma|set|reset|call|use|execute|prepare|deallocate|explain|describe|show|summarize|vacuum"
    r"|checkpoint|begin|commit|rollback|truncate|comment|grant)\b",
    re.IGNORECASE,
)
"""What a statement begins with; a field may have such a name, so this only helps to explain a fault."""

_TOKEN = re.compile(
    r"""
      (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<comment>--|/\*)
    | (?P<parameter>\$\w+(?!\$)|\?|(?<![:\w]):(?=[A-Za-z_]))
    | (?P<dollar>\$)
    | (?P<semicolon>;)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<quote>['"])
    | (?P<other>[^'"\-/$?:;()\[\]{}eE]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REFUSED = {
    "comment": "a comment is not allowed in an expression",
    "dollar": "text between dollar signs is not allowed in an expression; write it between single quotes",
    "semicolon": "a semicolon is not allowed: an expression is not a statement, and there is only one",
}


def scan(text: str) -> None:
    """Refuse what no expression needs.

    Args:
        text: The expression as it was written.

    Raises:
        ExpressionError: It is too long, nested too deep, or has a comment, a parameter, a semicolon or
            a parenthesis without its partner.
    """
    if not isinstance(text, str):
        raise ExpressionError(repr(text), f"an expression is text, and this is {type(text).__name__}")
    if len(text) > MOST_CHARACTERS:
        problem = f"the expression is too long: {len(text)} characters, and {MOST_CHARACTERS} are allowed"
        raise ExpressionError(text[:60] + "…", problem)
    if not text.strip():
        raise ExpressionError(text, "the expression is empty")
    if "\0" in text:
        raise ExpressionError(text.replace("\0", "␀"), "a NUL character is not allowed", text.index("\0"))
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        kind, position = token.lastgroup or "", token.start()
        if kind in _REFUSED:
            raise ExpressionError(text, _REFUSED[kind], position)
        if kind == "parameter":
            raise ExpressionError(
                text, f"a parameter ({token[0]}) is not allowed: nothing would fill it", position
            )
        if kind == "quote":
            raise ExpressionError(text, "a quotation mark without its partner", position)
        if kind == "open":
            opened.append(position)
            if len(opened) > MOST_DEPTH:
                raise ExpressionError(text, f"nested deeper than {MOST_DEPTH} levels", position)
        elif kind == "close":
            if not opened:
                raise ExpressionError(text, f"a closing {token[0]!r} without the opening one", position)
            opened.pop()
    if opened:
        raise ExpressionError(text, f"an opening {text[opened[-1]]!r} without the closing one", opened[-1])
