"""Where lines go that must come before what they govern."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.patches.program_text import ProgramText
from reproaudit.patches.seed_place import SeedPlaces


def add(folder: Path, text: str, *entries: tuple[str, ...]) -> str:
    program = ProgramText(text)
    return program.apply(SeedPlaces(program, folder).add_at_start(entries))


@pytest.mark.parametrize(
    ("name", "added"), [("numba", ""), ("numba as nb", "import numba\n")], ids=["whole", "renamed"]
)
def test_lines_that_are_more_than_calls_of_a_library_stand_as_they_are(
    tmp_path: Path, name: str, added: str
) -> None:
    entry = ("import numba", "@numba.njit", "def seed(n):", "    np.random.seed(n)", "seed(0)")
    assert add(tmp_path, f"import {name}\nf()\n", entry) == (
        f"import {name}\n{added}@numba.njit\ndef seed(n):\n    np.random.seed(n)\nseed(0)\nf()\n"
    )


def test_lines_for_one_place_stand_once_and_in_their_order(tmp_path: Path) -> None:
    seed = ("import torch", "torch.manual_seed(0)")
    flag = ("torch.backends.cudnn.benchmark = False",)
    assert add(tmp_path, "f()\n", seed, flag, seed) == (
        "import torch\ntorch.manual_seed(0)\ntorch.backends.cudnn.benchmark = False\nf()\n"
    )


def test_an_empty_program_has_room_too(tmp_path: Path) -> None:
    assert add(tmp_path, "", ("import torch", "torch.manual_seed(0)")) == (
        "import torch\ntorch.manual_seed(0)\n"
    )
