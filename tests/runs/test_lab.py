"""Where runs are made: budget, files of their own, and what becomes of a folder. Programs here are
one line long."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.config.execution import Execution
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec, parse_subject
from reproaudit.errors import SubjectError
from reproaudit.model.events import OutcomeKind
from reproaudit.runs import full_disk, limits
from reproaudit.runs import lab as lab_module
from reproaudit.runs.budget import Budget, BudgetSpent, StoppedUnderWay
from reproaudit.runs.compiler_cache import CompilerCache
from reproaudit.runs.executors.cores import list_cores
from reproaudit.runs.lab import Lab, RunSetup
from reproaudit.runs.launch import read_progress
from reproaudit.runs.process import RunningProcess, start
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest

SEES_FILES = """
import os, sys, tempfile
here, temporary = sorted(os.listdir(".")), sorted(os.listdir(tempfile.gettempdir()))
print("sees", here, temporary, os.path.basename(sys.argv[0]))
open("left.txt", "w").close()
open(os.path.join(tempfile.gettempdir(), "left.tmp"), "w").close()
"""


def lab_in(
    folder: Path,
    text: str,
    budget: Budget | None = None,
    *,
    fresh_copy: bool = False,
    timeout_s: float | None = 300,
    cwd: str = "work",
) -> Lab:
    """Make a lab for a program `train.py` in the folder `work`; its traces lie beside that.

    It is started in the folder `cwd`, beside that too.
    """
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (folder / cwd).mkdir(exist_ok=True)
    (work / "data").mkdir()
    (work / "data" / "a.txt").write_text("x")
    (work / "train.py").write_text(text)
    return Lab(
        parse_subject(os.path.relpath(work / "train.py", folder / cwd), cwd=folder / cwd),
        Settings(),
        folder / "lab",
        Quiet(),
        setup=RunSetup(steps=1, values_mb=0, timeout_s=timeout_s, fresh_copy=fresh_copy),
        budget=budget or Budget(),
    )


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunningProcess]:
    """The processes that labs start, the first one first."""
    processes: list[RunningProcess] = []

    def start_and_keep(*args: Any, **kwargs: Any) -> RunningProcess:
        processes.append(start(*args, **kwargs))
        return processes[-1]

    monkeypatch.setattr(lab_module, "start", start_and_keep)
    return processes


def request(name: str, index: int = 0, **changes: Any) -> RunRequest:
    return RunRequest(name=name, index=index, what="testing", **changes)


def test_runs_with_fresh_files_see_the_folder_as_it_was_and_leave_nothing_in_it(
    tmp_path: Path,
) -> None:
    lab = lab_in(tmp_path, SEES_FILES)
    (tmp_path / "work" / "made-later.txt").write_text("x")
    for number in range(2):
        lab.run(request(f"fresh-{number}", number, interventions=("files.fresh",)))
        assert "sees ['data', 'train.py'] [] train.py" in lab.log_of(f"fresh-{number}")
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [
        "data",
        "made-later.txt",
        "train.py",
    ]
    assert not (tmp_path / "lab" / "files-of-a-run").exists()


def test_runs_as_they_are_see_what_earlier_ones_left(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, SEES_FILES.replace("tempfile.gettempdir()", "'data'"))
    for number in range(2):
        lab.run(request(f"plain-{number}", number))
    assert "left.txt" not in lab.log_of("plain-0")
    assert "left.txt" in lab.log_of("plain-1")


def test_every_run_gets_fresh_files_if_that_was_asked_for(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, SEES_FILES, fresh_copy=True)
    for number in range(2):
        lab.run(request(f"run-{number}", number))
    assert "left" not in lab.log_of("run-1")


def test_a_patched_copy_runs_and_the_program_itself_stays_as_it_is(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, "print('as it was')")
    wanted = request("patched", 0)
    text = "print('pat' + 'ched')\r\n"
    lab.run(replace(wanted, fresh_copy=True, files=(("train.py", text),)))
    assert "patched" in lab.log_of("patched")
    assert "as it was" not in lab.log_of("patched")
    assert sorted(os.listdir(tmp_path / "work")) == ["data", "train.py"]
    assert (tmp_path / "work" / "train.py").read_text() == "print('as it was')"


def test_a_patched_copy_of_a_program_elsewhere_has_its_folder_with_it(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "helper.py").write_text("")
    lab = lab_in(tmp_path, "import helper", cwd="start")
    files = (("helper.py", "import os, sys\nprint(os.listdir(), sys.argv[0], 'helps')\n"),)
    lab.run(replace(request("patched", 0), fresh_copy=True, files=files))
    (printed,) = lab.log_of("patched").splitlines()
    assert printed.startswith("[] ")
    assert "program-of-a-run" in printed
    assert printed.endswith("work/train.py helps")
    assert (tmp_path / "work" / "helper.py").read_text() == ""
    assert not (tmp_path / "lab" / "program-of-a-run").exists()


def test_a_patch_is_run_only_where_a_copy_holds_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "a.py").write_text("")
    (tmp_path / "away" / "b.py").write_text("")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.py").symlink_to("../away/a.py")
    (tmp_path / "work" / "away").symlink_to("../away")
    lab = lab_in(tmp_path, "")
    assert lab.can_patch(["train.py"])
    for path in ("a.py", "away/b.py", "../away/a.py"):
        assert not lab.can_patch(["train.py", path])


def test_a_file_above_the_working_folder_is_patched_in_a_copy_of_the_repository(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helper.py").write_text("print('as it was')")
    lab = lab_in(tmp_path, "import sys; sys.path.append('../lib'); import helper")
    files = (("../lib/helper.py", "print('patched')"),)
    assert lab.can_patch(["../lib/helper.py"])
    lab.run(replace(request("patched", 0), fresh_copy=True, files=files))
    assert lab.log_of("patched") == "patched"
    assert (tmp_path / "lib" / "helper.py").read_text() == "print('as it was')"


def test_runs_before_the_budget_began_do_not_count_against_it(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, "pass", Budget(runs=1))
    lab.run(request("observed", 0))
    lab.start_budget()
    lab.run(request("diagnosing", 0))
    with pytest.raises(BudgetSpent):
        lab.run(request("too-many", 0))
    assert lab.runs_made == 2
    assert not (tmp_path / "lab" / "too-many").exists()


def test_a_budget_of_time_ends_the_diagnosis_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = lab_in(tmp_path, "pass", Budget(seconds=60))
    lab.start_budget()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    with pytest.raises(BudgetSpent):
        lab.run(request("too-late", 0))


def test_a_run_that_goes_on_when_the_time_is_over_is_ended(
    tmp_path: Path, started: list[RunningProcess]
) -> None:
    lab = lab_in(tmp_path, "import time\nwhile True: time.sleep(1)", Budget(seconds=0.5))
    lab.start_clock()
    lab.bound_time()
    with pytest.raises(StoppedUnderWay):
        lab.run(request("under-way", 0))
    assert started[0].returncode is not None
    with pytest.raises(BudgetSpent):
        lab.run(request("too-late", 0))


def test_a_prepared_run_touches_the_program_only_when_its_turn_comes(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, SEES_FILES.replace("tempfile.gettempdir()", "'data'"))
    lab.prepare(request("second", 1))
    lab.run(request("first", 0))
    lab.run(request("second", 1))
    assert "left.txt" not in lab.log_of("first")
    assert "left.txt" in lab.log_of("second")
    assert lab.runs_made == 2


def test_what_was_prepared_and_never_used_ends_and_leaves_nothing(
    tmp_path: Path, started: list[RunningProcess]
) -> None:
    lab = lab_in(tmp_path, SEES_FILES)
    lab.prepare(request("unused"))
    (process,) = started
    lab.close()
    assert process.returncode is not None
    assert not list((tmp_path / "lab").iterdir())


@pytest.mark.parametrize("why", ["gone", "other settings"])
def test_a_prepared_process_that_does_not_fit_is_replaced(
    tmp_path: Path, started: list[RunningProcess], why: str
) -> None:
    lab = lab_in(tmp_path, "import os; print('sees', os.environ.get('A'))")
    lab.prepare(request("run"))
    (process,) = started
    if why == "gone":
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)
        lab.run(request("run", 0))
    else:
        lab.run(request("run", variables=(("A", "b"),)))
    assert lab.log_of("run") == f"sees {None if why == 'gone' else 'b'}"
    assert process.returncode is not None
    assert lab.seconds.keys() == {"run"}


SEES_CACHE = """
import os, tempfile
print("cache", os.environ.get("TORCHINDUCTOR_CACHE_DIR"))
"""


@pytest.mark.parametrize("fresh_copy", [False, True])
def test_a_copy_finds_what_the_program_compiled_unless_every_run_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_copy: bool
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    lab = lab_in(tmp_path, SEES_CACHE, fresh_copy=fresh_copy)
    monkeypatch.setattr(
        CompilerCache,
        "share",
        lambda self: Settings(env=(("TORCHINDUCTOR_CACHE_DIR", str(cache)),)),
    )
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    lab.run(request("patched", fresh_copy=True))
    expected = None if fresh_copy else cache
    assert f"cache {expected}" in lab.log_of("patched")
    if not fresh_copy:
        lab.run(request("plain"))
        assert "cache None" in lab.log_of("plain")


TAKES_ITS_TIME = """
import os, time
while os.environ.get("PYTHONHASHSEED") == "0":
    pass
