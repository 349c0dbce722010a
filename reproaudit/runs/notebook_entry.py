"""`python reproaudit/runs/notebook_entry.py PLAN.json [PARENT [FD]]`: executes a notebook.

The runner starts it in place of the recorder, with the same words, and by its path: a program may
have a `reproaudit.py` of its own.
"""

from __future__ import annotations

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(_FOLDER))


def main() -> None:
    """Execute the notebook of the plan that the command line names."""
    # The folder of this file holds modules that no library should find.
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != _FOLDER]
    sys.path.append(_ROOT)
    from reproaudit.runs.notebook_driver import main as execute

    execute(sys.argv[1], *map(int, sys.argv[2:]))


if __name__ == "__main__":
    main()
