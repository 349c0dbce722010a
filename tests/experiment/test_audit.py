"""Whole audits of small programs, as a user runs them.

Runs are forks of a process that has imported torch, except where a comment says why not.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.cli.main import main
from reproaudit.comparison.judge import Judged
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.experiment import audit as audit_module
from reproaudit.experiment import load
from reproaudit.experiment.audit import Experiment
from reproaudit.experiment.hardware import JudgeOfOneHardware
from reproaudit.experiment.options import AuditOptions
from reproaudit.model.confidence import bound_rate
from reproaudit.model.early import EarlyFact, VerdictKnown
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    NotChecked,
    Outcome,
    OutcomeKind,
    Unchecked,
)
from reproaudit.model.result import AuditResult, OtherHardware
from reproaudit.model.verdict import exit_code
from reproaudit.runs import process as process_module
from reproaudit.runs.budget import BudgetSpent, RunsSpent, StoppedUnderWay
from reproaudit.runs.executors.protocol import Job, JobEnd
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run
from reproaudit.trace.words import PROGRESS_FILE
from tests.auditing import PROGRAMS, audit, reproaudit
from tests.claims import check_claims
from tests.comparison.traces import Row, make_run


@pytest.mark.slow
def test_a_clean_program_is_reproducible_and_leaves_nothing(tmp_path: Path) -> None:
    code, result = audit(tmp_path, "--runs", "3", str(PROGRAMS / "clean.py"))
    assert (code, result["verdict"], result["classes"]) == (0, "reproducible", [[0, 1, 2]])
    assert result["findings"] == []
    assert result["confidence"]["divergence_rate_at_most"] == pytest.approx(1 - 0.05 ** (1 / 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "tmp"]
    left = {path.name for path in (tmp_path / "tmp").iterdir()}
    assert left <= {"torchinductor_root"}  # PyTorch makes this empty folder without us too


@pytest.mark.slow
def test_one_thread_repairs_the_kernel_and_is_recorded_as_a_setting(tmp_path: Path) -> None:
    words = ["--runs", "2", "--threads", "1", "--no-alerts", str(PROGRAMS / "kernel.py")]
    # Fresh: the number of threads is a variable that is read when torch is loaded.
    code, result = audit(tmp_path, *words, is_fresh=True)
    assert (code, result["verdict"]) == (0, "reproducible")
    assert result["settings"] == {"threads": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "steps"), [("closed-stdout chdir", 1), ("os-exit", 1), ("catches", 5)]
)
def test_a_program_that_ends_its_own_way_is_still_audited(
    tmp_path: Path, how: str, steps: int
) -> None:
    words = [
        "--runs",
        "2",
        "--no-alerts",
        "--steps",
        "5",
        str(PROGRAMS / "endings.py"),
        *how.split(),
    ]
    code, result = audit(tmp_path, *words)
    assert (code, result["verdict"], result["steps"]) == (0, "reproducible", steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"), [("raises", "as planned"), ("exit-3", "exited"), ("killed", "SIGKILL")]
)
def test_a_program_that_fails_is_not_audited(tmp_path: Path, how: str, said: str) -> None:
    words = ["--runs", "2", "--no-alerts", "--steps", "all", str(PROGRAMS / "endings.py"), how]
    # A signal ends a process of its own, not a stand-in that hands it on.
    code, result = audit(tmp_path, *words, is_fresh=how == "killed")
    assert (code, result["verdict"]) == (2, "not-audited")
    assert said in result["headline"]


@pytest.mark.slow
def test_a_program_that_fails_before_it_trains_is_an_error_with_its_last_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.py").write_text("import torch\nraise ValueError('too early')\n")
    done = reproaudit(tmp_path, "--quiet", "broken.py")
    assert done.returncode == 2
    assert "[subject-failed]" in done.stderr
    assert "as well (no standard input, output in a file): ValueError: too early" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_program_that_hangs_is_killed_and_what_it_recorded_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "kept" / "run-0"
    clock = SimpleNamespace(monotonic=lambda: 3600.0 * has_stepped(run), sleep=time.sleep)
    monkeypatch.setattr(
        process_module, "time", clock
    )  # how long torch takes to start is no part of the claim
    monkeypatch.chdir(tmp_path)
    words = ["--quiet", "--timeout", "60", "--out", "kept", str(PROGRAMS / "endings.py"), "hangs"]
    assert main(words) == 2
    assert "[subject-timeout]" in capsys.readouterr().err
    assert (run / "events.bin").stat().st_size > 0


def has_stepped(run: Path) -> bool:
    """Return True if the one step of a program that then hangs is in its trace."""
    progress = run / PROGRESS_FILE
    return progress.exists() and progress.read_text() == "1"


@pytest.mark.slow
def test_runs_that_end_differently_are_a_divergence(tmp_path: Path) -> None:
    words = ["--runs", "2", "--no-alerts", "--no-diagnosis", "--steps", "all"]
    code, result = audit(tmp_path, *words, str(PROGRAMS / "endings.py"), "in-turn")
    assert (code, result["verdict"]) == (1, "not-reproducible")
    assert "end differently" in result["headline"]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["no_training.py", "inference.py"])
def test_a_program_without_training_is_an_error_that_says_how_to_name_a_step(
    tmp_path: Path, program: str
) -> None:
    done = reproaudit(tmp_path, "--quiet", str(PROGRAMS / program))
    assert done.returncode == 2
    assert "[no-training-step]" in done.stderr
    assert "FILE.py::FUNCTION" in done.stderr


@pytest.mark.slow
def test_training_in_spawned_children_is_audited(tmp_path: Path) -> None:
    words = ["--runs", "2", "--no-alerts", str(PROGRAMS / "spawned.py")]
    # Fresh: children are started with what their parent's interpreter was started with.
    code, result = audit(tmp_path, *words, is_fresh=True)
    assert (code, result["verdict"], result["steps"]) == (0, "reproducible", 3)
    assert dict(result["compared"])["gradient"] == 2 * 3 * 2


@pytest.mark.slow
def test_a_callable_is_called_as_the_training_step(tmp_path: Path) -> None:
    code, result = audit(
        tmp_path, "--runs", "2", "--no-alerts", "--steps", "3", f"{PROGRAMS / 'step.py'}::step"
    )
    assert (code, result["verdict"], result["steps"]) == (0, "reproducible", 3)


@pytest.mark.slow
def test_a_step_is_built_around_a_module(tmp_path: Path) -> None:
    words = [
        "--runs",
        "2",
        "--no-alerts",
        "--steps",
        "2",
        f"{PROGRAMS / 'step.py'}::Net",
        "--inputs",
        "float32[5,4]",
    ]
    code, result = audit(tmp_path, *words)
    assert (code, result["verdict"]) == (0, "reproducible")
    assert dict(result["compared"])["gradient"] == 4


@pytest.mark.slow
def test_a_step_that_wants_arguments_is_refused_with_their_names(tmp_path: Path) -> None:
    done = reproaudit(tmp_path, "--quiet", f"{PROGRAMS / 'step.py'}::needs_arguments")
    assert done.returncode == 2
    assert "[subject-arguments]" in done.stderr
    assert "batch" in done.stderr


@pytest.mark.slow
def test_the_program_s_own_output_passes_through_a_recording(tmp_path: Path) -> None:
    done = reproaudit(tmp_path, "record", str(PROGRAMS / "no_training.py"))
    assert done.stdout == "tensor(2.)\n"


# The command, without what a shell does to whatever it starts in the background.
HEARS_CTRL_C = """
import signal, sys
from reproaudit.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_audit_stops_the_program_and_keeps_what_was_recorded(
    tmp_path: Path, number: int
) -> None:
    words = ["--quiet", "--out", "kept", str(PROGRAMS / "endings.py"), "hangs"]
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, *words],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        for _ in range(2000):  # 200 s at most
            if has_stepped(tmp_path / "kept" / "run-0"):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.send_signal(number)
        try:
            _, error = process.communicate(timeout=200)
        finally:
            process.terminate()
    assert process.returncode == 2
    assert "[interrupted]" in error
    # One run, and not a whole one: there is nothing that it could be compared with.
    assert error.endswith("recorded so far: kept\n")
    header = json.loads((tmp_path / "kept" / "run-0" / "run.json").read_text())
    assert header["outcome"]["kind"] == "killed"
    assert header["steps"] == 1


