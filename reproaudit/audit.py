"""The experiment in order: observe, compare, find refused ops, localise, take values, conclude."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from reproaudit.compare.boundaries import KINDS, compare_boundaries
from reproaudit.compare.elements import element_difference
from reproaudit.compare.entropy import differing_calls
from reproaudit.compare.localise import Localisation, Origin, Source, localise
from reproaudit.compare.runs import Interned, Run, open_run
from reproaudit.conclude import Judged, collect_alerts, conclude, judge
from reproaudit.errors import SubjectError
from reproaudit.explain.sources import explain_sources
from reproaudit.model import (
    Alert,
    AuditResult,
    Difference,
    EventFlag,
    EventKind,
    Finding,
    Level,
    NotChecked,
    OutcomeKind,
    Tolerance,
    Verdict,
)
from reproaudit.plan import RunPlan, SubjectSpec, Target
from reproaudit.runner.process import run as run_process
from reproaudit.runner.process import tail
from reproaudit.settings import Settings, describe
from reproaudit.trace.schema import INPUTS_FROM

_STEPS_PAST_DIVERGENCE = 2  # recorded in detail: the step that first differed, and one more for the parameters


class Progress(Protocol):
    """Where the experiment tells how far it is."""

    def stage(self, what: str, steps: int | None) -> None: ...

    def step(self, done: int) -> None: ...


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What to audit and how. `steps` None: to the end of the program."""

    subject: SubjectSpec
    runs: int = 5
    steps: int | None = 10
    timeout_s: float | None = None
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    settings: Settings = Settings()
    values_mb: int = 64
    localising_runs: int = 6
    capture_alerts: bool = True
    show_output: bool = False
    python: str = sys.executable


def audit(options: AuditOptions, progress: Progress, out: Path | None = None) -> AuditResult:
    """Run the whole experiment. Traces stay in `out` if it is given.

    Raises SubjectError if the subject fails, hangs, or does nothing that can be compared; what was recorded is kept.
    """
    with _workspace(out) as folder:
        return _Experiment(options, progress, folder).conduct()


@contextmanager
def _workspace(out: Path | None) -> Iterator[Path]:
    """Give a folder for traces and logs: `out`, or a temporary one that goes when the audit succeeds."""
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    folder = out or Path(tempfile.mkdtemp(prefix="reproaudit-"))
    try:
        yield folder
    except KeyboardInterrupt:
        raise SubjectError(
            "the audit was interrupted; the running program was stopped",
            code="interrupted",
            hint=f"compare what was recorded: reproaudit compare {folder}/run-*",
        ) from None
    except SubjectError as error:
        error.hint = f"{error.hint}\n  recorded so far: {folder}".strip()
        raise
    if out is None:
        shutil.rmtree(folder, ignore_errors=True)


