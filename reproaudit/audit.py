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

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.runs import Interned, Run, open_run
from reproaudit.conclude import Judged, collect_alerts, conclude, judge
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.locate import Locator
from reproaudit.model import (
    Alert,
    AuditResult,
    Finding,
    Level,
    NotChecked,
    OutcomeKind,
    Tolerance,
    Verdict,
)
from reproaudit.plan import RunPlan, SubjectSpec
from reproaudit.runner.process import run as run_process
from reproaudit.runner.process import tail
from reproaudit.settings import Settings, describe
from reproaudit.trace.schema import EVENTS_FILE


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
    except ReproauditError as error:
        if any(file.stat().st_size for file in folder.glob(f"*/{EVENTS_FILE}")):
            error.hint = f"{error.hint}\n  recorded so far: {folder}".strip()
        elif out is None:
            shutil.rmtree(folder, ignore_errors=True)
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
            locator = Locator(self._run, self.options.localising_runs, self.options.steps, self.interned)
            findings = locator.locate(judged, alerts)
            self.notes += locator.notes
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
            if index == 0 and not _has_trained(run):
                raise _no_training_step(run) if run.outcome.is_success else self._failed(run)
        return runs

    def _failed(self, run: Run) -> SubjectError:
        outcome = run.outcome
        return SubjectError(
            f"{self.options.subject} failed before it trained: {outcome.kind.value} {outcome.detail}".strip(),
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


def _has_trained(run: Run) -> bool:
    """True if an optimizer step or a backward pass was seen; calls of a module alone train nothing."""
    return run.steps > 0 or any(
        text == "loss" or text.startswith("loss[") for _, trace in run.traces for text in trace.strings
    )


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


def _next_commands(options: AuditOptions, judged: Judged) -> tuple[str, ...]:
    subject = " ".join((str(options.subject), *options.subject.argv))
    if judged.verdict is Verdict.REPRODUCIBLE:
        return (f"reproaudit --runs {options.runs * 4} {subject}",)
    return (f"reproaudit --deterministic {subject}", f"reproaudit --threads 1 {subject}")
