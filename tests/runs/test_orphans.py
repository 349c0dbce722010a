"""What left its run's process group is ended with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from reproaudit.runs.orphans import adopt_orphans, end_marked, end_orphans, keep_as_own
from tests.processes import has_ended, needs_pidfd

pytestmark = [
    needs_pidfd,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="subreapers are Linux"),
]
_LEAVE = "sleep 300 >/dev/null & echo $!"
# It becomes an orphan only when the one above it, an orphan itself, is ended.
_LEAVE_TWO = '(sh -c "sleep 301 >/dev/null & echo \\$!; wait"; true) & sleep 0.1'


def leave(script: str, environment: Mapping[str, str] | None = None) -> int:
    """Run a shell in a session of its own; return the number of what it leaves behind."""
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env=environment,
    ) as shell:
        keep_as_own(shell.pid)
        assert shell.stdout is not None
        return int(shell.stdout.readline())


@pytest.mark.parametrize("script", [_LEAVE, _LEAVE_TWO], ids=["one", "one below another"])
def test_a_process_that_lost_its_parent_is_ended(script: str) -> None:
    with adopt_orphans():
        left = leave(script)
        end_orphans()
        assert has_ended(left)


def test_where_others_start_processes_too_only_what_has_the_mark_is_ended() -> None:
    mark = "REPROAUDIT_TEST_MARK=1"
    with adopt_orphans(mark=mark):
        others = leave(_LEAVE, {})
        alike = leave(_LEAVE, {"REPROAUDIT_TEST_MARK": "10"})
        ours = leave(_LEAVE, dict([mark.split("=")]))
        end_orphans()
        assert has_ended(ours)
        for spared in (others, alike):
            # One that was ended would have been reaped.
            os.kill(spared, signal.SIGKILL)


def test_a_child_of_our_own_is_spared() -> None:
    command = ["sleep", "300"]
    with subprocess.Popen(command, start_new_session=True) as before, adopt_orphans():
        with subprocess.Popen(command, start_new_session=True) as known:
            keep_as_own(known.pid)
            with subprocess.Popen(command) as helper:
                end_orphans()
                assert [one.poll() for one in (before, known, helper)] == [None, None, None]
                helper.kill()
            known.kill()
        before.kill()


def test_without_adoption_nothing_is_ended() -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as process:
        end_orphans()
        assert process.poll() is None
        process.kill()


def test_what_has_the_mark_is_ended_wherever_it_was_started() -> None:
    name = f"REPROAUDIT_TEST_{os.getpid()}"
    alike = subprocess.Popen(["sleep", "300"], env={name: "10"}, start_new_session=True)
    with alike, subprocess.Popen(["sleep", "300"], env={name: "1"}, start_new_session=True) as ours:
        end_marked(f"{name}=1")
        assert ours.wait(30) == -signal.SIGKILL
        assert alike.poll() is None
        alike.kill()