class _Experiment:
    def __init__(self, options: AuditOptions, progress: Progress, folder: Path) -> None:
        self.options = options
        self.progress = progress
        self.folder = folder
        self.interned = Interned()
        self.notes: list[NotChecked] = []

    def conduct(self) -> AuditResult:
        runs = self._observe()
        judged = judge(runs, compare_boundaries(runs, self.interned), self.options.tolerances)
        if judged.comparison.compared == 0 and len(judged.comparison.classes) < 2:
            raise _no_training_step(runs[0])
        alerts = self._alerts()
        findings: tuple[Finding, ...] = ()
        if judged.verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.WITHIN_TOLERANCE):
            findings = self._locate(judged, alerts)
        return conclude(
            judged, findings, alerts, notes=self.notes, settings=describe(self.options.settings),
            subject=" ".join((str(self.options.subject), *self.options.subject.argv)),
            next_commands=_next_commands(self.options, judged),
        )  # fmt: skip

    # -- runs --------------------------------------------------------------------------------------------------------

    def _run(self, name: str, index: int, what: str, **changes: object) -> Run:
        options = self.options
        plan = RunPlan(
            trace_dir=self.folder / name, subject=options.subject, steps=options.steps, settings=options.settings,
            values_mb=options.values_mb,
        )  # fmt: skip
        plan = replace(plan, **changes)  # type: ignore[arg-type]
        self.progress.stage(what, plan.steps)
        record = run_process(
            plan, python=options.python, log=self.folder / f"{name}.log", timeout_s=options.timeout_s,
            show_output=options.show_output, on_progress=self.progress.step,
        )  # fmt: skip
        if record.outcome.kind is OutcomeKind.TIMED_OUT:
            raise SubjectError(
                f"{options.subject} did not end within {options.timeout_s:g} s",
                code="subject-timeout",
                hint=f"raise --timeout, or audit fewer steps with --steps; its last output:\n{tail(record.log)}",
            )
        run = open_run(record.trace_dir, index)
        for _, trace in run.traces:
            if trace.damage:
                # A trace that was cut short would look like a program that did less.
                raise SubjectError(
                    f"the trace of {name} is incomplete: {trace.damage}", code="trace-incomplete",
                    hint=f"is there room on the disk of {self.folder}? --out DIR records elsewhere",
                )  # fmt: skip
        return run

    def _observe(self) -> list[Run]:
        runs: list[Run] = []
        for index in range(self.options.runs):
            run = self._run(f"run-{index}", index, f"run {index + 1} of {self.options.runs}")
            runs.append(run)
            if index == 1 and not any(run.outcome.is_success for run in runs) and runs[0].outcome == run.outcome:
                raise self._failed(runs[0])
            if index == 0 and run.outcome.is_success and not _has_boundaries(run):
                raise _no_training_step(run)
        return runs

    def _failed(self, run: Run) -> SubjectError:
        outcome = run.outcome
        return SubjectError(
            f"{self.options.subject} failed in each run: {outcome.kind.value} {outcome.detail}".strip(),
            code="subject-failed",
            hint=f"run it alone first; its last output:\n{tail(self.folder / f'run-{run.index}.log')}",
        )

    def _alerts(self) -> tuple[Alert, ...]:
        """One run with the determinism flag tried on each op; it is compared with nothing."""
        if not self.options.capture_alerts:
            self.notes.append(NotChecked("ops that use_deterministic_algorithms refuses", "it was switched off"))
            return ()
        run = self._run(
            "alerts", 0, "finding refused operators", level=Level.OPERATION, alerts=True, digests=False, values_mb=0
        )
        if not run.outcome.is_success:
            self.notes.append(
                NotChecked(
                    "refused ops after the failure",
                    f"that run ended early: {run.outcome.detail or run.outcome.kind.value}",
                )
            )
        return collect_alerts(run.main)

    # -- where -------------------------------------------------------------------------------------------------------

    def _locate(self, judged: Judged, alerts: tuple[Alert, ...]) -> tuple[Finding, ...]:
        found = self._differing_pair(self._steps_for(judged))
        if found is None:
            self.notes.append(
                NotChecked(
                    "the operator where the runs first differ",
                    f"{self.options.localising_runs} runs under recording of every operator were all equal: "
                    "the recording hides the difference, so only the boundary comparison above is known",
                )
            )
            return ()
        a, b, localisation = found
        calls = differing_calls(a, b, self.interned)
        findings = explain_sources(localisation.sources, a, b, calls, alerts, reordered=judged.same_samples_reordered)
        first = localisation.sources[0]
        if findings and first.origin is Origin.OP:
            findings = (replace(findings[0], difference=self._values(first, a)), *findings[1:])
        return findings

    def _steps_for(self, judged: Judged) -> int | None:
        """Return how many steps to record in detail: a little past the first difference, if it has a step."""
        steps = [row.step for row in judged.divergences if row.step >= 0 and not row.note.startswith("only in run")]
        if not steps or any(run.outcome != judged.runs[0].outcome for run in judged.runs):
            return self.options.steps
        wanted = min(steps) + _STEPS_PAST_DIVERGENCE
        return wanted if self.options.steps is None else min(wanted, self.options.steps)

    def _differing_pair(self, steps: int | None) -> tuple[Run, Run, Localisation] | None:
        first: Run | None = None
        for attempt in range(self.options.localising_runs):
            # If the difference stays away near the step where it was seen, look at the whole audited length.
            limit = steps if attempt < self.options.localising_runs // 2 + 1 else self.options.steps
            if attempt == self.options.localising_runs // 2 + 1 and limit != steps:
                first = None
            run = self._run(
                f"operations-{attempt}", attempt, f"recording operators, run {attempt + 1}",
                level=Level.OPERATION, steps=limit, values_mb=0,
            )  # fmt: skip
            if first is None:
                first = run
                continue
            localisation = localise(first, run, self.interned)
            if not localisation.is_equal and self._matters(first, run):
                return first, run, localisation
        return None

    def _matters(self, a: Run, b: Run) -> bool:
        """An op may differ without consequence, as masked padding does: only runs that end up different count."""
        return len(compare_boundaries([a, b], self.interned).classes) > 1 or a.outcome != b.outcome

    def _values(self, source: Source, a: Run) -> Difference | None:
        """Record the source op's outputs in further runs until two differ; return how far they are apart."""
        target = _target(a, source)
        if target is None:
            return None
        kept: list[Run] = []
        for attempt in range(3):
            run = self._run(
                f"values-{attempt}", attempt, f"taking values, run {attempt + 1}",
                level=Level.VALUES, steps=target.step + 1, targets=(target,),
            )  # fmt: skip
            for other in kept:
                if (difference := _captured_difference(other, run, source.process)) is not None:
                    return difference
            kept.append(run)
        self.notes.append(
            NotChecked(
                f"elements of the outputs of {target.name}",
                "its outputs were equal when values were kept, or past the --values-mb budget",
            )
        )
        return None