"""


def test_a_changed_run_that_burns_time_is_ended_by_what_the_others_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LEAST_TIMEOUT_S", 1.0)
    monkeypatch.setattr(limits, "SLOWEST", 1.0)
    lab = lab_in(tmp_path, TAKES_ITS_TIME, timeout_s=None)
    lab.run(request("plain"))
    with pytest.raises(SubjectError, match=r"within \d+ s, though no run that ended took longer"):
        lab.run(request("changed", interventions=("hash.seed",)))
    # The time of the one that was ended makes no later limit longer.
    limit_s = lab._limits.timeout_of(request("next", interventions=("hash.seed",)))
    assert limit_s == max(1, round(lab.seconds["plain"]))


def test_a_full_disk_is_named_as_such_whatever_failed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    for error, code in ((full, "disk-full"), (OSError(errno.EACCES, "no"), "EACCES")):

        def fail(*_: object, error: OSError = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(lab_module, "start", fail)
        monkeypatch.setattr(full_disk, "require_room", fail)
        folder = tmp_path / code
        folder.mkdir()
        with pytest.raises((SubjectError, OSError)) as caught:
            lab_in(folder, "").run(request("run-0"))
        assert getattr(caught.value, "code", "EACCES") == code


def test_a_program_that_fails_on_a_full_disk_is_not_said_to_be_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lab = lab_in(tmp_path, "raise SystemExit(3)")
    assert not lab.run(request("run-0")).outcome.is_success
    monkeypatch.setattr(full_disk, "require_room", fail)
    with pytest.raises(SubjectError, match="run-1 could not be recorded") as caught:
        lab.run(request("run-1"))
    assert caught.value.code == "disk-full"


def test_a_full_disk_is_named_where_runs_are_made_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    executor = SimpleNamespace(width=2, submit=fail, settings=Settings(), notes=(), is_here=True)
    monkeypatch.setattr(lab_module, "make_executor", lambda order: executor)
    monkeypatch.setattr(full_disk, "require_room", fail)
    with pytest.raises(SubjectError, match="run-0 could not be recorded") as caught:
        lab_in(tmp_path, "").run(request("run-0"))
    assert caught.value.code == "disk-full"


COMMAND_WHOSE_RANK_IS_KILLED = """
import os, sys
from pathlib import Path
from reproaudit.trace.facts import ProcessFacts
from tests.trace.sample import new_writer, op
# The program itself does not see the variable.
started_with = dict(
    text.split("=", 1) for text in Path("/proc/self/environ").read_text().split("\\0") if text
)
rank = Path(started_with["REPROAUDIT_PLAN"].removesuffix(".plan.json")) / "child-rank"
writer = new_writer(rank, process=ProcessFacts(1, 2))
op(writer)
writer.flush(1)
whole = (rank / "events.bin").stat().st_size
op(writer)
writer.flush(2)
os.truncate(rank / "events.bin", whole)
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 1])
def test_a_rank_that_was_killed_while_it_wrote_makes_a_run_that_failed(
    tmp_path: Path, code: int
) -> None:
    program = tmp_path / "starts.py"
    program.write_text(COMMAND_WHOSE_RANK_IS_KILLED)
    setup = RunSetup(steps=1, values_mb=0, timeout_s=300)
    words = [sys.executable, str(program), str(code)]
    subject = SubjectSpec(SubjectKind.COMMAND, tmp_path, program=words[0], argv=tuple(words[1:]))
    lab = Lab(subject, Settings(), tmp_path / "lab", Quiet(), setup=setup, budget=Budget())
    run = lab.run(RunRequest(name="run-0", index=0, what=""))
    assert not run.outcome.is_success
    assert "rank 1" in run.outcome.detail
    assert run.lacks_events