@pytest.mark.slow
def test_a_seed_that_the_program_overrides_is_told_with_its_line(tmp_path: Path) -> None:
    _, result = audit(
        tmp_path, "--runs", "2", "--no-alerts", "--seed", "5", str(PROGRAMS / "clean.py")
    )
    (change,) = [row for row in result["changes"] if row["what"] == "torch.manual_seed"]
    assert (change["before"], change["after"]) == ("5", "0")
    assert change["location"]["line"] == 8


@pytest.mark.slow
def test_tolerance_turns_a_small_divergence_into_within_tolerance(tmp_path: Path) -> None:
    words = ["--runs", "2", "--no-alerts", "--no-diagnosis", "--tolerance", "rtol=1e-2,atol=1e-2"]
    code, result = audit(tmp_path, *words, str(PROGRAMS / "kernel.py"))
    assert (code, result["verdict"]) == (0, "within-tolerance")
    assert any(row["difference"]["differing"] for row in result["divergences"])


# The run for refused operators, and what counts as training. No program is run.

ALERT_ROWS = [
    Row("aten::copy_.default", kind=EventKind.OP, line=5),
    Row(
        "aten::sum.default",
        kind=EventKind.ALERT,
        flags=EventFlag.RACED,
        line=8,
        shown="reads too early, by copy_ at",
    ),
    Row(
        "aten::histc.default",
        kind=EventKind.ALERT,
        line=9,
        shown="it has no deterministic implementation",
    ),
]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    notes = (
        NotChecked(
            Unchecked.STREAMS_UNWATCHED,
            "synchronisation between CUDA streams",
            "torch lacks a part",
        ),
        NotChecked(Unchecked.NO_BYTES, "more", "was said"),
    )
    run = Run(0, ((MAIN_PROCESS, replace(make_run(tmp_path, 0, ALERT_ROWS).main, notes=notes)),))
    monkeypatch.setattr(Lab, "run", lambda self, *words, **changes: run)
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")
    return Experiment(AuditOptions(subject), Quiet(), tmp_path)


