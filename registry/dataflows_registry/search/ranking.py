"""From words to processors: what the words may mean, which processors have them, the best first.

An exact name comes first, then names that start with what was asked for, then the others by relevance: how
much of what was asked for a processor covers, rare words counting more than common ones, its name more than
its keywords, those more than its summary, and that more than its description; a word itself more than one
that is meant by a prefix, by a synonym, or in spite of a typing error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log

from dataflows_registry.search.reader import Filters, Found, Head
from dataflows_registry.search.spelling import nearest, tolerance
from dataflows_registry.search.synonyms import known_words, related
from dataflows_registry.search.words import name_words, squashed, words

__all__ = ["Hit", "search"]

_EXACT, _PREFIX = 4.0, 2.0
_NAME, _ABOUT, _SUMMARY, _DETAILS = 1.0, 0.7, 0.55, 0.25
_START, _ALSO_START, _SYNONYM, _MISSPELT = 0.8, 0.5, 0.7, (1.0, 0.75, 0.6)
_ENOUGH = 120
"""Candidates that are looked at for each head; there are seldom more that could win."""


@dataclass(frozen=True)
class Hit:
    """A processor that was found.

    Attributes:
        index: The name of the index it was found in.
        found: The processor.
        score: How well it answers; larger is better.
    """

    index: str
    found: Found
    score: float


@dataclass
class Word:
    """One word of the question.

    Attributes:
        meant: The stems that it may mean, with how well each stands for it.
        weight: How much it says, as a share of the whole question.
    """

    meant: dict[str, float] = field(default_factory=dict)
    weight: float = 0.0

    def best(self, there: Iterable[str]) -> float:
        """How well some stems cover the word."""
        return max((self.meant.get(stem, 0.0) for stem in there), default=0.0)


def search(
    heads: Sequence[Head], text: str, filters: Filters = Filters(), most: int | None = None
) -> list[Hit]:  # noqa: B008 - immutable
    """The processors that answer a question, the best first.

    Args:
        heads: Where to look; a processor that several have is taken from the first.
        text: The question; empty asks for all.
        filters: What the processors have to be.
        most: How many at most.
    """
    asked = understood(heads, text)
    hits: dict[str, Hit] = {}
    for head in heads:
        for found, complete in _candidates(head, text, asked, filters, most):
            if found.qualified_name not in hits:
                score = _score(found, text, asked, complete) if asked or squashed(text) else 0.0
                hits[found.qualified_name] = Hit(head.index, found, score)
    if text.strip():
        hits = {name: hit for name, hit in hits.items() if hit.score > 0}
    ranked = sorted(
        hits.values(), key=lambda hit: (-hit.score, hit.found.rank, hit.found.name, hit.found.distribution)
    )
    return ranked[:most]


def understood(heads: Sequence[Head], text: str) -> list[Word]:
    """The words of a question, with what they may mean."""
    stems = _joined(words(text) or words(text, keep_stop_words=True))
    total = sum(head.processors for head in heads)
    asked = []
    for at, stem in enumerate(stems):
        word = Word(_meanings(heads, stem, last=at == len(stems) - 1))
        docs = _docs(heads, word.meant)
        best = max(word.meant, key=lambda one: word.meant[one], default="")
        word.weight = log(1 + total / (1 + docs.get(best, 0)))
        asked.append(word)
    whole = sum(word.weight for word in asked) or 1.0
    for word in asked:
        word.weight /= whole
    return asked


def _joined(stems: Sequence[str]) -> list[str]:
    """The stems, neighbours that are one notion as one: *look up*."""
    known = set(known_words())
    found: list[str] = []
    for stem in stems:
        if found and found[-1] + stem in known:
            found[-1] += stem
        elif stem not in found:
            found.append(stem)
    return found


def _docs(heads: Iterable[Head], stems: Iterable[str]) -> dict[str, int]:
    given, docs = list(stems), dict[str, int]()
    for head in heads:
        for stem, count in head.docs(given).items():
            docs[stem] = docs.get(stem, 0) + count
    return docs


def _meanings(heads: Sequence[Head], stem: str, *, last: bool) -> dict[str, float]:
    meant = {stem: 1.0, **{other: _SYNONYM for other in related(stem)}}
    exact = stem in (there := _docs(heads, meant))
    meant = {one: weight for one, weight in meant.items() if one in there}
    if len(stem) > 1 and (last or not exact):
        weight = _ALSO_START if exact else _START
        starting = (one for head in heads for one, _ in head.starting(stem, 8))
        meant = {**dict.fromkeys(starting, weight), **meant}
    if exact or related(stem) or not tolerance(stem):
        return meant
    spelt = {one for head in heads for one, _ in head.spelt_like(stem)}
    close = nearest(stem, spelt.union(known_words()))[:6]
    guessed: dict[str, float] = {}
    for far, word in close:
        guessed[word] = max(guessed.get(word, 0.0), _MISSPELT[far])
        for other in related(word):
            guessed[other] = max(guessed.get(other, 0.0), _MISSPELT[far] * _SYNONYM)
    known = _docs(heads, guessed)
    return {**{one: weight for one, weight in guessed.items() if one in known}, **meant}


def _candidates(
    head: Head, text: str, asked: Sequence[Word], filters: Filters, most: int | None
) -> Iterator[tuple[Found, bool]]:
    """Processors that may answer, and whether each has all the words."""
    groups = [list(word.meant) for word in asked if word.meant]
    if not text.strip():
        yield from ((found, True) for found in head.matching([], (), filters, most or -1))
        return
    enough = max(_ENOUGH, most or 0)
    seen: set[int] = set()
    if name := squashed(text):
        for found in head.named(name, filters, enough):
            seen.add(found.id)
            yield found, False
    complete = len(groups) == len(asked)
    for columns in (
        ("name",),
        ("name", "words"),
        ("name", "words", "summary"),
        ("name", "words", "summary", "details"),
    ):
        if not groups or len(seen) >= enough:
            return
        for found in head.matching(groups, columns, filters, enough):
            seen.add(found.id)
            yield found, complete
    if len(groups) > 1:
        rarest = sorted((word for word in asked if word.meant), key=lambda word: -word.weight)
        for word in rarest:
            if len(seen) >= enough:
                return
            for found in head.matching([word.meant], ("name", "words", "summary"), filters, enough // 2):
                seen.add(found.id)
                yield found, False


def _score(found: Found, text: str, asked: Sequence[Word], complete: bool) -> float:
    name = name_words(found.name)
    about = words(
        f"{found.formats} {found.schemes} {found.kind} {found.distribution.removeprefix('dataflows-')}"
    )
    summary = words(found.summary)
    score = 0.0
    for word in asked:
        values = (
            _NAME * word.best([*name, found.squashed]),
            _ABOUT * word.best(about),
            _SUMMARY * word.best(summary),
            _DETAILS * complete * bool(word.meant),
        )
        score += word.weight * (max(values) + 0.1 * (sum(values) - max(values)))
    covered = sum(max(word.best([one]) for word in asked) for one in name) if asked else 0.0
    score += 0.2 * score * covered / max(1, len(name))
    asked_for = squashed(text)
    if found.squashed == asked_for or squashed(found.qualified_name) == asked_for:
        score += _EXACT
    elif asked_for and found.squashed.startswith(asked_for):
        score += _PREFIX * (0.5 + 0.5 * len(asked_for) / len(found.squashed))
    return score * (0.8 if found.rank == 2 else 1.0)
