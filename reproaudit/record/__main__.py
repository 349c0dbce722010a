"""`python -m reproaudit.record PLAN.json`: started by the runner, never typed by a person."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # `-m` put the working directory in front, where a program's `typing.py` would shadow what the recorder imports.
    # The place itself is kept: `prepare_path` puts there what the program expects.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from reproaudit.record.bootstrap import main

    main(sys.argv[1])