TRAINS_LONG = """
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(10_000_000):
    model(torch.ones(3, 2)).sum().backward()
    optimizer.step()
"""


def test_a_run_that_is_over_is_stopped_at_the_end_of_a_step(tmp_path: Path) -> None:
    lab = lab_in(tmp_path, TRAINS_LONG)
    asked: list[Path] = []

    def is_over(folder: Path) -> bool:
        asked.append(folder)
        return int(read_progress(folder) or b"0") > 0

    run = lab.run(request("run", steps=10_000_000, is_over=is_over))
    assert run.outcome.kind is OutcomeKind.STOPPED
    assert 0 < run.steps < 10_000_000
    assert not run.main.damage
    assert set(asked) == {tmp_path / "lab" / "run"}
    assert lab.runs_made == 1


SAYS_PLACE = """
import os
print(os.path.exists("left.txt"), len(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"])
print(os.getcwd())
open("left.txt", "w").close()
"""


@pytest.mark.slow
@pytest.mark.skipif(len(list_cores()) < 2, reason="needs two cores")
def test_runs_side_by_side_have_cores_and_files_of_their_own_and_all_threads(
    tmp_path: Path,
) -> None:
    whole = lab_in(tmp_path, SAYS_PLACE)
    lab = Lab(
        whole.subject,
        Settings(),
        tmp_path / "jobs",
        Quiet(),
        setup=RunSetup(steps=1, values_mb=0, execution=Execution(jobs=2)),
        budget=Budget(),
    )
    runs = list(lab.run_all([request(f"run-{index}", index) for index in range(3)]))
    assert [run.index for run in runs] == [0, 1, 2]
    assert lab.runs_made == 3
    said = [lab.log_of(f"run-{index}").split() for index in range(3)]
    threads = {words[2] for words in said}
    assert {(words[0], words[1]) for words in said} == {("False", f"{len(list_cores()) // 2}")}
    assert len(threads) == 1
    assert threads.pop() in lab.notes[0].why
    # What was lent has gone, and lay in one of two places.
    assert len({words[3] for words in said}) == 2
    assert sorted(path.name for path in lab.folder.iterdir() if path.is_dir()) == [
        "run-0",
        "run-1",
        "run-2",
    ]
