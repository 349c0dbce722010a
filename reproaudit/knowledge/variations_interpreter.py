"""Variations of what runs the program: another interpreter, another environment, named by the
user."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.knowledge.variation import Variation, change_nothing


def _find_interpreter(value: str) -> str:
    """Return the path of an interpreter that was named by its path, or as a shell finds it."""
    found = shutil.which(os.path.expanduser(value))
    if found is None:
        raise UsageError(
            f"there is no interpreter {value!r}",
            code="variation-value",
            hint="name one that has torch and reproaudit's packages: --vary python=/path/to/python",
        )
    return found


def _find_in_environment(value: str) -> str:
    """Return the interpreter of a virtual environment."""
    folder = Path(os.path.expanduser(value))
    for place in ("bin/python", "Scripts/python.exe", "python.exe"):
        if (folder / place).is_file():
            return str((folder / place).absolute())
    raise UsageError(
        f"there is no environment {value!r}: it has no bin/python",
        code="variation-value",
        hint="name the folder of a virtual environment that has another torch: --vary "
        "torch=/path/to/env",
    )


INTERPRETER = (
    Variation(
        id="python",
        what="the interpreter",
        values=(),
        in_all=False,
        how=(
            "A value is the path of another Python; reproaudit and all that the program needs "
            "have to be installed for it."
        ),
        change=change_nothing,
        find_python=_find_interpreter,
    ),
    Variation(
        id="torch",
        what="the environment in which torch is installed",
        values=(),
        in_all=False,
        how=(
            "A value is the folder of a virtual environment; reproaudit and all that the program "
            "needs have to be installed there."
        ),
        change=change_nothing,
        find_python=_find_in_environment,
    ),
)