def _has_boundaries(run: Run) -> bool:
    return any(np.isin(trace.events["kind"], [int(kind) for kind in KINDS]).any() for _, trace in run.traces)


def _no_training_step(run: Run) -> SubjectError:
    why = next(
        (note.why for note in run.main.notes if "torch" in note.why), "no backward pass and no optimizer step was seen"
    )
    return SubjectError(
        f"nothing to compare: {why}",
        code="no-training-step",
        hint="name a training step to call: reproaudit FILE.py::FUNCTION,\n"
        "  or a module: reproaudit FILE.py::MODULE --inputs float32[8,3,32,32]",
    )


def _target(run: Run, source: Source) -> Target | None:
    if source.event_a is None:
        return None
    trace = dict(run.traces)[source.process]
    events, row = trace.events, trace.events[source.event_a]
    same = (
        (events["kind"] == row["kind"]) & (events["name"] == row["name"]) & (events["phase"] == row["phase"])
        & (events["step"] == row["step"]) & (events["thread"] == row["thread"])
        & (events["location"] == row["location"])
    )  # fmt: skip
    place = trace.locations[row["location"]]
    occurrence = int(same[: source.event_a].sum())
    return Target(
        trace.strings[row["name"]],
        place.path,
        place.line,
        int(row["phase"]),
        int(row["step"]),
        occurrence,
        int(row["thread"]),
    )


def _captured_difference(a: Run, b: Run, process: str) -> Difference | None:
    """Compare the outputs that both runs kept of the target op; None if none differ or none were kept."""
    kept = []
    for run in (a, b):
        trace = dict(run.traces).get(process)
        if trace is None:
            return None
        chosen = np.flatnonzero(
            (trace.events["kind"] == EventKind.OP) & ((trace.events["flags"] & EventFlag.KEPT) != 0)
        )
        if not len(chosen):
            return None
        kept.append([value for value in trace.values(int(chosen[0])) if value.number < INPUTS_FROM])
    for first, second in zip(*kept, strict=False):
        if (first.dtype, first.shape) == (second.dtype, second.shape):
            difference = element_difference(first, second)
            if difference.differing:
                return difference
    return None


def _next_commands(options: AuditOptions, judged: Judged) -> tuple[str, ...]:
    subject = " ".join((str(options.subject), *options.subject.argv))
    if judged.verdict is Verdict.REPRODUCIBLE:
        return (f"reproaudit --runs {options.runs * 4} {subject}",)
    return (f"reproaudit --deterministic {subject}", f"reproaudit --threads 1 {subject}")
