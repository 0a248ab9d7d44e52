"""Distributions by the thousand, with words as frequent as in life: the n-th most common one 1/n as often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

import judge

from dataflows_registry.model import Distribution, Parameter, Processor, Release

VERBS = (
    *(
        "load",
        "dump",
        "add",
        "filter",
        "convert",
        "parse",
        "validate",
        "notify",
        "lookup",
        "extract",
        "split",
    ),
    *("merge", "compute", "clean", "match"),
)
KINDS = {"load": "source", "dump": "sink"}
CONSONANTS = (*"bcdfghklmnprstvwz", "st", "tr", "pl")
SYLLABLES = [first + vowel for first in CONSONANTS for vowel in "aeiou"]


def distributions(processors: int, seed: int = 1) -> Iterator[Distribution]:
    """Distributions with so many processors altogether; the same for the same seed.

    The most common words are those of real summaries, in their order; the others are made up.
    """
    draw = random.Random(seed)
    words, weights = _vocabulary(draw)
    number = 0
    while number < processors:
        size = min(draw.choice((1, 1, 2, 3, 5, 8, 15, 30)), processors - number)
        name = f"dataflows-{_made_up(draw)}-{number}"
        found = tuple(_processor(draw, name, words, weights) for _ in range(size))
        unique = {processor.name: processor for processor in found}
        number += len(unique)
        release = Release(
            name,
            "1.2.0",
            keywords=tuple(draw.choices(words, cum_weights=weights, k=4)),
            processors=tuple(unique.values()),
        )
        yield Distribution(name, (release,))


def questions(count: int, seed: int = 2) -> list[str]:
    """What is asked of them: one to four words, as frequent as there; one in five with a typing error."""
    draw = random.Random(seed)
    words, weights = _vocabulary(random.Random(1))
    asked = []
    for _ in range(count):
        chosen = draw.choices(words, cum_weights=weights, k=draw.choice((1, 2, 2, 3, 4)))
        if draw.random() < 0.2:
            at = draw.randrange(len(chosen))
            place = draw.randrange(len(chosen[at]))
            chosen[at] = chosen[at][:place] + chosen[at][place + 1 :]
        asked.append(" ".join(chosen))
    return asked


def _vocabulary(draw: random.Random) -> tuple[list[str], list[float]]:
    """The words, and their cumulated weights."""
    real: dict[str, int] = {}
    for distribution in judge.corpus():
        for processor in distribution.latest.processors:
            for word in f"{processor.name.replace('_', ' ')} {processor.summary}".lower().split():
                word = word.strip(".,:;()")
                real[word] = real.get(word, 0) + 1
    known = sorted(filter(None, real), key=lambda word: (-real[word], word))
    words = list(dict.fromkeys([*known, *(_made_up(draw) for _ in range(30_000))]))
    return words, list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))


def _made_up(draw: random.Random) -> str:
    return "".join(draw.choices(SYLLABLES, k=draw.choice((2, 2, 3, 3, 4))))


def _processor(draw: random.Random, distribution: str, words: list[str], weights: list[float]) -> Processor:
    def some(least: int, most: int) -> list[str]:
        return draw.choices(words, cum_weights=weights, k=draw.randint(least, most))

    verb = draw.choice(VERBS)
    name = "_".join([verb, *(word for word in some(1, 3) if word.isidentifier())])
    return Processor(
        name=name,
        qualified_name=f"{distribution.removeprefix('dataflows-')}.{name}",
        kind=KINDS.get(verb, "step"),
        summary=f"{' '.join(some(4, 12))}.".capitalize(),
        description=" ".join(some(10, 60)),
        parameters=tuple(Parameter(word) for word in some(1, 6)),
        formats=tuple(some(1, 1)) if verb in KINDS else (),
    )
