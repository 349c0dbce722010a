"""A resumed run against uninterrupted ones: what is equal, and where a difference first shows."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.continuation import Beginning, Sign, compare_from, find_beginning
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.comparison.lost_state import list_checkpoints
from reproaudit.config.plan import StopWay
from reproaudit.config.settings import Settings
from reproaudit.config.subject import parse_subject
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import summarise_run
from reproaudit.experiment.options import AuditOptions, make_setup
from reproaudit.experiment.resume_diagnosis import Pair, diagnose
from reproaudit.experiment.resume_result import Resumed, make_result
from reproaudit.experiment.resume_runs import ResumeOptions, ResumeRuns, name_stop
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, OutcomeKind
from reproaudit.model.question import Restoration, Resumption, StateKind
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import progress_for
from reproaudit.trace.runs import Run
from tests import warm
from tests.auditing import PROGRAMS, audit, reproaudit
from tests.report.cases import ONE_DIVERGENCE, REPRODUCIBLE

TRAIN = PROGRAMS / "resume" / "train.py"
AT = 6


def make_options(folder: Path) -> AuditOptions:
    shutil.copy(TRAIN, folder)
    subject = parse_subject(TRAIN.name, cwd=folder)
    return AuditOptions(subject, steps=None, python=warm.python(), state=True)


def make_lab(folder: Path) -> Lab:
    options = make_options(folder)
    return Lab(
        options.subject,
        Settings(),
        folder / "out",
        progress_for(True),
        setup=make_setup(options),
        budget=Budget(),
    )


class Runs:
    """One program of which an uninterrupted and a stopped run were made."""

    def __init__(self, folder: Path) -> None:
        self.audit = make_options(folder)
        self.lab = make_lab(folder)
        self.through = self.make().hold((), made=0)
        self.stopped = self.stop()

    def make(self, *resume_args: str) -> ResumeRuns:
        return ResumeRuns(ResumeOptions(self.audit, AT, resume_args=resume_args), self.lab)

    def stop(self) -> Run:
        runs = self.make()
        runs.require_enough_steps(self.through, AT)
        return runs.stop()

    def others(self) -> tuple[Run, Run]:
        """Return the uninterrupted run, and one that is not equal to it."""
        return self.through, self.make("--forget", "numpy").go_on("other", "", steps=4)

    def go_on(self, name: str, *resume_args: str) -> Pair:
        return make_pair(self, self.make(*resume_args).go_on(name, "", steps=4))


def make_pair(runs: Runs, resumed: Run) -> Pair:
    interned = Interned()
    beginning = find_beginning(runs.through, runs.stopped, resumed, interned)
    assert beginning is not None
    compare_from(runs.through, resumed, AT, interned)
    return Pair(
        through=runs.through,
        stopped=runs.stopped,
        resumed=resumed,
        beginning=beginning,
        begin=AT,
        interned=interned,
    )


def judge_pair(pair: Pair) -> Judged:
    both = [pair.through, pair.resumed]
    return judge(both, compare_boundaries(both, pair.interned), Tolerances())


def conclude_pair(
    runs: Runs,
    pair: Pair,
    resumption: Resumption,
    *,
    as_it_is: AuditResult = REPRODUCIBLE,
    plain: tuple[Run, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> AuditResult:
    return make_result(
        ResumeOptions(runs.audit, AT),
        replace(as_it_is, trials=()),
        judge_pair(pair),
        Resumed(
            through=(pair.through,),
            stopped=pair.stopped,
            resumed=pair.resumed,
            begin=AT,
            resumption=resumption,
            plain=plain,
        ),
        findings=findings,
        ops=None,
        trials=(),
        notes=(),
        runs_made=7,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    made = Runs(tmp_path_factory.mktemp("resume"))
    with contextlib.closing(made.lab):
        yield made


def test_a_run_that_restores_all_it_needs_is_equal(runs: Runs) -> None:
    pair = runs.go_on("equal")
    judged = judge_pair(pair)
    assert pair.beginning == Beginning(AT, Sign.CONTENTS)
    assert judged.comparison.classes == ((0, 3),)
    assert judged.comparison.compared > 0


@pytest.mark.parametrize(
    ("forgotten", "kind", "step"),
    [
        ("scheduler", EventKind.PARAMETER, 8),
        ("scaler", EventKind.OUTPUT, 6),
        ("average", EventKind.SAVED, 9),
        ("sampler", EventKind.BATCH, 6),
        ("numpy", EventKind.BATCH, 6),
    ],
)
def test_state_that_is_not_restored_is_a_difference_where_it_first_shows(
    runs: Runs, forgotten: str, kind: EventKind, step: int
) -> None:
    judged = judge_pair(runs.go_on(forgotten, "--forget", forgotten))
    assert judged.comparison.classes == ((0,), (3,))
    first = judged.divergences[0]
    assert (first.kind, first.step) == (kind, step)


def test_a_stream_that_is_not_restored_is_proven_by_a_run_that_is_given_it(runs: Runs) -> None:
    resuming = runs.make("--forget", "numpy")
    pair = make_pair(runs, resuming.go_on("without-numpy", "", steps=4))
    diagnosis = diagnose(judge_pair(pair), pair, resuming, is_wanted=True)
    (lost,) = diagnosis.lost
    assert (lost.kind, lost.restoration) == (StateKind.RANDOM_STREAM, Restoration.NOT_RESTORED)
    assert "numpy" in lost.name.lower()
    assert lost.in_checkpoint
    (finding,) = diagnosis.findings
    assert (finding.rule, finding.cause, finding.step) == ("RA613", Cause.RNG_ORDER, AT)
    assert finding.fix is not None
    assert finding.fix.settings == ("resume.streams",)
    assert finding.fix.verified
    (trial,) = diagnosis.trials
    assert trial.is_proof


def test_a_run_that_loads_nothing_is_seen_to_begin_anew(runs: Runs) -> None:
    resuming = runs.make("--checkpoint", "elsewhere.pt")
    pair = make_pair(runs, resuming.go_on("anew", "", steps=4))
    assert pair.beginning == Beginning(0, Sign.CONTENTS)
    (finding,) = diagnose(judge_pair(pair), pair, resuming, is_wanted=True).findings
    assert (finding.rule, finding.title) == (
        "RA610",
        "the second run did not resume: it began at step 0",
    )


def test_a_program_that_differs_as_it_is_stays_so_though_its_resumed_run_is_equal(
    runs: Runs,
) -> None:
    pair = make_pair(runs, replace(runs.make().go_on("held", "", steps=4), index=4))
    first, second = (replace(run, index=number) for number, run in enumerate(runs.others()))
    as_it_is = replace(
        ONE_DIVERGENCE, runs=(summarise_run(first), summarise_run(second)), classes=((0,), (1,))
    )
    pair = replace(
        pair,
        through=replace(pair.through, index=2),
        stopped=replace(pair.stopped, index=3),
    )
    resumption = Resumption(AT, AT, "checkpoint", "python train.py", held=("seed.python",))
    result = conclude_pair(runs, pair, resumption, as_it_is=as_it_is, plain=(first, second))
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    assert result.resumption is not None
    assert result.resumption.answer is Verdict.REPRODUCIBLE
    assert result.classes == ((0, 2, 4), (1,))
    assert result.findings == ONE_DIVERGENCE.findings
    assert result.headline.startswith("differs from run to run as it is; with seed.python, a run ")
    assert "equals an uninterrupted one over 3 steps" in result.headline


def test_a_stop_after_the_program_s_end_is_told(runs: Runs) -> None:
    with pytest.raises(SubjectError, match="ends before it can be stopped: it makes 9") as raised:
        runs.make().require_enough_steps(runs.through, 9)
    assert "--at 4" in raised.value.hint


def test_the_run_that_is_stopped_has_its_checkpoint_listed(runs: Runs) -> None:
    assert (runs.stopped.outcome.kind, runs.stopped.steps) == (OutcomeKind.STOPPED, 6)
    (checkpoint,) = list_checkpoints(runs.stopped)
    assert (checkpoint.path, checkpoint.writer, checkpoint.step) == ("last.pt", "torch.save", 6)


def test_a_run_that_fails_is_told_with_its_last_lines(runs: Runs) -> None:
    with pytest.raises(SubjectError, match="unrecognized arguments: --resume") as raised:
        runs.go_on("failing", "--resume")
    assert raised.value.code == "resume-failed"
    assert "train.py --resume" in raised.value.hint


def test_a_run_that_has_nothing_left_to_do_is_told(runs: Runs) -> None:
    with pytest.raises(SubjectError, match="made no step"):
        runs.go_on("done", "--until", "6")


@pytest.mark.parametrize(
    ("way", "kind", "at", "name"),
    [
        (StopWay.EXCEPTION, OutcomeKind.STOPPED, 7, "exception"),
        (StopWay.SIGTERM, OutcomeKind.KILLED, 7, "SIGTERM"),
    ],
)
def test_each_way_to_stop_leaves_what_was_saved_before(
    tmp_path: Path, way: StopWay, kind: OutcomeKind, at: int, name: str
) -> None:
    lab = make_lab(tmp_path)
    options = ResumeOptions(make_options(tmp_path), at, way=way, resume_args=("{checkpoint}",))
    with contextlib.closing(lab):
        resuming = ResumeRuns(options, lab)
        run = resuming.stop()
        assert (run.outcome.kind, run.steps) == (kind, at)
        assert [one.step for one in list_checkpoints(run)] == [6]
        assert name_stop(options, run) == name
        assert resuming.resumed_command == "python train.py last.pt"


def test_a_stop_before_anything_is_saved_is_told(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    options = ResumeOptions(make_options(tmp_path), 6, way=StopWay.EXCEPTION)
    with contextlib.closing(lab), pytest.raises(SubjectError, match="no checkpoint") as raised:
        ResumeRuns(options, lab).stop()
    # Between the sixth step and the next one it would have saved.
    assert "--stop-by checkpoint" in raised.value.hint


# The whole command


def resume(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    shutil.copy(TRAIN, folder)
    return audit(folder, *words, question="resume")


def test_the_command_names_the_runs_and_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    code, result = resume(tmp_path, "--at", "6", "train.py")
    assert (code, result["verdict"]) == (0, "reproducible")
    assert [run["condition"] for run in result["run_details"]] == [
        "uninterrupted",
        "uninterrupted",
        "stopped",
        "resumed",
    ]
    assert [run["steps"] for run in result["run_details"]] == [9, 9, 6, 3]
    assert (result["first_step"], result["steps"], result["classes"]) == (6, 3, [[0, 1, 3]])
    assert result["resumption"]["stopped_by"] == "checkpoint"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "tmp", "train.py"]


def test_an_average_that_is_lost_is_told_before_anything_is_made_of_it(tmp_path: Path) -> None:
    words = ("--at", "6", "--steps", "2", "--resume-args", "--forget average", "train.py")
    code, result = resume(tmp_path, *words)
    assert (code, result["verdict"], result["divergences_total"]) == (1, "not-reproducible", 0)
    assert result["classes"] == [[0, 1], [3]]
    (lost,) = result["resumption"]["lost"]
    assert (lost["kind"], lost["restoration"]) == ("average", "not-restored")
    assert lost["in_checkpoint"] is True
    assert result["resumption"]["command"] == "python train.py --forget average"
    (finding,) = result["findings"]
    assert (finding["rule"], finding["cause"]) == ("RA611", "carried-state")


def test_streams_that_explain_the_difference_leave_other_losses_told(tmp_path: Path) -> None:
    words = ("--at", "6", "--steps", "2", "--resume-args", "--forget average,numpy", "train.py")
    _, result = resume(tmp_path, *words)
    lost = result["resumption"]["lost"]
    assert [one["kind"] for one in lost] == ["random-stream", "average"]
    first, second = result["findings"]
    assert (first["rule"], first["fix"]["verified"]) == ("RA613", True)
    assert (second["rule"], second["cause"]) == ("RA611", "carried-state")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train.py",), "nothing says when"),
        (("--at", "6"), "no subject was named"),
        (("--at", "6", "--resume-args", "'", "train.py"), "cannot understand --resume-args"),
        (("--at", "6", "train.py::main"), "cannot be stopped and started again"),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_says_what_to_do(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    shutil.copy(TRAIN, tmp_path)
    done = reproaudit(tmp_path, "resume", "--quiet", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr
