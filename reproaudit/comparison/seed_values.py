"""Whether a seed is made of what a call returned: told by their values in two runs."""

from __future__ import annotations

import ast
import math
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress

# A number that stands by itself: not the 64 of `np.int64(5)`.
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_HEXADECIMAL = re.compile(r"'([0-9a-f]{4,})'")
_UUID = re.compile(r"UUID\('([0-9a-f-]{36})'\)")
_SCALES = (1, 10**3, 10**6, 10**9)  # of seconds, and of parts of them
_LONGEST = 40  # characters of a number: a text that was cut off ends in no whole number


def is_made_of(seeds: tuple[str, str], results: tuple[str, str]) -> bool:
    """Return True if the seed follows in both runs in one way from what the call returned.

    All are given as texts, first that of run `a`. The ways: the number itself, in whole units or
    in parts of them, plus a constant, or its remainder by some modulus.
    """
    seed_a, seed_b = map(_read_seed, seeds)
    if seed_a is None or seed_b is None or seed_a == seed_b:
        return False
    pairs = zip(*map(_list_values, results), strict=False)
    return any(_follows((seed_a, seed_b), pair) for pair in pairs)


def _follows(seeds: tuple[int, int], values: tuple[int, int]) -> bool:
    off_a = values[0] - seeds[0]
    off_b = values[1] - seeds[1]
    # Of numbers that have nothing to do with each other, the difference is hardly the same, and
    # hardly divided by one number that is larger than every seed.
    return off_a == off_b or math.gcd(off_a, off_b) > max(seeds) > 0


def _read_seed(text: str) -> int | None:
    """Return the number that a seeding call was given; None if it is not one number."""
    numbers = _NUMBER.findall(text)
    if len(numbers) != 1:
        return None
    value = _read_number(numbers[0])
    return None if value is None else int(value)


def _read_number(text: str) -> int | float | None:
    """Return the number that a text is; None for one that is too long or too large."""
    if len(text) > _LONGEST:
        return None
    value = int(text) if text.lstrip("-").isdigit() else float(text)
    return value if math.isfinite(value * _SCALES[-1]) else None


def _list_values(text: str) -> list[int]:
    """Return the whole numbers that the text of a result may stand for, always in one order."""
    return list(_find_values(text))


def _find_values(text: str) -> Iterator[int]:
    content = _read_bytes(text)
    if content:
        yield int.from_bytes(content, "little")
        yield int.from_bytes(content, "big")
        return
    identity = _UUID.search(text)
    if identity:
        yield uuid.UUID(identity[1]).int
        return
    digits = _HEXADECIMAL.fullmatch(text)
    if digits:
        yield int(digits[1], 16)
        return
    for number in _NUMBER.findall(text):
        value = _read_number(number)
        if value is not None:
            for scale in _SCALES:
                yield int(value * scale)
                yield int(value // scale)


def _read_bytes(text: str) -> bytes:
    """Return the bytes that a text shows; none if it shows no bytes, or was cut off."""
    if text.startswith("b"):
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            value = ast.literal_eval(text)
            if isinstance(value, bytes):
                return value
    return b""
