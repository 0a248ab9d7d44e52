"""How many bytes, in words."""

from __future__ import annotations

__all__ = ["part_text", "size_text"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """A number of bytes, in the unit that suits it.

    Examples:
        >>> size_text(7), size_text(45_600_000)
        ('7 bytes', '45.6 MB')
    """
    power = _power(size)
    return f"{_in(size, power)} {_UNITS[power]}"


def part_text(done: int, total: int | None) -> str:
    """A number of bytes and the number of all, when it is known, in one unit.

    Examples:
        >>> part_text(300_000, 45_600_000), part_text(300_000, None)
        ('0.3 of 45.6 MB', '300.0 kB')
    """
    if total is None:
        return size_text(done)
    power = _power(total)
    return f"{_in(done, power)} of {size_text(total)}"


def _power(size: int) -> int:
    return next((power for power in range(len(_UNITS) - 1) if size < 1000 ** (power + 1)), len(_UNITS) - 1)


def _in(size: int, power: int) -> str:
    return f"{size / 1000**power:.1f}" if power else f"{size}"
