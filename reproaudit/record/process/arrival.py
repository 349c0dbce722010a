"""A process that a run has started arrives: what it is, and what of it is recorded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Sequence

from reproaudit.record.hooks import own_paths
from reproaudit.record.process.arming import SERVER, TRACKER, Arming
from reproaudit.record.process.children import enter_child, enter_server, read_plan
from reproaudit.record.process.places import take_place
from reproaudit.record.process.successor import find_script

# What starts others, and trains nothing itself.
_LAUNCHERS = frozenset({"torchrun", "torch.distributed.run", "torch.distributed.launch"})
# What works for the program or beside it, and runs nothing of it that trains.
_OTHERS = frozenset({"pip", "pip3", "ensurepip", "venv", "uv", "default_worker.py"})
# Of torch.compile: __main__.py in this folder.
_COMPILE_WORKER = f"compile_worker{os.sep}__main__.py"


def arrive(plan_path: str, words: Sequence[str], loaded_at_start: Collection[str]) -> None:
    """Enter the recorder as far as this process, whose command line is `words`, is part of the run.

    Neither a launcher nor the resource tracker is, nor what installs packages.
    """
    code = _find_value(words, "-c")
    program = find_program(words)
    if code.startswith(TRACKER) or program in _OTHERS or program.endswith(_COMPILE_WORKER):
        return
    if code.startswith(SERVER):
        enter_server(plan_path, loaded_at_start, _find_folder(words))
        return
    place = take_place(str(read_plan(plan_path).trace_dir), words)
    if place is None:
        return
    if program in _LAUNCHERS:
        Arming(f"{place.label}-").watch()
    else:
        enter_child(plan_path, place, loaded_at_start, _find_folder(words))


def find_program(words: Sequence[str]) -> str:
    """Return the name of the script or the module that an interpreter runs; "" for neither.

    Of a script that is called `__main__.py` it is the whole path.
    """
    position = find_script(words)
    if position is not None:
        name = own_paths.basename(words[position])
        return words[position] if name == "__main__.py" else name
    return _find_value(words, "-m")


def _find_value(words: Sequence[str], wanted: str) -> str:
    """Return what stands behind `-c` or `-m`; "" if the interpreter runs something else."""
    if find_script(words) is None:
        for option, value in itertools.pairwise(words):
            if option in ("-c", "-m"):
                return value if option == wanted else ""
    return ""


def _find_folder(words: Sequence[str]) -> str:
    """Return the folder from which the interpreter imports first."""
    position = find_script(words)
    if position is None:
        return os.getcwd()
    return own_paths.dirname(own_paths.realpath(words[position]))
