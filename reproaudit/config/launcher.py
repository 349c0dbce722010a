"""How many ranks a launcher's command asks for, and the same command for another number."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Of torchrun and torch.distributed.run, of accelerate, of deepspeed, and of mpirun.
_OPTIONS = (
    "--nproc-per-node",
    "--nproc_per_node",
    "--num-processes",
    "--num_processes",
    "--num_gpus",
    "-np",
)
_NUMBER = re.compile(r"\d{1,5}")


def find_world(argv: Sequence[str]) -> int | None:
    """Return the number of ranks that the arguments of a command name; None if none does.

    On several machines it is the number on each.
    """
    found = _find(argv)
    return None if found is None else found[1]


def replace_world(argv: Sequence[str], world: int) -> tuple[str, ...]:
    """Return the arguments with another number of ranks. Raises ValueError if they name none."""
    found = _find(argv)
    if found is None:
        raise ValueError(f"no option of {list(argv)} names a number of ranks")
    place, _ = found
    changed = list(argv)
    option, equals, _ = changed[place].rpartition("=")
    changed[place] = f"{option}{equals}{world}"
    return tuple(changed)


def _find(argv: Sequence[str]) -> tuple[int, int] | None:
    """Return the place of the word that ends in the number, and the number."""
    for place, word in enumerate(argv):
        # What follows is the program's own.
        if word.endswith(".py"):
            return None
        option, equals, value = word.partition("=")
        if option not in _OPTIONS:
            continue
        at = place if equals else place + 1
        if not equals and at < len(argv):
            value = argv[at]
        if _NUMBER.fullmatch(value):
            return at, int(value)
    return None
