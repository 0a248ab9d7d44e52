"""Ranges of cells, and the letters of columns, as spreadsheets write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataflows_core.errors import FlowError

__all__ = ["Range", "letters"]

_RANGE = re.compile(r"\$?([A-Za-z]{1,3})?\$?([0-9]+)?(?::\$?([A-Za-z]{1,3})?\$?([0-9]+)?)?")


@dataclass(frozen=True)
class Range:
    """Rows and columns, from 0, with the ends left out; None where it is open.

    Examples:
        >>> Range.of("B3:D10")
        Range(top=2, bottom=10, left=1, right=4)
        >>> Range.of("A5:")
        Range(top=4, bottom=None, left=0, right=None)
    """

    top: int = 0
    bottom: int | None = None
    left: int = 0
    right: int | None = None

    @classmethod
    def of(cls, text: str | None) -> Range:
        """The range that is written as spreadsheets do: ``"B3:D10"``, ``"B:D"``, ``"3:10"``, ``"A5:"``.

        Raises:
            FlowError: It is no range.
        """
        if text is None:
            return cls()
        found = _RANGE.fullmatch(text.strip())
        if found is None or not text.strip():
            raise FlowError(f"range={text!r} is no range of cells, such as 'B3:D10', 'B:D' or 'A5:'")
        left, top, right, bottom = found.groups()
        made = cls(
            int(top) - 1 if top else 0,
            int(bottom) if bottom else None,
            _column(left) - 1 if left else 0,
            _column(right) if right else None,
        )
        if made.top < 0 or not (made.bottom is None or made.bottom > made.top):
            raise FlowError(f"range={text!r} holds no row")
        if made.right is not None and made.right <= made.left:
            raise FlowError(f"range={text!r} holds no column")
        return made


def letters(index: int) -> str:
    """The letters of a column, from 0.

    Examples:
        >>> letters(0), letters(27)
        ('A', 'AB')
    """
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
