"""How many equal runs it takes where the documentation denies a repair. No program is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Localisation, Origin, Source
from reproaudit.diagnose.denied import Doubts
from reproaudit.diagnose.flag_runs import FlagRuns
from reproaudit.diagnose.pinning import FoundSource, Pinning
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation
from reproaudit.diagnose.trials import Trials
from reproaudit.model.cause import Cause
from reproaudit.model.confidence import find_interval
from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Phase
from reproaudit.model.result import Alert, Evidence, Finding, Replays, Trial
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.comparison.traces import Row, make_run

FLAG = "kernels.deterministic"
EFFICIENT = "aten::_scaled_dot_product_efficient_attention_backward"
DISTINCT = (1, 1, 1, 1, 1)
PUT = Alert("aten::put_", "", Phase.FORWARD)
OFTEN, RARELY = 20, 1  # of 20 repetitions


class FakeLab:
    """Gives equal runs with interventions, and others without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        self.made: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        self.seconds[request.name] = 1.0
        content = 7 if request.interventions else 100 + len(self.made)
        rows = [Row("weight", content, kind=EventKind.GRADIENT)]
        return make_run(self.folder / str(len(self.made)), request.index, rows)


def known(op: str, differing: int | None, *, declared: bool | None = None) -> FoundSource:
    replays = None
    if differing is not None:
        low, high = find_interval(0.95, differing, 20)
        replays = Replays(20, differing, low, high)
    evidence = Evidence(observed=True, replayed=True, declared=declared, replays=replays)
    finding = Finding("", Cause.KERNEL, "", Phase.BACKWARD, 0, op=op, evidence=evidence)
    pair = RunPair(cast(Run, None), cast(Run, None), cast(Localisation, None))
    source = Source(Origin.OP, MAIN_PROCESS, 0, 0, 0.0)
    return FoundSource(Explanation(finding, source), pair, None, (FLAG, "sdpa.math"))


def tried(
    folder: Path,
    sources: list[FoundSource],
    *names: str,
    cuda: bool = True,
    alerts: tuple[Alert, ...] | None = (),
    torch: str = "2.13.0",
) -> tuple[Trial, Trials]:
    lab = FakeLab(folder)
    interned = Interned()
    flag = FlagRuns(cast(RunMaker, lab), lambda: alerts, cuda=cuda)
    plain = PlainRuns(cast(Lab, lab), (), DISTINCT, interned=interned)
    pinning = Pinning(cast(RunMaker, lab), cast("object", None), cuda, known=sources)  # type: ignore[arg-type]
    doubts = Doubts(pinning, flag, plain, cuda=cuda, torch=torch)
    trials = Trials(cast(RunMaker, flag), plain, interned=interned, doubts=doubts, flag=flag)
    return trials.attempt(names), trials


def test_a_repair_that_the_documentation_affirms_takes_the_usual_runs(tmp_path: Path) -> None:
    sources = [known("aten::scatter_add", RARELY), known("aten::cumsum", RARELY)]
    trial, _ = tried(tmp_path, sources, FLAG, torch="2.14.1")
    assert (trial.runs, trial.is_proof) == (3, True)


@pytest.mark.parametrize(
    ("differing", "runs"),
    [(20, 3), (12, 8), (8, 16)],
)
def test_the_rarer_a_denied_kernel_differs_the_more_runs_must_be_equal(
    tmp_path: Path, differing: int, runs: int
) -> None:
    sources = [known("aten::cumsum", differing), known("aten::scatter_add", OFTEN)]
    trial, _ = tried(tmp_path, sources, FLAG)
    assert (trial.runs, trial.is_proof) == (runs, True)
    low, _ = find_interval(0.95, differing, 20)
    assert (1 - low) ** (runs - 1) < 0.05


def test_where_it_would_take_too_many_equal_runs_are_no_proof_and_it_is_said_why(
    tmp_path: Path,
) -> None:
    sources = [known("aten::cumsum", RARELY), known("aten::scatter_add", OFTEN)]
    trial, trials = tried(tmp_path, sources, FLAG)
    assert (trial.runs, trial.is_equal, trial.is_proof) == (3, True, False)
    assert "has no deterministic form: the flag refuses it" in trial.note
    assert "1 of 20 repeated calls differ" in trial.note
    assert trials.doubted == [(FLAG,)]


def test_how_often_it_differs_beside_competing_work_says_nothing_of_runs_without(
    tmp_path: Path,
) -> None:
    source = known("aten::cumsum", OFTEN)
    finding = source.explained.finding
    assert finding.evidence.replays is not None
    replays = replace(finding.evidence.replays, contention=True)
    evidence = replace(finding.evidence, replays=replays)
    source.explained = replace(source.explained, finding=replace(finding, evidence=evidence))
    trial, _ = tried(tmp_path, [source, known("aten::scatter_add", OFTEN)], FLAG)
    assert not trial.is_proof
    assert "differ only beside competing work" in trial.note


def test_of_a_kernel_that_is_alone_the_plain_runs_tell_as_well(tmp_path: Path) -> None:
    trial, _ = tried(tmp_path, [known("aten::cumsum", RARELY)], FLAG)
    # 4 of 4 runs differed from the first: a rate of 39.8 % at least.
    assert (trial.runs, trial.is_proof) == (7, True)


def test_what_repairs_it_by_the_documentation_is_enough_beside_what_does_not(
    tmp_path: Path,
) -> None:
    sources = [known(EFFICIENT, RARELY), known("aten::scatter_add", OFTEN)]
    denied, _ = tried(tmp_path / "warn", sources, FLAG, cuda=True, alerts=(PUT,))
    # The strict flag, lifted for what raises alone, does repair it.
    assert denied.is_proof
    both, _ = tried(tmp_path / "both", [known("aten::cumsum", RARELY)], FLAG, "sdpa.math")
    assert both.runs == 7
    math, _ = tried(tmp_path / "math", sources[:1], "sdpa.math")
    assert (math.runs, math.is_proof) == (3, True)


def test_on_the_cpu_nothing_is_doubted(tmp_path: Path) -> None:
    sources = [known("aten::cumsum", RARELY), known("aten::put_", RARELY, declared=True)]
    trial, _ = tried(tmp_path, sources, FLAG, cuda=False)
    assert (trial.runs, trial.is_proof) == (3, True)


def test_a_program_that_the_strict_flag_ends_is_run_again_under_one_that_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = "RuntimeError: put_ …, but you set 'torch.use_deterministic_algorithms(True)'"
    original = FakeLab.run

    def run(lab: FakeLab, request: RunRequest) -> Run:
        made = original(lab, request)
        if request.settings.deterministic != "error":
            return made
        outcome = Outcome(OutcomeKind.RAISED, 1, raised)
        rows = [Row("weight", 7, kind=EventKind.GRADIENT)]
        return make_run(lab.folder / f"{len(lab.made)}-raised", request.index, rows, outcome)

    monkeypatch.setattr(FakeLab, "run", run)
    trial, _ = tried(tmp_path, [], FLAG, cuda=False)
    assert (trial.runs, trial.is_proof) == (3, True)
