"""How the interpreter of a run is started: as ours was."""

from __future__ import annotations

import sys


def interpreter_flags() -> list[str]:
    """Return the flags of our own interpreter that change what a program does: -O, -W and -X."""
    flags = []
    if sys.flags.optimize:
        flags.append("-" + "O" * sys.flags.optimize)
    for option in sys.warnoptions:
        flags.append(f"-W{option}")
    for name, value in sys._xoptions.items():
        # An option without a value has True.
        option = name if value is True else f"{name}={value}"
        flags += ["-X", option]
    return flags
