"""What a command starts enters the recorder, each process once and by its place."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import OutcomeKind
from reproaudit.runs.launch import list_entered, misses_interpreters
from reproaudit.runs.process import run
from reproaudit.trace.runs import open_run
from reproaudit.trace.words import PROCESSES_FOLDER

PYTHON = os.path.basename(sys.executable)


def make_plan(folder: Path, *words: str) -> RunPlan:
    subject = SubjectSpec(SubjectKind.COMMAND, folder, argv=words[1:], program=words[0])
    return RunPlan(folder / "out" / "run-0", subject)


def run_command(folder: Path, *words: str, is_site: bool | None = True) -> list[str]:
    """Run the command and return the labels of the interpreters that were entered."""
    plan = make_plan(folder, *words)
    run(plan, log=folder / "log", timeout_s=100, is_site=is_site)
    return list_entered(plan.trace_dir)


def test_what_a_shell_starts_is_entered_in_order(tmp_path: Path) -> None:
    script = f"{sys.executable} -c 'pass'; {sys.executable} -c 'pass'; echo done"
    assert run_command(tmp_path, "sh", "-c", script) == [f"{PYTHON}-1", f"{PYTHON}-2"]
    assert (tmp_path / "log").read_text(encoding="utf-8") == "done\n"


def test_an_interpreter_is_entered_though_nothing_is_put_on_its_path(tmp_path: Path) -> None:
    # As `make test` installs the package, an interpreter of ours enters by itself.
    assert run_command(tmp_path, sys.executable, "-c", "pass", is_site=None) == [f"{PYTHON}-1"]


STARTS = """
import os, subprocess, sys
quiet = [sys.executable, "-c", "pass"]
subprocess.run(quiet)
subprocess.run(quiet, env={})
subprocess.Popen(quiet, close_fds=False).wait()
os.system(f"{sys.executable} -c pass")
os.spawnv(os.P_WAIT, sys.executable, quiet)
os.execv(sys.executable, quiet)
"""


def test_however_a_process_is_started_it_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS, encoding="utf-8")
    entered = run_command(tmp_path, sys.executable, "starts.py")
    own = f"{PYTHON}-1"
    assert len(entered) == 7
    assert {own, f"{own}-{PYTHON}-1", f"{own}-{PYTHON}-2"} <= set(entered)


def test_what_runs_nothing_of_the_program_is_not_entered(tmp_path: Path) -> None:
    assert run_command(tmp_path, sys.executable, "-m", "pip", "--version") == []


def test_a_process_says_what_it_is(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, sys.executable, "-c", "pass")
    run(plan, log=tmp_path / "log", timeout_s=100, is_site=True)
    (file,) = (plan.trace_dir / PROCESSES_FOLDER).iterdir()
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["command"][1:] == ["-c", "pass"]
    assert said["python"] == sys.executable


def test_a_command_without_an_interpreter_is_recorded_as_such(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "true")
    done = run(plan, log=tmp_path / "log", timeout_s=100)
    assert misses_interpreters(plan)
    assert done.outcome.kind is OutcomeKind.COMPLETED
    opened = open_run(plan.trace_dir, 0)
    assert opened.main.process.is_launcher
    assert opened.main.notes == ()


def test_the_exit_code_of_a_command_is_its_outcome(tmp_path: Path) -> None:
    done = run(make_plan(tmp_path, "sh", "-c", "exit 3"), log=tmp_path / "log", timeout_s=100)
    assert (done.outcome.kind, done.outcome.code) == (OutcomeKind.EXITED, 3)


SHOWS = """
import os, subprocess, sys
ask = "import os; print([name for name in os.environ if name.startswith('REPROAUDIT')])"
exec(ask)
for env in (None, {}, dict(os.environ)):
    print(subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True).stdout)
os.execve(sys.executable, [sys.executable, "-c", ask], dict(os.environ))
"""


def test_the_program_does_not_see_the_variables(tmp_path: Path) -> None:
    (tmp_path / "shows.py").write_text(SHOWS, encoding="utf-8")
    entered = run_command(tmp_path, sys.executable, "shows.py", is_site=None)
    assert len(entered) == 5
    shown = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert sorted(set(shown)) == ["[]", "b'[]\\n'"]
