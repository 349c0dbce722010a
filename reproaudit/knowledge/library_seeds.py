"""How libraries with random generators of their own are seeded, in words and in code.

For what takes a seed as an argument nothing need stand here: that is seen while the program runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarySeed:
    """`advice` is a line for the user's own program. `at_start` are lines that can stand before all
    else that the program does. `arguments` are what its calls can be given, by the called function:
    a keyword and its value.
    """

    advice: str
    at_start: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[str, str]] = field(default_factory=dict)


_SAMPLER = ("sampler", "optuna.samplers.TPESampler(seed=0)")

# By the start of the full name of the library's function.
LIBRARY_SEEDS: dict[str, LibrarySeed] = {
    "numba.": LibrarySeed(
        advice=(
            "# call numpy.random.seed(0) inside of a @numba.njit function, once and first: in "
            "Python it does not reach numba's generator"
        ),
        at_start=(
            "import numba",
            "from numpy import random as numpy_random",
            "@numba.njit",
            "def seed_numba(seed):",
            "    numpy_random.seed(seed)",
            "seed_numba(0)",
        ),
    ),
    "gymnasium.spaces.": LibrarySeed(advice="space.seed(0)  # before its first sample()"),
    "gymnasium.": LibrarySeed(advice="env.reset(seed=0)  # and env.action_space.seed(0)"),
    "gym.": LibrarySeed(advice="env.reset(seed=0)  # and env.action_space.seed(0)"),
    "optuna.": LibrarySeed(
        advice="optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))",
        arguments={"create_study": _SAMPLER},
    ),
    "scipy.sparse.linalg.": LibrarySeed(
        advice="# give {function}() a start vector: v0=numpy.ones(n), or rng=0",
    ),
    "tensorflow.": LibrarySeed(
        advice="tensorflow.random.set_seed(0)",
        at_start=("import tensorflow", "tensorflow.random.set_seed(0)"),
    ),
}

# By the start of a watched call's name: what to do about libraries that cannot be seeded at all.
UNSEEDED: dict[str, str] = {
    "tokenizers.": (
        "train the tokenizer once, keep it with tokenizer.save(), and load that file in each run: "
        "its training takes no seed"
    ),
}


def find_unseeded_advice(call: str) -> str:
    """Return what to do about a call that no seed repairs; "" if it is none that is known."""
    for start, advice in UNSEEDED.items():
        if call.startswith(start):
            return advice
    return ""


def find_library_seed(function: str) -> LibrarySeed | None:
    """Return how the library of a function, by its full name, is seeded."""
    for start, seed in LIBRARY_SEEDS.items():
        if function.startswith(start):
            return seed
    return None
