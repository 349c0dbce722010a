"""Owns what fits into a tracker: values cut, names made fit, too many left out, and all of it
said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_CUT = "…"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a tracker takes: characters of a name and of a value, and pairs."""

    name: int
    value: int
    pairs: int


def fit_pairs(
    pairs: Iterable[tuple[str, str]], limits: Limits, what: str
) -> tuple[dict[str, str], list[str]]:
    """Return the pairs that fit, with long values cut, and sentences on what does not.

    `what` is what one is called: "param". A name is cut without a mark, which it might not hold.
    """
    fitting: dict[str, str] = {}
    said = []
    dropped = 0
    for name, value in pairs:
        if len(fitting) >= limits.pairs:
            dropped += 1
            continue
        kept = make_unique(name[: limits.name], fitting, limits.name)
        fitting[kept] = cut_text(value, limits.value)
        if len(value) > limits.value:
            said.append(f"{what} {kept}: {limits.value:,} of its {len(value):,} characters")
    if dropped:
        said.append(f"{dropped:,} {what}s, beyond the first {limits.pairs:,}")
    return fitting, said


def cut_text(text: str, most: int) -> str:
    """Return the text, or its beginning and a mark, of `most` characters."""
    return text if len(text) <= most else text[: most - len(_CUT)] + _CUT


def make_unique(name: str, taken: Iterable[str], most: int) -> str:
    """Return the name, or one like it that is not taken, of at most `most` characters."""
    unique = name
    number = 1
    while unique in taken:
        number += 1
        end = f"-{number}"
        unique = name[: most - len(end)] + end
    return unique
