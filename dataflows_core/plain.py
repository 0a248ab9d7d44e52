"""Small Arrow arrays and scalars, made without `pyarrow.array` and `pyarrow.scalar`.

Those two, and every compute function that is given a Python value, first look whether they were given
something of pandas; where pandas is installed they import it for that, once, which takes longer than a
small flow. What a flow without functions does to its first rows is therefore written with these.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import pyarrow as pa

__all__ = ["float_scalar", "integer_scalar", "integers", "text_scalar", "texts"]


def texts(values: Sequence[str]) -> pa.StringArray:
    """An array of texts.

    Examples:
        >>> texts(["a", "", "ü"]).to_pylist()
        ['a', '', 'ü']
    """
    data = [value.encode() for value in values]
    offsets = array("i", accumulate(map(len, data), initial=0))
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(data))]
    return pa.Array.from_buffers(pa.string(), len(data), buffers)


def integers(values: Sequence[int]) -> pa.Int64Array:
    """An array of integers of 64 bits.

    Examples:
        >>> integers(range(3)).to_pylist()
        [0, 1, 2]
    """
    numbers = pa.py_buffer(array("q", values).tobytes())
    return pa.Array.from_buffers(pa.int64(), len(values), [None, numbers])


@lru_cache(maxsize=256)
def text_scalar(value: str) -> pa.StringScalar:
    """A text, as an argument of a compute function.

    Examples:
        >>> text_scalar("a")
        <pyarrow.StringScalar: 'a'>
    """
    return texts([value])[0]


@lru_cache(maxsize=256)
def integer_scalar(value: int) -> pa.Int64Scalar:
    """An integer of 64 bits, as an argument of a compute function; widens what it is computed with.

    Examples:
        >>> integer_scalar(7)
        <pyarrow.Int64Scalar: 7>
    """
    return integers([value])[0]


@lru_cache(maxsize=256)
def float_scalar(value: float) -> pa.DoubleScalar:
    """A double, as an argument of a compute function.

    Examples:
        >>> float_scalar(0.5)
        <pyarrow.DoubleScalar: 0.5>
    """
    numbers = pa.py_buffer(array("d", [value]).tobytes())
    return pa.Array.from_buffers(pa.float64(), 1, [None, numbers])[0]
