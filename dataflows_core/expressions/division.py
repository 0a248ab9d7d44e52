"""Division, and whatever else has no exact decimal: rounded half-even at a given number of decimals.

The rule is one, and there are two ways to compute it: `divide` says it in Python, for numbers of any
length; `divide_sql` writes it as long division in SQL, digits at a time, with whole numbers only and so that
no step leaves 64 bits if that can be had, or 127 bits. Neither goes through a float: 9007199254740993 / 1 is
9007199254740993. A quotient by zero is null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Steps", "divide", "divide_sql", "steps_for"]

_INT64 = 2**63 - 1
_INT128 = 2**127 - 1
_FEWEST_DIGITS = 3
_LOW_DIGITS = 18


@dataclass(frozen=True)
class Steps:
    """How a long division goes.

    Attributes:
        kind: The type it computes with: BIGINT, or HUGEINT, whose division is fifteen times as slow.
        digits: How many digits each step finds after the point; those before it come first, unless
            `digits` is 0 and all are found at once.
    """

    kind: str
    digits: int


def divide(dividend: Decimal, divisor: Decimal, scale: int) -> Decimal | None:
    """The quotient with `scale` decimals, half-even; None when the divisor is zero.

    Args:
        dividend: A finite number of any length.
        divisor: A finite number of any length.
        scale: Decimals of the result; digits beyond are rounded, a tie to the even neighbour.

    Examples:
        >>> divide(Decimal(1), Decimal(3), 12)
        Decimal('0.333333333333')
        >>> divide(Decimal(1), Decimal(8), 2), divide(Decimal(3), Decimal(8), 2)
        (Decimal('0.12'), Decimal('0.38'))
    """
    if not divisor:
        return None
    above, below = dividend.as_integer_ratio()
    times, over = divisor.as_integer_ratio()
    numerator, denominator = above * over * 10**scale, below * times
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        quotient += 1
    # The constructor never rounds, whatever the context; scaleb would.
    sign, digits = (1, -quotient) if quotient < 0 else (0, quotient)
    return Decimal((sign, tuple(map(int, str(digits))), -scale))


def steps_for(dividend: int, divisor: int, shift: int) -> Steps | None:
    """The way to divide ``dividend * 10 ** shift`` by a divisor; None when 127 bits are too few.

    Args:
        dividend: A bound of the whole number's absolute value.
        divisor: A bound of the divisor's absolute value.
        shift: How many digits follow the point, so to speak.
    """
    for kind, limit in (("BIGINT", _INT64), ("HUGEINT", _INT128)):
        if max(dividend, divisor) > limit:
            continue
        if max(dividend, 1) * 10**shift <= limit:
            return Steps(kind, 0)
        digits = len(str(limit // max(divisor, 1))) - 1
        if digits >= min(shift, _FEWEST_DIGITS if kind == "BIGINT" else 1):
            return Steps(kind, digits)
    return None


def divide_sql(
    dividend: str, divisor: str, shift: int, steps: Steps, stage: Callable[[str], str], *, small: bool
) -> str:
    """SQL of ``dividend * 10 ** shift / divisor`` as a whole number, half-even.

    Args:
        dividend: SQL of a whole number that may be written twice.
        divisor: The same.
        shift: Digits to find after those of ``dividend / divisor``.
        steps: From `steps_for`.
        stage: Takes SQL, gives a name for it.
        small: Whether the result is a BIGINT; a DECIMAL(38, 0) otherwise.
    """
    kind = steps.kind
    if kind == "HUGEINT":
        dividend, divisor = (stage(f"CAST({sql} AS HUGEINT)") for sql in (dividend, divisor))
    if shift and not steps.digits:
        dividend, shift = stage(f"({dividend} * CAST('{10**shift}' AS {kind}))"), 0
    last = stage(f"({dividend} // {divisor})")
    rest = stage(f"({dividend} % {divisor})")
    parts, left = [(last, shift, 38)], shift
    while left:
        digits = min(steps.digits, left)
        left -= digits
        more = stage(f"({rest} * CAST('{10**digits}' AS {kind}))")
        last, rest = stage(f"({more} // {divisor})"), stage(f"({more} % {divisor})")
        parts.append((last, left, digits))
    beyond = f"abs({rest}) > abs({divisor}) - abs({rest})"
    tie = f"abs({rest}) = abs({divisor}) - abs({rest}) AND {last} % 2 <> 0"
    away = f"CASE WHEN ({rest} < 0) = ({divisor} < 0) THEN 1 ELSE -1 END"
    rounding = f"CAST(CASE WHEN {beyond} OR ({tie}) THEN {away} ELSE 0 END AS BIGINT)"
    return f"({_sum(parts, small=small)} + {rounding})"


def _sum(parts: list[tuple[str, int, int]], *, small: bool) -> str:
    """The digits that the steps found, put together; those that fit into 64 bits together come first.

    Args:
        parts: The name of each part, the power of ten that it counts, and how many digits it has.
        small: Whether the sum is a BIGINT.
    """
    kind = "BIGINT" if small else "DECIMAL(38, 0)"
    low = [(name, power) for name, power, digits in parts if power + digits <= _LOW_DIGITS]
    high = [(name, power) for name, power, digits in parts if power + digits > _LOW_DIGITS]
    terms = [_term(name, power, "BIGINT") for name, power in low]
    sums = [f"({' + '.join(terms)})"] if terms else []
    return " + ".join([_term(name, power, kind) for name, power in high] + sums)


def _term(name: str, power: int, kind: str) -> str:
    number = f"CAST({name} AS {kind})"
    return f"{number} * CAST('{10**power}' AS {kind})" if power else number
