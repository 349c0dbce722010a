"""The table of libraries that have random generators of their own."""

from __future__ import annotations

import ast

import pytest

from reproaudit.knowledge.library_seeds import LIBRARY_SEEDS, LibrarySeed, find_library_seed


def test_the_most_special_start_of_a_name_counts() -> None:
    space = find_library_seed("gymnasium.spaces.box.Box.sample")
    environment = find_library_seed("gymnasium.core.Env.reset")
    assert space is not None
    assert environment is not None
    assert "space.seed(0)" in space.advice
    assert "env.reset(seed=0)" in environment.advice


def test_an_unknown_library_has_no_entry() -> None:
    assert find_library_seed("numbers.Number") is None


@pytest.mark.parametrize("seed", LIBRARY_SEEDS.values(), ids=list(LIBRARY_SEEDS))
def test_lines_and_values_are_python_and_advice_is_never_about_the_operating_system(
    seed: LibrarySeed,
) -> None:
    ast.parse("\n".join(seed.at_start))
    for keyword, value in seed.arguments.values():
        ast.parse(f"f({keyword}={value})")
    assert "urandom" not in seed.advice