def test_races_are_warnings_and_evidence_and_not_among_the_refused_operators(
    experiment: Experiment,
) -> None:
    experiment.find_alerts(experiment.lab.run())
    assert [alert.op for alert in experiment.alerts] == ["aten::histc"]
    assert [race.location.line for race in experiment.races] == [8]
    (warning,) = experiment.warnings
    assert (warning.rule, warning.location) == ("RA504", experiment.races[0].location)
    assert warning.message.startswith("aten::sum at train.py:8 reads too early, by copy_ at ")


def test_what_could_not_be_watched_is_said(experiment: Experiment) -> None:
    experiment.find_alerts(experiment.lab.run())
    assert [note.what for note in experiment.notes] == ["synchronisation between CUDA streams"]


# An early end: what is known by then is the answer. No program is run.


def observe(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: Sequence[int],
    error: BaseException,
    hardware: Sequence[str] = (),
    **options: Any,
) -> AuditResult:
    """Audit a program whose runs leave `contents`, one after the other; the next raises `error`.

    They are made on `hardware`, each on its own.
    """
    left = list(contents)
    machines = list(hardware)

    def run(self: Lab, request: RunRequest) -> Run:
        if not left:
            raise error
        gradient = Row("weight", left.pop(0), kind=EventKind.GRADIENT)
        if machines:
            end = JobEnd(outcome=Outcome(OutcomeKind.COMPLETED), hardware=machines.pop(0))
            self.machines.learn(request.name, ANY_JOB, end)
        return make_run(folder / request.name, request.index, [gradient], steps=1)

    monkeypatch.setattr(Lab, "run", run)
    monkeypatch.setattr(Lab, "prepare", lambda self, name: None)
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="train.py")
    options = {"diagnose": False, "capture_alerts": False} | options
    wanted = AuditOptions(subject, **options)
    return check_claims(Experiment(wanted, Quiet(), folder).run())


