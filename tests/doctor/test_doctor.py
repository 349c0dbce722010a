"""What is missing on a machine is named, with what to do; nothing hangs, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.cli.main import main
from reproaudit.doctor import folders, tool_checks, torch_checks
from reproaudit.doctor.apart import run_apart
from reproaudit.doctor.check import Check, State, decide_exit_code
from reproaudit.doctor.machine_checks import check_folders, check_memory, check_variables
from reproaudit.doctor.report import word_answer, write_check
from reproaudit.doctor.tool_checks import check_extras, check_tools
from reproaudit.doctor.torch_checks import check_torch, read_version

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "doctor.md"
FINE = Check("python", State.FINE, "3.11.7")
LOOK = Check("git", State.LOOK, "not on PATH", "install it")
BROKEN = Check("torch", State.BROKEN, "cannot be imported", "install it")


def only(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


@pytest.mark.slow
def test_this_machine_can_audit_and_nothing_is_left(tmp_path: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment["TMPDIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "reproaudit", "doctor", "--json"],
        env=environment | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == found["exit_code"] == 1, done.stderr
    assert "Look at: " in found["answer"]
    torch = only([Check(**check) for check in found["checks"]], "torch")
    assert torch.state == State.FINE
    assert "imported in" in torch.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("checks", "code", "answer"),
    [
        ([FINE], 0, "This machine can audit."),
        ([FINE, LOOK, LOOK], 1, "This machine can audit. Look at: git."),
        ([LOOK, BROKEN], 2, "This machine cannot audit: torch."),
    ],
)
def test_the_worst_part_decides(checks: list[Check], code: int, answer: str) -> None:
    assert (decide_exit_code(checks), word_answer(checks)) == (code, answer)


def test_an_import_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_checks, "_LOOK", "import time; time.sleep(1000)")
    (check,) = check_torch(0.5)
    assert (check.state, check.found) == (State.BROKEN, "importing it took longer than 0.5 s")


def test_an_import_that_fails_is_told_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_checks, "_LOOK", "import no_such_torch")
    (check,) = check_torch(60.0)
    assert check.state is State.BROKEN
    assert check.found.endswith("ModuleNotFoundError: No module named 'no_such_torch'")
    assert "pip install" in check.advice


@pytest.mark.parametrize(
    ("text", "version"), [("2.13.0+cpu", (2, 13)), ("2.9.0a0+git1", (2, 9)), ("3.0rc1", (3, 0))]
)
def test_a_version_is_read_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert read_version(text) == version


# Stands in for a file system that does not answer: the call that asks it never returns.
HANGS = "import time; time.sleep(1000)"


def test_a_folder_that_does_not_answer_is_given_up_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folders, "_TRY", HANGS)
    monkeypatch.setenv("TMPDIR", "/mnt/dead")
    temporary, working = check_folders(0.5)
    assert (temporary.state, working.state) == (State.BROKEN, State.LOOK)
    assert temporary.found == "/mnt/dead did not answer within 0.5 s"
    assert working.found == f"{os.getcwd()} did not answer within 0.5 s"


def test_of_path_the_folder_that_does_not_answer_is_named_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho git version 7\n")
    git.chmod(0o755)
    # It never comes back from the folder, as after the time is over.
    touch = (
        "import os; ask = os.path.isdir; "
        "os.path.isdir = lambda path: os._exit(9) if 'dead' in path else ask(path); "
    )
    monkeypatch.setattr(folders, "_TOUCH", touch + folders._TOUCH)
    environ = {"PATH": f"/usr/nowhere:/mnt/dead:{tmp_path}"}
    checks = list(check_tools(environ, 60.0))
    assert only(checks, "path").found == "/mnt/dead did not answer within 60 s"
    assert only(checks, "git").found == "git version 7"


def test_what_a_look_started_ends_with_it() -> None:
    reading, writing = os.pipe()
    ended = run_apart(f"import os; os.fork(); {HANGS}", [], 0.5, keeps=[writing])
    os.close(writing)
    assert ended.code is None
    assert os.read(reading, 1) == b""  # as soon as nobody holds the other end any more
    os.close(reading)


def test_without_tools_each_is_named() -> None:
    checks = list(check_tools({"CXX": "no-compiler", "PATH": "/nowhere"}))
    assert {check.name: check.state for check in checks} == {
        "compiler": State.LOOK,
        "git": State.LOOK,
        "launchers": State.LOOK,
    }
    assert "none of no-compiler" in only(checks, "compiler").found


def test_an_extra_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_checks, "find_spec", lambda name: None)
    ray = only(list(check_extras()), "ray")
    assert ray.state is State.ABSENT
    assert "pip install 'reproaudit[ray]'" in ray.advice


def test_a_temporary_folder_that_cannot_be_written_ends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("TMPDIR", str(file))
    monkeypatch.setattr(
        folders, "_TRY", f"import tempfile; tempfile.tempdir={str(file)!r}; {folders._TRY}"
    )
    check = only(list(check_folders()), "temporary folder")
    assert check.state is State.BROKEN
    assert "TMPDIR" in check.advice


@pytest.mark.parametrize(
    ("limit", "state"), [("max", State.FINE), (str(1 << 30), State.LOOK), ("", State.FINE)]
)
def test_the_limit_of_a_container_counts(tmp_path: Path, limit: str, state: State) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:  8000000 kB\n")
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text("1000\n")
    assert check_memory(tmp_path).state is state


@pytest.mark.parametrize(
    ("environ", "states"),
    [
        ({}, []),
        ({"PYTHONHASHSEED": "random"}, []),
        ({"PYTHONHASHSEED": "0"}, [State.LOOK]),
        ({"PYTHONPATH": "/lib", "OMP_NUM_THREADS": "1"}, [State.FINE, State.FINE]),
    ],
)
def test_a_variable_is_told_by_what_it_does(environ: dict[str, str], states: list[State]) -> None:
    assert [check.state for check in check_variables(environ)] == states


def test_a_hostile_name_reaches_no_terminal() -> None:
    assert "\x1b" not in write_check(Check("variable", State.FINE, "A=\x1b[2J"))


def test_the_page_shows_what_the_command_prints() -> None:
    checks = [
        Check("python", State.FINE, "3.11.7, /srv/project/.venv/bin/python"),
        Check("torch", State.FINE, "2.13.0+cpu for CPU, imported in 1.4 s"),
        Check("git", State.LOOK, "not on PATH", _advice("git")),
        Check("gpu", State.ABSENT, "none", "what runs on the CPU is audited"),
    ]
    screen = "\n".join([*map(write_check, checks), "", word_answer(checks)])
    assert f"```text\n$ reproaudit doctor\n{screen}\n```" in PAGE.read_text(encoding="utf-8")


def _advice(name: str) -> str:
    return only(list(check_tools({"PATH": "/nowhere"})), name).advice


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "0 it can audit; 1 it can, and something is to be looked at; 2 it cannot" in said
