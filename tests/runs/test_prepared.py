"""Processes that wait for their turn: what they do before it, and when they are of no use."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.runs import lab as lab_module
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab, RunSetup
from reproaudit.runs.process import RunningProcess
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest

# What a program can see of the process that it runs in.
LOOKS = '''"""Looks around."""
import json, os, sys
import random, threading, warnings
from xml.dom import minidom

seen = dict(
    modules=list(sys.modules), argv=sys.argv, words=sys.orig_argv, path=sys.path, doc=__doc__,
    threads=[thread.name for thread in threading.enumerate()], names=list(globals()),
    variables=sorted(os.environ), filters=[str(one) for one in warnings.filters],
    finders=[type(finder).__name__ for finder in sys.meta_path], cwd=os.getcwd(),
    is_main=vars(sys.modules["__main__"]) is globals(), depth=len(__import__("inspect").stack()),
)
print(json.dumps(seen))
'''
SAYS_WHEN = "import os\nprint('library', flush=True)\n"  # stands for one that is installed
Make = Callable[..., Lab]


def request(name: str, following: RunRequest | None = None) -> RunRequest:
    return RunRequest(name=name, index=0, what="testing", following=following)


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Make]:
    labs: list[Lab] = []

    def make(text: str) -> Lab:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        (work / "train.py").write_text(text)
        subject = parse_subject("train.py", ["--some", "word"], cwd=work)
        setup = RunSetup(steps=1, values_mb=0, timeout_s=300)
        lab = Lab(subject, Settings(), tmp_path / "lab", Quiet(), setup=setup, budget=Budget())
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages; what programs import from it says so."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    (folder / "some_library.py").write_text(SAYS_WHEN)
    return folder


def wait_for(log: Path, text: str) -> None:
    while text not in log.read_text():
        time.sleep(0.01)


def wait_for_word(pid: int, word: str) -> None:
    words = Path(f"/proc/{pid}/cmdline")
    while word.encode() not in words.read_bytes().split(b"\0"):
        time.sleep(0.01)


def test_a_program_sees_nothing_of_having_waited(make_lab: Make) -> None:
    lab = make_lab(LOOKS)
    lab.prepare(request("waited"))
    lab.run(request("first"))
    lab.run(request("waited"))
    lab.prepare(request("waited-too"))
    lab.run(request("waited-too"))
    assert lab.log_of("waited") == lab.log_of("first") == lab.log_of("waited-too")
    assert lab.runs_made == 3


@pytest.mark.usefixtures("library")
def test_libraries_are_imported_before_the_turn_and_the_programs_own_modules_are_not(
    make_lab: Make, tmp_path: Path
) -> None:
    lab = make_lab("import some_library\nimport mine\nprint('program')\n")
    (tmp_path / "work" / "mine.py").write_text("import os; print('mine', os.listdir())")
    lab.prepare(request("run"))
    wait_for(tmp_path / "lab" / "run.log", "library")
    (tmp_path / "work" / "made-meanwhile.txt").write_text("")
    lab.run(request("run"))
    assert lab.log_of("run").splitlines() == [
        "library",
        "mine ['made-meanwhile.txt', 'mine.py', 'train.py']",
        "program",
    ]


def test_an_import_that_fails_before_the_turn_is_tried_at_its_turn(
    make_lab: Make, tmp_path: Path, library: Path
) -> None:
    lab = make_lab("import some_library\nprint('program')\n")
    (library / "some_library.py").write_text("print('fails', flush=True); 1 / 0")
    lab.prepare(request("run"))
    wait_for(tmp_path / "lab" / "run.log", "fails")
    (library / "some_library.py").write_text("print('is whole by now')")
    lab.run(request("run"))
    assert lab.log_of("run").splitlines() == ["fails", "is whole by now", "program"]


@pytest.mark.parametrize("fault", ["syntax", "absent"])
def test_a_script_that_cannot_be_read_before_the_turn_is_read_at_its_turn(
    make_lab: Make, tmp_path: Path, fault: str
) -> None:
    lab = make_lab("import (")
    script = tmp_path / "work" / "train.py"
    if fault == "absent":
        script.unlink()
    lab.prepare(request("run"))
    (waiting,) = [prepared.process for prepared in lab._prepared._prepared.values()]
    wait_for_word(waiting.pid, "late")
    script.write_text("print('program')")
    lab.run(request("run"))
    assert lab.log_of("run") == "program"


@pytest.mark.parametrize("changed", ["train.py", "some_library.py"])
@pytest.mark.usefixtures("library")
def test_a_process_that_has_read_another_program_is_of_no_use(
    make_lab: Make, tmp_path: Path, changed: str
) -> None:
    lab = make_lab("import some_library\nprint('program')\n")
    lab.prepare(request("run"))
    wait_for(tmp_path / "lab" / "run.log", "library")
    (tmp_path / "work" / changed).write_text("print('changed')")
    lab.run(request("run"))
    assert "library" not in lab.log_of("run")
    assert "changed" in lab.log_of("run")


@pytest.mark.usefixtures("library")
def test_what_was_expected_and_did_not_follow_leaves_nothing(
    make_lab: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes: list[RunningProcess] = []
    start = lab_module.start

    def start_and_keep(*args: object, **kwargs: object) -> RunningProcess:
        processes.append(start(*args, **kwargs))  # type: ignore[arg-type]
        return processes[-1]

    monkeypatch.setattr(lab_module, "start", start_and_keep)
    lab = make_lab("import some_library\nimport time; time.sleep(0.5)\n")
    lab.run(request("first", following=request("expected")))
    lab.run(request("other"))
    assert [process.returncode for process in processes] == [0, -9, 0]
    left = sorted(path.name for path in (tmp_path / "lab").iterdir())
    assert left == [
        "first",
        "first.log",
        "first.plan.json",
        "other",
        "other.log",
        "other.plan.json",
    ]
    assert lab.runs_made == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_a_run_did_before_its_turn_is_part_of_its_time(
    make_lab: Make, tmp_path: Path, library: Path
) -> None:
    burn = "import time\nwhile time.process_time() < 1: pass\nprint('burnt', flush=True)\n"
    (library / "some_library.py").write_text(burn)
    lab = make_lab("import some_library\n")
    lab.prepare(request("run"))
    wait_for(tmp_path / "lab" / "run.log", "burnt")
    lab.run(request("run"))
    assert lab.seconds["run"] > 0.9
