"""The runs behind a lock: fast with traces made by hand, and, slowly, one program locked and
changed in each way."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.settings import Settings, merge
from reproaudit.errors import SubjectError
from reproaudit.lock.check import CheckResult, State
from reproaudit.lock.model import Entry, Lock
from reproaudit.lock.parse import from_text
from reproaudit.lock.runs import (
    Refusal,
    RunOptions,
    check_entry,
    lock_entry,
    make_relative,
    parse_entry_subject,
)
from reproaudit.lock.text import to_text
from reproaudit.lock.where import WhereKind
from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Phase
from reproaudit.runs.alone import AloneRun
from reproaudit.runs.progress import Quiet
from reproaudit.trace.runs import Run
from tests import warm
from tests.comparison.traces import Row, make_run

PROGRAM = Path(__file__).parent / "programs" / "train.py"
STOPPED = Outcome(OutcomeKind.STOPPED, 0)
ROWS = (
    Row("aten::mm", 2, 1),
    Row("loss", 3, kind=EventKind.OUTPUT, shown="float32[]"),
    Row("w", 4, kind=EventKind.GRADIENT, phase=Phase.BACKWARD, shown="float32[3]"),
)
IN_A_THREAD = Row("aten::add_", 9, 8, thread=1)


def in_order(monkeypatch: pytest.MonkeyPatch, *runs: Run) -> None:
    """Let the lab give these runs one after the other."""
    waiting = list(runs)

    class Lab:
        def __init__(self, subject: object, *_: object, **__: object) -> None:
            self.subject, self.steps = subject, None
            self.settings, self.gives_fresh_files = Settings(), False

        def run(self, *_: object, **__: object) -> Run:
            return waiting.pop(0)

        def run_alone(self, name: str, *, like: str) -> AloneRun:
            return AloneRun(1, 2.0, "ValueError: alone")

        def log_of(self, name: str) -> str:
            return f"the end of {name}"

    monkeypatch.setattr("reproaudit.lock.runs.Lab", Lab)


def locked_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *rows: tuple[Row, ...], outcome: Any = STOPPED
) -> Any:
    """Lock a program whose runs hold these rows."""
    (folder / "train.py").write_text("")
    in_order(
        monkeypatch, *(make_run(folder, number, one, outcome) for number, one in enumerate(rows))
    )
    entry = Entry("train.py")
    return lock_entry(
        entry, parse_entry_subject(entry, folder), RunOptions(), Quiet(), most_operators=9
    )


def test_three_equal_runs_make_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = locked_in(tmp_path, monkeypatch, ROWS, ROWS, ROWS)
    assert [(one.op, one.outputs) for one in found.runs[0].operators] == [("aten::mm", "00000000")]
    assert [one.name for one in found.runs[0].tensors] == ["loss", "w"]


def test_runs_that_differ_are_refused_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = (
        replace(ROWS[0], outputs=7, line=1),
        replace(ROWS[1], outputs=8),
        replace(ROWS[2], outputs=9),
    )
    found = locked_in(tmp_path, monkeypatch, ROWS, other, ROWS)
    assert isinstance(found, Refusal)
    assert found.finding is not None
    assert (found.finding.op, str(found.finding.location)) == ("aten::mm", "train.py:1 in main")


def test_a_difference_that_recording_hides_is_refused_without_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locked_in(tmp_path, monkeypatch, ROWS, ROWS, (*ROWS[:2], replace(ROWS[2], outputs=9)))
    assert isinstance(found, Refusal)
    assert found.finding is None
    assert "a run without that does not" in found.headline


def test_a_program_that_fails_or_does_not_train_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SubjectError, match="raised ValueError") as caught:
        locked_in(tmp_path, monkeypatch, ROWS, outcome=Outcome(OutcomeKind.RAISED, 1, "ValueError"))
    assert caught.value.code == "subject-failed"
    assert "it fails without reproaudit as well" in caught.value.hint
    assert "ValueError: alone" in caught.value.hint
    assert "the end of run-0" in caught.value.hint


def test_nothing_that_decides_is_nothing_to_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SubjectError) as caught:
        locked_in(tmp_path, monkeypatch, ROWS[:1], ROWS[:1], ROWS[:1])
    assert caught.value.code == "no-training-step"


def test_other_threads_are_locked_only_if_they_come_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (first, second, held) in enumerate(
        [
            ((IN_A_THREAD, *ROWS), (IN_A_THREAD, *ROWS), True),
            ((IN_A_THREAD, *ROWS), (*ROWS, IN_A_THREAD), False),
        ]
    ):
        (folder := tmp_path / str(number)).mkdir()
        found = locked_in(folder, monkeypatch, first, second, first)
        assert (found.runs[0].other_threads, len(found.runs[0].operators)) == (held, 1 + held)


def test_a_check_of_what_is_gone_or_fails_is_not_comparable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = locked_in(tmp_path, monkeypatch, ROWS, ROWS, ROWS)
    in_order(monkeypatch, make_run(tmp_path, 7, ROWS, Outcome(OutcomeKind.RAISED, 1, "ValueError")))
    failed = check_entry(
        entry, entry.settings, options=RunOptions(), progress=Quiet(), cwd=tmp_path
    )
    assert (failed.state, failed.why) == (
        State.NOT_COMPARABLE,
        "train.py failed: raised ValueError",
    )
    (tmp_path / "train.py").unlink()
    gone = check_entry(entry, entry.settings, options=RunOptions(), progress=Quiet(), cwd=tmp_path)
    assert (gone.state, gone.why[:14]) == (State.NOT_COMPARABLE, "there is no fi")


def test_nothing_recorded_by_a_check_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary := tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    entry = locked_in(tmp_path, monkeypatch, ROWS, ROWS, ROWS)
    in_order(monkeypatch, make_run(tmp_path, 7, ROWS, STOPPED))
    assert (
        check_entry(
            entry, entry.settings, options=RunOptions(), progress=Quiet(), cwd=tmp_path
        ).state
        is State.EQUAL
    )
    assert list(temporary.iterdir()) == []


def test_a_subject_is_held_relative_to_the_folder_where_it_was_locked() -> None:
    names = ("/a/b/train.py", "/a/b/c/x.py::Net", "train.py", "pkg.mod:step")
    assert [make_relative(name, Path("/a/b/c")) for name in names] == [
        "../train.py",
        "x.py::Net",
        *names[2:],
    ]


# -- a real program


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entry]:
    """The program in a folder of its own, and its entry as the lock's text gives it back."""
    folder = tmp_path_factory.mktemp("lock")
    shutil.copy(PROGRAM, folder)
    entry = Entry("train.py", settings=Settings(threads=2), steps=2)
    subject = parse_entry_subject(entry, folder)
    options = RunOptions(python=warm.python())
    made = lock_entry(entry, subject, options, Quiet(), most_operators=2000)
    assert isinstance(made, Entry), made
    text = to_text(Lock((made,)))
    assert str(folder) not in text
    return folder, from_text(text, "x").entries[0]


