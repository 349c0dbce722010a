"""Ends a run if we are killed: a process that outlives us waits for that.

What has left the run's process group, as each rank of torchrun has, is found by the plan that its
environment names. Linux.
"""

from __future__ import annotations

import os
import subprocess
import threading

from reproaudit.runs.orphans import keep_as_own

_SHELL = "/bin/sh"
# Reading ends when nobody is left who could write: when we are gone, however that came. What is
# found may have started others by the time it is killed.
_WAIT_AND_KILL = """\
read nothing
kill -s KILL -- "-$0"
test -n "$1" || exit
for round in 1 2 3 4 5 6 7 8; do
    found=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
    test -n "$found" || exit
    for file in $found; do
        pid=${file#/proc/}
        kill -s KILL "${pid%/environ}"
    done
    sleep 0.1
done
"""


def find_parent_to_end_with() -> int:
    """Return the process that the kernel is to end a run with: this one, or 0 for none.

    The kernel watches the thread that started the run. One that is not the main thread may end
    long before the run; then a warden alone watches.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return os.getpid() if is_main else 0


class Warden:
    """Watches over the process group of a run until it is dismissed.

    `mark` stands in the environment of what the run starts, as NAME=VALUE; "": in none.
    """

    def __init__(self, group: int, mark: str = "") -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._write: int | None = None
        try:
            read, self._write = os.pipe()
        except OSError:
            return  # no descriptor is free: as below
        try:
            self._process = subprocess.Popen(
                [_SHELL, "-c", _WAIT_AND_KILL, str(group), mark],
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                # Neither Ctrl-C nor what is done to our own group is for it.
                start_new_session=True,
            )
        except OSError:
            return  # no shell, or no room for a process: the run does without
        finally:
            os.close(read)
        keep_as_own(self._process.pid)

    def dismiss(self) -> None:
        """End the watch. To be called while the group's number is still the run's.

        Once more, for a Ctrl-C may have come in the middle, does the rest.
        """
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        write, self._write = self._write, None
        if write is not None:
            os.close(write)