def test_an_audit_that_is_ended_on_seeing_its_verdict_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Quiet, fact: EarlyFact) -> None:
        if isinstance(fact, VerdictKnown):
            raise KeyboardInterrupt

    monkeypatch.setattr(Quiet, "tell", interrupt)
    result = observe(tmp_path, monkeypatch, [1, 2], BudgetSpent(), runs=5)
    assert exit_code([result.verdict]) == 1
    (why,) = [one.why for one in result.not_checked if one.code is Unchecked.AUDIT_ENDED]
    assert why == "it was interrupted after 2 of 5 runs"


def test_an_audit_that_is_ended_while_it_judges_ends_with_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = JudgeOfOneHardware.judge
    left = [KeyboardInterrupt()]

    def judge(self: JudgeOfOneHardware, runs: Sequence[Run]) -> Judged:
        if left:
            raise left.pop()
        return whole(self, runs)

    monkeypatch.setattr(JudgeOfOneHardware, "judge", judge)
    result = observe(tmp_path, monkeypatch, [1, 2], BudgetSpent(), runs=2)
    assert exit_code([result.verdict]) == 1
    (why,) = [one.why for one in result.not_checked if one.code is Unchecked.AUDIT_ENDED]
    assert why == "it was interrupted after the runs that decide"


@pytest.mark.parametrize(
    ("glances", "why"),
    [(True, "an audit without --fast finds them"), (False, "it was switched off")],
)
def test_why_refused_operators_were_not_looked_for_is_said(
    glances: bool, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 1], BudgetSpent(), runs=2, glances=glances)
    (note,) = [one for one in result.not_checked if one.code is Unchecked.REFUSALS_NOT_LOOKED_FOR]
    assert note.why == why


ANY_JOB = Job(
    plan=RunPlan(Path("run-0"), SubjectSpec(SubjectKind.SCRIPT, Path(), path="train.py")),
    log=Path("run-0.log"),
    folder=Path(),
    python="python",
)


@pytest.mark.parametrize(
    ("contents", "hardware", "classes", "others", "code"),
    [
        # a difference between models alone is a variation
        ([1, 2, 1, 2, 1], "ababa", ((0, 2, 4),), (OtherHardware("b", ((1, 3),), False),), 0),
        ([1, 1, 1], "aba", ((0, 2),), (OtherHardware("b", ((1,),), True),), 0),
        # one within the largest group decides
        ([1, 2, 3, 2, 1], "ababa", ((0, 4), (2,)), (OtherHardware("b", ((1, 3),), False),), 1),
        # one within a smaller group decides as well: what differs on one machine differs
        ([1, 1, 1, 2, 3], "aaabb", ((3,), (4,)), (OtherHardware("a", ((0, 1, 2),), False),), 1),
        # where no two are of one kind, nothing is comparable
        (
            [1, 1, 2],
            "abc",
            ((0,),),
            (OtherHardware("b", ((1,),), True), OtherHardware("c", ((2,),), False)),
            2,
        ),
        ([1, 2, 1], "aaa", ((0, 2), (1,)), (), 1),
    ],
)
def test_runs_of_one_hardware_decide_and_the_others_are_a_variation(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: list[int],
    hardware: str,
    classes: tuple[tuple[int, ...], ...],
    others: tuple[OtherHardware, ...],
    code: int,
) -> None:
    result = observe(
        tmp_path, monkeypatch, contents, BudgetSpent(), list(hardware), runs=len(contents)
    )
    assert result.classes == classes
    assert result.other_hardware == others
    assert exit_code([result.verdict]) == code
    notes = [note for note in result.not_checked if note.code is Unchecked.OTHER_HARDWARE]
    assert len(notes) == len(others)
    for note, other in zip(notes, others, strict=True):
        assert f"made on {other.models}" in note.what
        assert ("equals the first one" in note.why) is other.equals_first


def test_a_single_run_on_its_hardware_is_said_to_have_nothing_to_be_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 2], BudgetSpent(), ["a", "b"], runs=2)
    assert result.headline == ("only one run was made on a, and none can be compared with it")