def checked(
    locked: tuple[Path, Entry], change: Settings = Settings(), edit: tuple[str, str] = ("", "")
) -> CheckResult:
    """Check the program under a changed setting, or after an edit."""
    folder, entry = locked
    program = PROGRAM.read_text()
    assert edit[0] in program
    (folder / "train.py").write_text(program.replace(*edit) if edit[0] else program)
    settings = merge(entry.settings, change)
    options = RunOptions(python=warm.python())
    return check_entry(entry, settings, options=options, progress=Quiet(), cwd=folder)


def op_of(result: CheckResult) -> tuple[WhereKind, str, str, bool]:
    assert result.where is not None
    assert result.where.first is not None
    return (
        result.where.kind,
        result.where.first.op,
        result.where.first.phase,
        result.is_at_changed_file,
    )


@pytest.mark.slow
def test_the_program_as_it_was_locked_is_equal_also_with_a_comment_more(
    locked: tuple[Path, Entry],
) -> None:
    result = checked(locked, edit=("WIDTH = 48\n", "# width\nWIDTH = 48\n"))
    assert (result.state, result.operators_differ) == (State.EQUAL, False)
    assert result.changes.code == (("train.py", "changed"),)
    assert not result.changes.environment
    losses = [tensor.value for tensor in locked[1].runs[0].tensors if tensor.kind == "loss"]
    assert len({float(loss) for loss in losses}) == 2


@pytest.mark.slow
def test_a_changed_activation_is_named_with_its_line(locked: tuple[Path, Entry]) -> None:
    result = checked(locked, edit=("nn.ReLU()", "nn.GELU()"))
    assert result.state is State.DIFFERS
    assert op_of(result) == (WhereKind.OPERATORS, "aten::gelu.default", "forward", True)
    assert result.where is not None
    assert [op.op for op in result.where.locked] == ["aten::relu.default"]
    line = 1 + PROGRAM.read_text().split("\n").index(
        "        return self.head(self.activation(self.body(x)))"
    )
    assert (result.where.now[0].place, result.where.now[0].module) == (
        f"train.py:{line}",
        "activation",
    )
    assert (result.changes.code, result.changes.environment) == ((("train.py", "changed"),), ())


@pytest.mark.slow
def test_a_changed_epsilon_is_an_argument_of_an_optimizer_op_at_a_changed_file(
    locked: tuple[Path, Entry],
) -> None:
    result = checked(locked, edit=("eps=1e-8", "eps=1e-6"))
    assert result.state is State.DIFFERS
    assert op_of(result) == (WhereKind.ARGUMENT, "aten::add_.Tensor", "optimizer", True)
    assert {change.either.kind for change in result.tensors if change.either.step == 0} == {
        "parameter"
    }


@pytest.mark.slow
def test_another_number_of_threads_is_named_as_setting_and_environment(
    locked: tuple[Path, Entry],
) -> None:
    result = checked(locked, Settings(threads=1))
    assert result.state is State.DIFFERS
    assert op_of(result)[0] is WhereKind.RESULT
    assert result.changes.code == ()
    assert result.changes.settings == (("threads", "2", "1"),)
    assert result.changes.environment == (("threads", "2", "1"),)


@pytest.mark.slow
def test_another_cpu_capability_is_named(locked: tuple[Path, Entry]) -> None:
    # This variable, read when torch is loaded, gives the run an interpreter of its own.
    result = checked(locked, Settings(env=(("ATEN_CPU_CAPABILITY", "default"),)))
    assert ("ATEN_CPU_CAPABILITY", "unset", "default") in result.changes.environment
    assert result.changes.code == ()
    if not any(name == "cpu capability" for name, _, _ in result.changes.environment):
        pytest.skip("this processor has no other capability than the default one")
    assert result.state is State.DIFFERS
    assert op_of(result)[0] is WhereKind.RESULT
