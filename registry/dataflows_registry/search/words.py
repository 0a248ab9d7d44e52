"""Text -> the words that a search compares: small letters, no accents, no endings, no stop words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["STOP_WORDS", "name_words", "squashed", "stem", "words"]

_STOP_WORDS = """
a all an and any are as at be been by can do does each either every for from get give had has have how i
if in into is it its like make me my no not of on one only onto or other our out over so some such than that
the their them then there these they this those to up use used uses using via want was way we what when where
which while who whose will with without you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that say nothing about a processor."""

_WORD = re.compile(r"[^\W_]+")
_APART = {code: " " for code in range(128) if not chr(code).isalnum()}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VOWEL = re.compile(r"[aeiouy]")


def words(text: str, *, keep_stop_words: bool = False) -> list[str]:
    """The stems of a text's words, in order.

    Args:
        text: Any text.
        keep_stop_words: Words such as *the* are kept.

    Examples:
        >>> words("Remove the duplicated rows")
        ['remov', 'duplicat', 'row']
    """
    return [stem(word) for word in _split(text) if keep_stop_words or word not in STOP_WORDS]


def name_words(name: str) -> list[str]:
    """The stems of the words that a name is made of.

    Examples:
        >>> name_words("dump_to_sql"), name_words("loadCsvFiles")
        (['dump', 'sql'], ['load', 'csv', 'fil'])
    """
    return words(_HUMP.sub(" ", name))


def squashed(text: str) -> str:
    """A name without what people forget: case, accents, and what stands between words.

    Examples:
        >>> squashed("Dump to-SQL"), squashed("dump_to_sql")
        ('dumptosql', 'dumptosql')
    """
    return "".join(_split(text))


def _split(text: str) -> list[str]:
    if text.isascii():
        return text.lower().translate(_APART).split()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(letter for letter in decomposed if not unicodedata.combining(letter)))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A word without its ending, so that its forms are alike; meant for comparing, not for reading.

    Examples:
        >>> {stem(word) for word in ("filter", "filters", "filtered", "filtering")}
        {'filter'}
        >>> {stem(word) for word in ("deduplicate", "deduplicates", "deduplication")}
        {'deduplicat'}
        >>> stem("query") == stem("queries"), stem("drop") == stem("dropping"), stem("string")
        (True, True, 'string')
    """
    if len(word) <= 3 or not word.isascii():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ization", "isation", "ation", "ing", "ion", "ed"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= 3 and _VOWEL.search(rest):
            if ending.endswith("ation"):
                return rest + ("iz" if "i" in ending[:1] else "at")
            if rest[-1] == rest[-2] and rest[-1] not in "lsz":
                rest = rest[:-1]
            return rest
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
