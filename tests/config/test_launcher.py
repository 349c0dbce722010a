"""How many ranks a launcher's command asks for, and the same command for another number."""

from __future__ import annotations

import pytest

from reproaudit.config.launcher import find_world, replace_world


@pytest.mark.parametrize(
    ("command", "world"),
    [
        ("--standalone --nproc-per-node 2 train.py", 2),
        ("--nproc_per_node=4 train.py --nproc_per_node=9", 4),
        ("launch --num_processes 3 train.py", 3),
        ("-np 2 python train.py", 2),
        ("train.py --nproc-per-node 2", None),
        ("--nproc-per-node gpu train.py", None),
        ("--nproc-per-node", None),
        ("", None),
    ],
)
def test_the_number_of_ranks_is_that_of_the_launcher(command: str, world: int | None) -> None:
    assert find_world(command.split()) == world


@pytest.mark.parametrize(
    ("command", "changed"),
    [
        ("-np 2 python train.py -np 2", "-np 3 python train.py -np 2"),
        ("--nproc_per_node=2 train.py", "--nproc_per_node=3 train.py"),
    ],
)
def test_only_the_launchers_own_number_is_replaced(command: str, changed: str) -> None:
    assert replace_world(command.split(), 3) == tuple(changed.split())


def test_a_command_that_names_no_number_cannot_have_another() -> None:
    with pytest.raises(ValueError, match="names a number of ranks"):
        replace_world(("train.py",), 3)