HUNG = SubjectError("train.py did not end within 60 s", code="subject-timeout")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), HUNG])
def test_a_difference_that_was_seen_is_the_answer_though_the_audit_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 2], error)
    assert exit_code([result.verdict]) == 1
    assert result.headline.startswith("2 runs, 2 distinct")
    assert result.not_checked[0].code is Unchecked.AUDIT_ENDED
    assert "after 2 of 5 runs" in result.not_checked[0].why


def test_equal_runs_of_an_interrupted_audit_are_told_and_are_no_ground_to_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 1, 1], KeyboardInterrupt())
    assert exit_code([result.verdict]) == 2
    assert result.headline.startswith("3 runs are bitwise equal")
    assert result.not_checked[0].why == "it was interrupted after 3 of 5 runs"


def test_an_audit_whose_time_is_over_answers_with_the_runs_that_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = StoppedUnderWay()
    result = observe(tmp_path, monkeypatch, [1, 1, 1], spent, runs_to_pass=2)
    assert exit_code([result.verdict]) == 0
    assert result.headline.startswith("3 runs are bitwise equal")
    assert result.confidence.divergence_rate_at_most == bound_rate(0.95, 3)
    assert result.not_checked[0].code is Unchecked.AUDIT_ENDED
    assert result.not_checked[0].why == (
        "its time was over after 3 of 5 runs, and the run under way was stopped; "
        "--budget gives it more"
    )


def test_every_second_run_has_load_where_that_is_wanted_and_the_result_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = []

    @contextlib.contextmanager
    def keep_busy() -> Iterator[int]:
        busy.append(True)
        yield 2
        busy.append(False)

    monkeypatch.setattr(load, "keep_cores_busy", keep_busy)
    result = observe(tmp_path, monkeypatch, [1] * 5, BudgetSpent(), has_load=True)
    assert result.loaded_runs == (1, 3)
    assert busy == [True, False] * 2
    assert observe(tmp_path / "idle", monkeypatch, [1] * 5, BudgetSpent()).loaded_runs == ()


def test_fewer_equal_runs_than_were_asked_for_are_no_ground_to_pass_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 1, 1], BudgetSpent())
    assert exit_code([result.verdict]) == 2
    assert result.not_checked[0].why.startswith("its time was over after 3 of 5 runs;")


def test_a_difference_is_the_answer_though_the_time_was_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(
        tmp_path, monkeypatch, [1, 2, 3, 4, 5], BudgetSpent(), capture_alerts=True, diagnose=True
    )
    assert exit_code([result.verdict]) == 1
    assert result.not_checked[0].why.startswith("its time was over after the runs that decide")


def test_refused_ops_that_were_not_come_to_are_noted_with_what_ended_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: dict[str, Any] = {"capture_alerts": True, "diagnose": True}
    spent = observe(tmp_path / "spent", monkeypatch, range(5), RunsSpent(), **wanted)
    assert spent.not_checked[0].why == (
        "its runs were spent after the runs that decide; --budget gives it more"
    )
    ended = observe(tmp_path / "ended", monkeypatch, range(5), KeyboardInterrupt(), **wanted)
    (note,) = [note for note in ended.not_checked if note.code is Unchecked.REFUSALS_NOT_LOOKED_FOR]
    assert note.why == "the audit was interrupted before"


SETS = "for name in set(words): print(name)\n"


@pytest.mark.parametrize(
    ("text", "made", "headline"),
    [
        (SETS, [1] * 7 + [2], "8 runs, 2 distinct"),
        (SETS, [1] * 8, "8 runs are bitwise equal"),
        ("words = 3\n", [1] * 8, "5 runs are bitwise equal"),
        (SETS, [1, 2] + [1] * 6, "5 runs, 2 distinct"),
    ],
    ids=["a rare outcome", "none", "no sign of disorder", "seen already"],
)
def test_equal_runs_of_a_program_that_shows_disorder_are_followed_by_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, made: list[int], headline: str
) -> None:
    (tmp_path / "train.py").write_text(text)
    result = observe(tmp_path, monkeypatch, made, HUNG, further_runs=3)
    assert result.headline.startswith(headline)
    further = int(headline.split()[0]) - 5
    assert result.further_runs == further
    assert result.further_because == ("it iterates over sets" if further else "")


