"""A run does not outlive the process that made it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from reproaudit.runs.warden import Warden
from tests.processes import has_ended, needs_pidfd

_KILLED = """
import os, signal, sys
from reproaudit.runs.warden import Warden
Warden(int(sys.argv[1]), *sys.argv[3:])
os.kill(os.getpid(), int(sys.argv[2]))
"""


@needs_pidfd
@pytest.mark.parametrize("number", [9, 3], ids=["SIGKILL", "SIGQUIT"])
def test_a_run_is_ended_when_its_maker_is_killed(number: int) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as run:
        command = [sys.executable, "-c", _KILLED, str(run.pid), str(number)]
        subprocess.run(command, check=False)
        run.wait(30)
        assert run.returncode == -9
        assert has_ended(run.pid)


@needs_pidfd
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_has_a_session_of_its_own_is_ended_by_its_mark() -> None:
    name, value = f"REPROAUDIT_TEST_{os.getpid()}", "run-1.plan.json"
    alike = subprocess.Popen(["sleep", "300"], env={name: "run-0.plan.json"})
    with (
        alike,
        subprocess.Popen(["sleep", "300"], start_new_session=True) as run,
        subprocess.Popen(["sleep", "300"], start_new_session=True, env={name: value}) as rank,
    ):
        command = [sys.executable, "-c", _KILLED, str(run.pid), "9", f"{name}={value}"]
        subprocess.run(command, check=False)
        rank.wait(30)
        assert rank.returncode == -9
        assert alike.poll() is None
        alike.kill()


def test_a_dismissed_warden_ends_nothing() -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as run:
        Warden(run.pid).dismiss()
        assert run.poll() is None
        run.kill()


def test_a_run_goes_on_without_a_warden_where_there_is_no_shell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reproaudit.runs.warden._SHELL", "/nowhere/sh")
    Warden(1).dismiss()


def test_a_run_goes_on_without_a_warden_where_no_descriptor_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("os.pipe", refuse)
    Warden(1).dismiss()
