"""The audited process ends with the one that started it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.processes import has_ended, needs_pidfd

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the death signal of a parent is Linux"
)
_CHILD = """
import os, signal, sys
from reproaudit.prctl import end_with_parent
end_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
signal.alarm(300)
signal.pause()
"""
_PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", {_CHILD!r}, str(os.getpid())],
    stdout=subprocess.PIPE, start_new_session=True,
)
os.write(1, child.stdout.readline())
os.kill(os.getpid(), 9)
"""


@needs_pidfd
def test_it_is_killed_with_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PARENT], check=False, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == -9
    assert has_ended(int(done.stdout))


def test_it_ends_at_once_if_its_parent_has_gone_already() -> None:
    somebody_else = str(os.getppid())
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, somebody_else], check=False, stdout=subprocess.PIPE
    )
    assert (done.returncode, done.stdout) == (0, b"")
