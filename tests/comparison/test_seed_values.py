"""Whether a seed is made of what a call returned."""

from __future__ import annotations

import pytest

from reproaudit.comparison.seed_values import is_made_of


@pytest.mark.parametrize(
    ("seeds", "results"),
    [
        (("(4321,)", "(77,)"), ("4321", "77")),
        (("(1732801661,)", "(1732801662,)"), ("1732801661.25", "1732801662.5")),
        (("(1929840962,)", "(1929842212,)"), ("1732801661.25", "1732801662.5")),
        (("(np.int64(52),)", "(np.int64(131),)"), ("10", "89")),
        (("(4294967295,)", "(16909060,)"), ("b'\\xff\\xff\\xff\\xff'", "b'\\x01\\x02\\x03\\x04'")),
        (("(48879,)", "(51966,)"), ("'beef'", "'cafe'")),
        (("(661250,)", "(662500,)"), ("1732801661250000", "1732801662500000")),
    ],
    ids=[
        "itself",
        "whole seconds",
        "a remainder of milliseconds",
        "a sum",
        "bytes",
        "hexadecimal",
        "a part of nanoseconds",
    ],
)
def test_a_seed_follows_what_it_is_made_of(
    seeds: tuple[str, str], results: tuple[str, str]
) -> None:
    assert is_made_of(seeds, results)


def test_the_remainder_of_a_unique_name_is_a_seed_made_of_it() -> None:
    names = ("12345678-1234-5678-1234-567812345678", "87654321-4321-8765-4321-876543218765")
    values = [int(name.replace("-", ""), 16) % 2**32 for name in names]
    first, second = (f"UUID('{name}')" for name in names)
    assert is_made_of((f"({values[0]},)", f"({values[1]},)"), (first, second))


@pytest.mark.parametrize(
    ("seeds", "results"),
    [
        (("(4321,)", "(77,)"), ("1732801661.25", "1732801662.5")),
        (("(4321,)", "(4321,)"), ("4321", "4321")),
        (("(4321,)", "(77,)"), ("77", "4321")),
        (("no seed", "no seed"), ("4321", "77")),
        (("(4321, 2)", "(77, 2)"), ("4321", "77")),
        (("(4321,)", "(77,)"), ("inf", "nan")),
        (("(4321,)", "(77,)"), ("b'\\xff", "b'\\xfe")),
        (("(4321,)", "(77,)"), ("", "")),
    ],
    ids=["a clock", "alike", "crossed", "none", "several", "no number", "cut off", "no value"],
)
def test_what_only_differs_too_makes_no_seed(
    seeds: tuple[str, str], results: tuple[str, str]
) -> None:
    assert not is_made_of(seeds, results)


@pytest.mark.parametrize(
    "text",
    ["b''" + "+b''" * 100_000, "b" + "(" * 100_000, "9" * 100_000, "1e999", "1e308"],
    ids=["sum", "brackets", "digits", "infinite", "large"],
)
def test_a_text_that_a_stranger_made_is_no_value_and_no_error(text: str) -> None:
    assert not is_made_of(("1", "2"), (text, "2"))
    assert not is_made_of((text, "2"), ("1", text))
