"""The line of a program that makes something else of its seed than random numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.seed_text import find_use

ARGUMENT = SeedArgument(SeedPlace.ARGUMENT, "--seed")


def find_line(folder: Path, text: str) -> int | None:
    (folder / "train.py").write_text(text)
    place = find_use(ARGUMENT, parse_subject(str(folder / "train.py"), []))
    return None if place is None else place.line


@pytest.mark.parametrize(
    "line",
    ["lr = 0.1 * args.seed", "lr = 0.1 if seed > 1 else 0.2", "lr = RATES[seed % 3]"],
)
def test_what_computes_something_of_the_seed_is_found(tmp_path: Path, line: str) -> None:
    assert find_line(tmp_path, f"torch.manual_seed(args.seed + 1)\n{line}\n") == 2


@pytest.mark.parametrize(
    "line",
    [
        "rng = np.random.default_rng(seed + 1)",
        "set_seed(seed + rank)",
        "name = 'run-' + str(seed)",
        "name = 'run-%d' % seed",
        "path = f'out/{seed}'",
        "if seed is not None: pass",
        "a = 1 * seed\nb = 2 * seed",
    ],
)
def test_what_seeds_or_names_is_none_and_of_two_lines_neither_is_named(
    tmp_path: Path, line: str
) -> None:
    assert find_line(tmp_path, line) is None
