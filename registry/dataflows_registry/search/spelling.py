"""Misspelt words: which known word was meant.

Each known word is filed under itself and under itself without one of its letters. Looked up the same way,
a word meets every word that one insertion, deletion, substitution or transposition makes of it, and, with
two letters left out, some that are two away.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

__all__ = ["distance", "keys", "nearest", "tolerance"]


_LETTERS = 10
"""How many letters of a word count; what follows seldom tells words apart."""


def tolerance(word: str) -> int:
    """How many typing errors a word of its length may have.

    Examples:
        >>> tolerance("csv"), tolerance("excel"), tolerance("deduplicate")
        (0, 1, 2)
    """
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def keys(word: str, missing: int = 1) -> set[int]:
    """The numbers that a word is filed under.

    Args:
        word: The word.
        missing: How many of its letters may be left out.
    """
    forms = {word[:_LETTERS]}
    for _ in range(missing):
        forms |= {form[:at] + form[at + 1 :] for form in forms for at in range(len(form))}
    return {zlib.crc32(form.encode()) >> 5 for form in forms}  # 27 bits


def distance(one: str, other: str) -> int:
    """How many letters have to be inserted, deleted, replaced or swapped to make one word of the other.

    Examples:
        >>> distance("excel", "exel"), distance("fitler", "filter"), distance("sort", "join")
        (1, 1, 3)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, last, row = row, before, [at]
        for index, its in enumerate(other, 1):
            cost = min(before[index] + 1, row[index - 1] + 1, before[index - 1] + (letter != its))
            if index > 1 and at > 1 and letter == other[index - 2] and one[at - 2] == its:
                cost = min(cost, last[index - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(word: str, candidates: Iterable[str]) -> list[tuple[int, str]]:
    """The candidates that a word may have been meant for, with their distance, nearest first."""
    most, letters = tolerance(word), set(word)
    candidates = [other for other in candidates if len(letters.symmetric_difference(other)) <= 2 * most]
    near = ((distance(word, other), other) for other in candidates if abs(len(word) - len(other)) <= most)
    return sorted(found for found in near if found[0] <= most)
