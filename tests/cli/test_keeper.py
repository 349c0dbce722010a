"""What was started ends with the command, whichever of its two processes is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import has_ended, needs_pidfd

pytestmark = [
    needs_pidfd,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a subreaper is Linux"),
]
# A command that has started a program, which has left a daemon.
_WORK = """
import os, signal, subprocess, sys, time
from reproaudit.cli.interrupts import hold_interrupts, interrupt_on_termination
from reproaudit.cli.keeper import keep
from reproaudit.runs.orphans import adopt_orphans, end_orphans

# Whoever runs the tests may ignore them, as a shell does for what it runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

LEAVE = "setsid sh -c 'echo $$; exec sleep 300 >&2' &"

def work(mask):
    with interrupt_on_termination(), adopt_orphans():
        with hold_interrupts(then=mask):
            program = subprocess.Popen(["sh", "-c", LEAVE], start_new_session=True)
            program.wait()
            os.write(1, b"%d\\n" % os.getpid())  # at once: the daemon writes there, too
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            end_orphans()
            return 3
        return 0

with hold_interrupts(then=()):
    sys.exit(keep(work, set()))
"""


@contextmanager
def started() -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """Give the keeper, and the numbers of the process that works and of the daemon."""
    with subprocess.Popen(
        [sys.executable, "-c", _WORK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        numbers = {int(keeper.stdout.readline()) for _ in range(2)}
        # Which of them speaks first is chance.
        (kept,) = (number for number in numbers if _find_parent(number) == keeper.pid)
        (daemon,) = numbers - {kept}
        yield keeper, kept, daemon


def _find_parent(number: int) -> int:
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_daemon_is_ended_if_the_process_that_works_is_killed(number: int) -> None:
    with started() as (keeper, kept, daemon):
        os.kill(kept, number)
        assert has_ended(daemon)
        assert keeper.wait(60) == -number


def test_a_daemon_is_ended_if_the_keeper_is_killed() -> None:
    with started() as (keeper, kept, daemon):
        keeper.kill()
        assert has_ended(daemon)
        assert has_ended(kept)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_for_the_keeper_reaches_the_process_that_works(number: int) -> None:
    with started() as (keeper, _, daemon):
        os.kill(keeper.pid, number)
        assert keeper.wait(60) == 3
        assert has_ended(daemon)


def test_the_exit_code_is_that_of_the_work() -> None:
    with started() as (keeper, _, daemon):
        keeper.communicate("")
        assert keeper.returncode == 0
        assert has_ended(daemon)


def test_a_command_ends_though_whoever_started_it_ignores_the_end_of_children() -> None:
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    code += "os.execv(sys.executable, [sys.executable, '-m', 'reproaudit', '--version'])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.startswith("reproaudit ")