@pytest.mark.parametrize(
    ("made", "headline", "spared"),
    [
        ([1, 2, 3], "2 runs, 2 distinct", 3),
        ([1, 1, 2, 3, 4], "5 runs, 4 distinct", 0),
        ([1] * 5, "5 runs are bitwise equal", 0),
    ],
    ids=["two that differ", "two that are equal", "all are equal"],
)
def test_two_runs_that_differ_are_enough_where_nobody_asked_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[int], headline: str, spared: int
) -> None:
    result = observe(tmp_path, monkeypatch, made, HUNG, spares_runs=True)
    assert result.headline.startswith(headline)
    assert result.spared_runs == spared


def test_as_many_runs_are_made_as_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 2, 3, 4], HUNG, runs=4)
    assert result.headline.startswith("4 runs, 4 distinct")


def test_runs_that_were_spared_are_made_if_recorded_runs_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two that decide, two that record, the three that were spared, and those that explain.
    made = [1, 2, 2, 2, 2, 2, 2, *[2] * 60]
    result = observe(tmp_path, monkeypatch, made, HUNG, spares_runs=True, diagnose=True)
    assert result.headline.startswith("5 runs, 2 distinct")
    assert result.spared_runs == 0
    assert [finding.cause.value for finding in result.findings] == ["carried-state"]


def test_further_runs_take_no_longer_than_the_runs_that_were_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text(SETS)
    now = iter([0.0, 100.0, 101.0, 201.0])
    monkeypatch.setattr(audit_module, "time", SimpleNamespace(monotonic=lambda: next(now)))
    result = observe(tmp_path, monkeypatch, [1] * 6, HUNG, further_runs=3)
    assert result.headline.startswith("6 runs are bitwise equal")


def test_further_runs_of_a_short_program_may_take_longer_than_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text(SETS)
    now = iter([0.0, 10.0, 11.0, 30.0, 69.0])
    monkeypatch.setattr(audit_module, "time", SimpleNamespace(monotonic=lambda: next(now)))
    result = observe(tmp_path, monkeypatch, [1] * 8, HUNG, further_runs=3)
    assert result.headline.startswith("8 runs are bitwise equal")


@pytest.mark.parametrize(
    ("contents", "error"), [([1], KeyboardInterrupt()), ([1], HUNG), ([1, 1], HUNG)]
)
def test_where_nothing_was_found_what_ended_the_audit_is_told_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: list[int], error: BaseException
) -> None:
    with pytest.raises(type(error)):
        observe(tmp_path, monkeypatch, contents, error)


def test_a_run_for_refused_operators_that_hangs_does_not_lose_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = observe(tmp_path, monkeypatch, [1, 2, 3, 4, 5], HUNG, capture_alerts=True)
    assert exit_code([result.verdict]) == 1
    (note,) = [note for note in result.not_checked if note.code is Unchecked.REFUSALS_CUT_SHORT]
    assert note.why == HUNG.message


@pytest.mark.parametrize(
    ("kind", "steps_of_others"), [(OutcomeKind.COMPLETED, None), (OutcomeKind.STOPPED, 17)]
)
def test_all_runs_stop_where_the_first_one_did(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: OutcomeKind,
    steps_of_others: int | None,
) -> None:
    asked = []

    def run(lab: Lab, request: RunRequest) -> Run:
        plan = request.change_plan(lab._plain_plan(request.name, lab.settings))
        asked.append((plan.steps, plan.steps_of_children, plan.goes_on_s))
        rows = [Row("weight", kind=EventKind.PARAMETER)]
        return make_run(tmp_path, request.index, rows, Outcome(kind), steps=17)

    monkeypatch.setattr(Lab, "run", run)
    monkeypatch.setattr(Lab, "prepare", lambda self, name: None)
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")
    options = AuditOptions(subject, runs=3, whole_within_s=30, capture_alerts=False)
    result = Experiment(options, Quiet(), tmp_path).run()
    others = (steps_of_others, 10, 0.0)
    assert asked == [(10, 10, 30), others, others]
    is_whole = steps_of_others is None
    assert ("over all of its 17 steps" in result.headline) is is_whole
    assert ("--steps all" in result.next_commands[0]) is not is_whole
