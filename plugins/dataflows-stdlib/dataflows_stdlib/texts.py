"""Texts that are put together."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["joined"]


def joined(texts: Sequence[pa.Array], separator: str) -> tuple[pa.Array, pa.Array]:
    """The texts of each row with a separator in between, nulls left out.

    Returns:
        The joined texts, empty where all are null; and where one of them is not.

    Examples:
        >>> [column.to_pylist() for column in joined([pa.array(["a", None]), pa.array(["b", None])], "-")]
        [['a-b', ''], [True, False]]
    """
    some = texts[0].is_valid()
    for text in texts[1:]:
        some = pc.or_(some, text.is_valid())
    # Arrow leaves out rows of nothing but nulls: they get an empty text.
    first = texts[0] if pc.all(some, min_count=0).as_py() else pc.if_else(some, texts[0], "")
    return pc.binary_join_element_wise(first, *texts[1:], separator, null_handling="skip"), some
