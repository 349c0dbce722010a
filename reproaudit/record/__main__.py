"""`python -m reproaudit.record PLAN.json [PARENT [FD]]`: started by the runner, never typed by a
person.

It ends with the process PARENT, unless that is 0. With a file descriptor it waits for a byte there,
so that its own start can overlap with the run before.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # `-m` put the working directory in front, where a program's `typing.py` would shadow what the
    # recorder imports. The place itself is kept: `prepare_path` puts there what the program
    # expects.
    loaded_at_start = frozenset(sys.modules)
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from reproaudit.record.process.bootstrap import main
    from reproaudit.record.process.parent import end_with_parent

    if len(sys.argv) > 2 and sys.argv[2] != "0":
        end_with_parent(int(sys.argv[2]))
    if len(sys.argv) > 3:
        held = int(sys.argv[3])
        if not os.read(held, 1):  # the runner is gone, or needs no further run
            os._exit(0)
        os.close(held)
        # A repair may begin the process anew, and nothing is to be waited for then.
        del sys.orig_argv[-1]
    main(sys.argv[1], loaded_at_start)
