"""From words to processors: what the words may mean, which processors have them, the best first.

An exact name comes first, then names that start with what was asked for, then the others by relevance: how
much of what was asked for a processor covers, rare words counting more than common ones, its name more than
its keywords, those more than its summary, and that more than its description; a word itself more than one
that is meant by a prefix, by a synonym, or in spite of a typing error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log

from dataflows_registry.search.reader import Filters, Found, Head
from dataflows_registry.search.spelling import nearest, tolerance
from dataflows_registry.search.synonyms import directed, known_words, phrases, related
from dataflows_registry.search.words import name_words, squashed, words

__all__ = ["Hit", "search"]

_EXACT, _PREFIX = 4.0, 2.0
_NAME, _ABOUT, _SUMMARY, _DETAILS = 1.0, 0.7, 0.55, 0.25
_START, _ALSO_START, _SYNONYM, _MISSPELT = 0.8, 0.5, 0.7, (1.0, 0.75, 0.6)
_TIERS = (("name",), ("name", "words", "summary"), ("name", "words", "summary", "details"))
_ALL = Filters()
_ENOUGH = 60
"""Candidates that are looked at for each head; there are seldom more that could win."""

_FEW = 20
"""With so many that have all the words, those that lack one are not looked for."""


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


def search(
    heads: Sequence[Head],
    text: str,
    filters: Filters = _ALL,
    most: int | None = None,
    accept: Callable[[str, Found], bool] = lambda _index, _found: True,
) -> list[Hit]:
    """The processors that answer a question, the best first.

    Args:
        heads: Where to look; a processor that several have is taken from the first.
        text: The question; empty asks for all.
        filters: What the processors have to be.
        most: How many at most.
        accept: Whether a processor counts that was found in the index of a name.
    """
    asked = understood(heads, text)
    question = Question(text, asked)
    hits: dict[tuple[str, str, str], Hit] = {}
    for head in heads:
        for found, complete in _candidates(head, text, asked, filters, most):
            key = (found.distribution, found.section, found.name)
            if key not in hits and accept(head.index, found):
                hits[key] = Hit(head.index, found, question.score(found, complete))
    if text.strip():
        hits = {name: hit for name, hit in hits.items() if hit.score > 0}
    ranked = sorted(
        hits.values(), key=lambda hit: (-hit.score, hit.found.rank, hit.found.name, hit.found.distribution)
    )
    return ranked[:most]


def understood(heads: Sequence[Head], text: str) -> list[Word]:
    """The words of a question, with what they may mean."""
    text = directed(text)
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
    """The stems, neighbours that are one notion as one: *look up*, *remove duplicates*."""
    known, meant = set(known_words()), phrases()
    found: list[str] = []
    for stem in stems:
        if found and found[-1] + stem in known:
            found[-1] += stem
        elif found and (found[-1], stem) in meant:
            found[-1] = meant[found[-1], stem]
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
    meant = {stem: 1.0, **dict.fromkeys(related(stem), _SYNONYM)}
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
    enough, few = max(_ENOUGH, most or 0), max(_FEW, most or 0)
    seen: set[int] = set()

    def fresh(some: Iterable[Found]) -> list[Found]:
        new = [found for found in some if found.id not in seen]
        seen.update(found.id for found in new)
        return new

    if name := squashed(text):
        named = (found for found in head.named(name, filters, enough) if found.section == "processor")
        yield from ((found, False) for found in fresh(named))
    complete = len(groups) == len(asked)
    for columns in _TIERS:
        if groups and len(seen) < enough:
            some = head.matching(groups, columns, filters, enough)
            yield from ((found, complete) for found in fresh(some))
    if len(groups) > 1:
        for word in sorted(asked, key=lambda word: -word.weight):  # the rarest first
            if word.meant and len(seen) < few:
                some = head.matching([list(word.meant)], _TIERS[-2], filters, enough // 2)
                yield from ((found, False) for found in fresh(some))


class Question:
    """What is asked: the text, its words, and which of them a stem stands for."""

    def __init__(self, text: str, asked: Sequence[Word]) -> None:
        self.asked = asked
        self.squashed = squashed(text)
        self.stems: dict[str, list[tuple[int, float]]] = {}
        for at, word in enumerate(asked):
            for stem, weight in word.meant.items():
                self.stems.setdefault(stem, []).append((at, weight))

    def score(self, found: Found, complete: bool) -> float:
        """How well a processor answers.

        Args:
            found: The processor.
            complete: It has all the words, somewhere.
        """
        name = name_words(found.name)
        distribution = found.distribution.removeprefix("dataflows-")
        places = (
            (_NAME, [*name, found.squashed]),
            (_ABOUT, words(f"{found.formats} {found.schemes} {found.kind} {distribution}")),
            (_SUMMARY, words(found.summary)),
        )
        best = [_DETAILS * complete * bool(word.meant) for word in self.asked]
        total = list(best)
        for value, there in places:
            for at, weight in self._covered(there).items():
                best[at] = max(best[at], value * weight)
                total[at] += value * weight
        score = sum(
            word.weight * (0.9 * one + 0.1 * all_)
            for word, one, all_ in zip(self.asked, best, total, strict=True)
        )
        known = sum(max(weight for _, weight in self.stems[stem]) for stem in name if stem in self.stems)
        score *= 1 + 0.2 * known / max(1, len(name))
        return (score + self._bonus(found)) * (0.8 if found.rank == 2 else 1.0)

    def _covered(self, there: Iterable[str]) -> dict[int, float]:
        covered: dict[int, float] = {}
        for stem in there:
            for at, weight in self.stems.get(stem, ()):
                covered[at] = max(covered.get(at, 0.0), weight)
        return covered

    def _bonus(self, found: Found) -> float:
        if not self.squashed or not found.squashed.startswith(self.squashed):
            return _EXACT if self.squashed and self.squashed == squashed(found.qualified_name) else 0.0
        if found.squashed == self.squashed:
            return _EXACT
        return _PREFIX * (0.5 + 0.5 * len(self.squashed) / len(found.squashed))
