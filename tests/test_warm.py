"""The interpreter's stand-in: what it starts is as a process of its own, and ends with it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.subject import SubjectKind, SubjectSpec
from tests import warm
from tests.processes import has_ended, needs_pidfd
from tests.warm_python import NUMBER, RECORDED

Start = Callable[..., "subprocess.Popen[str]"]

# Says what it is, and goes on for as long as its standard input is open.
WAITS = """
import os, signal, subprocess, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a program through the stand-in, its output in a pipe."""

    def start_it(source: str, *, environment: Any = os.environ) -> subprocess.Popen[str]:
        (tmp_path / "program.py").write_text(source, encoding="utf-8")
        subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py")
        plan = tmp_path / "plan.json"
        plan.write_text(to_json(RunPlan(tmp_path / "trace", subject)), encoding="utf-8")
        return subprocess.Popen(
            [warm.python(), *RECORDED, str(plan)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start_it


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('as planned')", 1),
        ("os._exit(5)", 5),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_it_ends_as_the_run_ends(start: Start, ending: str, code: int) -> None:
    with start(f"import os, signal, sys\n{ending}\n") as process:
        process.communicate(timeout=100)
    assert process.returncode == code


def test_a_run_has_its_streams_environment_folder_and_torch(start: Start, tmp_path: Path) -> None:
    environment = {**os.environ, "OF_THIS_RUN": "yes"}
    environment.pop("HOME", None)
    source = """
import os, sys
loaded = "torch" in sys.modules
print(loaded, os.environ["OF_THIS_RUN"], os.environ.get("HOME"), sys.stdin.read())
print(os.getcwd(), os.getpid() == os.getsid(0), sorted(os.listdir("/proc/self/fd"))[:3])
print("to the other stream", file=sys.stderr)
"""
    with start(source, environment=environment) as process:
        out, error = process.communicate("read", timeout=100)
    expected = f"True yes None read\n{tmp_path} True ['0', '1', '2']\n"
    assert (out, error) == (expected, "to the other stream\n")


def test_a_variable_that_is_read_at_the_start_gives_a_run_its_own_interpreter(
    start: Start,
) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    with start("import sys; print('torch' in sys.modules)", environment=environment) as process:
        out, _ = process.communicate(timeout=100)
    assert out == "False\n"


def test_what_is_no_recorded_run_is_the_interpreter_itself() -> None:
    words = [warm.python(), "-S", "-c", "import sys; print(sys.argv[1:]); sys.exit(4)", "a b"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (4, "['a b']\n")


def test_runs_go_on_beside_each_other(start: Start) -> None:
    with start(WAITS) as first:
        read_line(first)
        with start("print('meanwhile')") as second:
            out, _ = second.communicate(timeout=100)
        assert out == "meanwhile\n"
        assert first.poll() is None
        first.communicate(timeout=100)
    assert first.returncode == 0


def test_a_signal_is_handed_on(start: Start) -> None:
    with start(WAITS) as process:
        read_line(process)
        process.send_signal(signal.SIGUSR1)
        process.wait(timeout=100)
    assert process.returncode == 7


@needs_pidfd
@pytest.mark.parametrize("ending", ["killed", "finished"])
def test_nothing_is_left_of_a_run_whose_stand_in_is_gone(start: Start, ending: str) -> None:
    with start(WAITS) as process:
        started = [int(word) for word in read_line(process).split()]
        if ending == "killed":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.communicate(timeout=100)
    assert len(started) == 2
    assert all(has_ended(one) for one in started)


def test_who_connects_and_goes_harms_nobody(start: Start) -> None:
    path = Path(warm.python()).with_name("socket")
    for said in (b"", NUMBER.pack(100), NUMBER.pack(100) + b"{"):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.connect(str(path))
            gone.sendall(said)
    with start("print('served')") as process:
        out, _ = process.communicate(timeout=100)
    assert out == "served\n"


def read_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that the program writes."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 100)
    assert ready, "the program wrote nothing"
    return process.stdout.readline()
