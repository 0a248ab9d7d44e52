"""The functions that an expression may call.

Allowed is what computes one value from the values of one row, gives the same every time, and returns about
as much as it was given. The names are DuckDB's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflows_core.errors import near_misses
from dataflows_core.expressions.refusals import REASONS

__all__ = ["FUNCTIONS", "OPERATORS", "Function", "refusal"]


@dataclass(frozen=True)
class Function:
    """What is known of a function besides what DuckDB knows.

    Attributes:
        numbers: What becomes of exact numbers among its arguments: ``exact`` (we compute it ourselves),
            ``float``, ``text``, or ``duckdb`` (handed over as BIGINT or DECIMAL).
        safe: Whether it returns a value for any arguments.
        literals: Positions of the arguments that must be literals, and what each says.
        name: What it is called in SQL, when that is another name.
    """

    numbers: str = "duckdb"
    safe: bool = False
    literals: Mapping[int, str] = field(default_factory=dict)
    name: str = ""


OPERATORS = frozenset(("+", "-", "*", "/", "//", "%", "@", "^", "**", "||", "^@"))
OPERATORS |= {"~~", "!~~", "~~*", "!~~*", "~~~"}
"""The names that the parser gives to operators; the last line is LIKE, ILIKE and GLOB."""

_EXACT = """
    + - * / // % @ abs add subtract multiply mod round trunc floor ceil ceiling sign
    greatest least nullif ifnull if
"""
_FLOAT = """
    ^ ** pow power sqrt cbrt exp ln log log2 log10 sin cos tan cot asin acos atan atan2 sinh cosh tanh
    degrees radians pi
"""
_TEXT = """
    upper ucase lower lcase length len char_length character_length strlen bit_length length_grapheme
    reverse trim ltrim rtrim substring substr substring_grapheme left right left_grapheme right_grapheme
    contains starts_with prefix ends_with suffix instr strpos split_part strip_accents nfc_normalize
    translate md5 sha1 sha256 ascii unicode ord string_split str_split string_to_array isnan isinf isfinite
"""
_PATTERN = """
    ~~ !~~ ~~* !~~* ~~~ ^@ like_escape not_like_escape ilike_escape not_ilike_escape
    regexp_matches regexp_full_match regexp_extract regexp_extract_all regexp_split_to_array
"""
_TIME = """
    date_part datepart date_trunc datetrunc date_diff datediff date_sub datesub date_add
    year month day quarter week weekofyear weekday dayofweek dayofmonth isodow dayofyear isoyear yearweek
    era decade century hour minute second millisecond microsecond epoch epoch_ms epoch_us dayname monthname
    last_day make_date make_time make_timestamp to_years to_quarters to_months to_weeks to_days to_hours
    to_minutes to_seconds to_milliseconds to_microseconds to_timestamp timezone age
"""
_LIST = """
    list_value list_contains list_has array_contains list_extract list_element list_position list_indexof
    array_extract json_array_length json_valid chr
"""

FUNCTIONS: Mapping[str, Function] = {
    **dict.fromkeys(_EXACT.split(), Function("exact")),
    **dict.fromkeys(_FLOAT.split(), Function("float")),
    **dict.fromkeys(("||", "concat", "concat_ws"), Function("text", safe=True)),
    **dict.fromkeys(_TEXT.split(), Function(safe=True)),
    **dict.fromkeys((*_PATTERN.split(), *_TIME.split(), *_LIST.split()), Function()),
    "position": Function(safe=True, name="strpos"),
    "replace": Function(safe=True, literals={2: "the replacement"}),
    "regexp_replace": Function(literals={1: "the pattern", 2: "the replacement"}),
    **dict.fromkeys(("lpad", "rpad"), Function(literals={1: "the length"})),
    **dict.fromkeys(("strftime", "strptime", "try_strptime"), Function(literals={1: "the format"})),
    "json_extract_string": Function(literals={1: "the path"}),
    "array_to_string": Function(literals={1: "the separator"}),
}
"""The allowed functions, by name in lower case."""


def refusal(name: str) -> str:
    """Why a function that is not in `FUNCTIONS` may not be called.

    Args:
        name: Its name, in lower case.

    Examples:
        >>> refusal("nextval")
        'nextval is a function whose result differs from one run to the next'
    """
    if reason := REASONS.get(name):
        return f"{name} is {reason}"
    message = f"{name} is not among the functions that an expression may call"
    if close := near_misses(name, FUNCTIONS):
        message += f"; did you mean {' or '.join(close)}?"
    return message
