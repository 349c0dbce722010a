"""The experiment in order: observe, compare, find refused ops, localise, take values, conclude."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged, judge
from reproaudit.config.settings import Settings, describe
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Ignored, Tolerance, Tolerances
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.diagnose.misuse import find_misuse
from reproaudit.diagnose.races import DeviceRace, read_device_races, warn_of_races
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import collect_alerts, conclude
from reproaudit.model.events import Level, NotChecked, ProgramWarning, Unchecked
from reproaudit.model.result import Alert, AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.reproducer import write_reproducer
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What to audit and how. `steps` None: to the end of the program."""

    subject: SubjectSpec
    runs: int = 5
    steps: int | None = 10
    timeout_s: float | None = None
    tolerances: Tolerances | Mapping[str, Tolerance] = field(default_factory=Tolerances)
    ignored: tuple[Ignored, ...] = ()
    settings: Settings = Settings()
    values_mb: int = 64
    capture_alerts: bool = True
    diagnose: bool = True
    budget: Budget = field(default_factory=Budget)
    level: float = 0.95
    fresh_copy: bool = False
    repro: Path | None = None
    show_output: bool = False
    python: str = sys.executable


def audit(options: AuditOptions, progress: Progress, out: Path | None = None) -> AuditResult:
    """Run the whole experiment. Traces stay in `out` if it is given.

    Raises SubjectError if the subject fails, hangs, or does nothing that can be compared; what was
    recorded is kept.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    folder = out or Path(tempfile.mkdtemp(prefix="reproaudit-"))
    with keep_what_was_recorded(folder, is_temporary=out is None):
        experiment = _Experiment(options, progress, folder)
        with contextlib.closing(experiment.lab):
            return experiment.run()


class _Experiment:
    def __init__(self, options: AuditOptions, progress: Progress, folder: Path) -> None:
        self.options = options
        self.lab = Lab(
            options.subject,
            options.settings,
            folder,
            progress,
            steps=options.steps,
            values_mb=options.values_mb,
            timeout_s=options.timeout_s,
            show_output=options.show_output,
            python=options.python,
            budget=options.budget,
            fresh_copy=options.fresh_copy,
        )
        self.interned = Interned(options.ignored)
        self.notes: list[NotChecked] = []
        self.warnings: tuple[ProgramWarning, ...] = ()
        self.races: tuple[DeviceRace, ...] = ()

    def run(self) -> AuditResult:
        runs = self._observe()
        judged = judge(runs, compare_boundaries(runs, self.interned), self.options.tolerances)
        if judged.comparison.compared == 0 and len(judged.comparison.classes) < 2:
            raise (
                _all_ignored(self.options.ignored)
                if judged.comparison.ignored
                else _no_training_step(runs[0])
            )
        alerts = self._alerts()
        diagnosis = Diagnosis()
        if (
            judged.verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)
            and self.options.diagnose
        ):
            diagnosis = Diagnostician(
                self.lab, judged, alerts, self.races, interned=self.interned
            ).run()
        reproducer = self._reproducer(diagnosis, runs[0])
        return conclude(
            judged,
            diagnosis.findings,
            alerts,
            notes=[*self.notes, *diagnosis.notes],
            settings=describe(self.options.settings),
            subject=" ".join((str(self.options.subject), *self.options.subject.argv)),
            next_commands=_next_commands(self.options, judged, diagnosis.findings),
            level=self.options.level,
            trials=diagnosis.trials,
            is_complete=diagnosis.is_complete,
            warnings=(*self.warnings, *diagnosis.warnings),
            runs_made=self.lab.runs_made,
            reproducer=reproducer,
            folder=_folder_of(self.options.subject),
        )

    def _reproducer(self, diagnosis: Diagnosis, run: Run) -> str:
        """Write the reproducer of the first kernel finding, if one was asked for; return its folder
        as it was named."""
        target = self.options.repro
        if target is None:
            return ""
        if diagnosis.kernel is None:
            self.notes.append(
                NotChecked(
                    Unchecked.NO_REPRODUCER,
                    "a reproducer",
                    "no kernel was found whose call could be kept",
                )
            )
            return ""
        finding, call = diagnosis.kernel
        environment = run.main.header["environment"]
        threads = int(environment["threads"]) if "threads" in environment else None
        write_reproducer(call, target, finding=finding, environment=environment, threads=threads)
        return str(target)

    # Runs

    def _observe(self) -> list[Run]:
        runs: list[Run] = []
        for index in range(self.options.runs):
            if index + 1 < self.options.runs:
                self.lab.prepare(f"run-{index + 1}")
            request = RunRequest(
                name=f"run-{index}", index=index, what=f"run {index + 1} of {self.options.runs}"
            )
            run = self.lab.run(request)
            runs.append(run)
            if index == 0 and not _has_trained(run):
                raise _no_training_step(run) if run.outcome.is_success else self._failed(run)
        return runs

    def _failed(self, run: Run) -> SubjectError:
        outcome = run.outcome
        ending = f"{outcome.kind.value} {outcome.detail}".strip()
        return SubjectError(
            f"{self.options.subject} failed before it trained: {ending}",
            code="subject-failed",
            hint=f"run it alone first; its last output:\n{self.lab.log_of(f'run-{run.index}')}",
        )

    def _alerts(self) -> tuple[Alert, ...]:
        """One run with the determinism flag tried on each op; it is compared with nothing."""
        if not self.options.capture_alerts:
            self.notes.append(
                NotChecked(
                    Unchecked.REFUSALS_NOT_LOOKED_FOR,
                    "ops that use_deterministic_algorithms refuses",
                    "it was switched off",
                )
            )
            return ()
        request = RunRequest(
            name="alerts",
            index=0,
            what="finding refused operators",
            level=Level.OPERATION,
            alerts=True,
            digests=False,
            values_mb=0,
        )
        run = self.lab.run(request)
        if not run.outcome.is_success:
            self.notes.append(
                NotChecked(
                    Unchecked.REFUSALS_CUT_SHORT,
                    "refused ops after the failure",
                    f"that run ended early: {run.outcome.detail or run.outcome.kind.value}",
                )
            )
        self.races = read_device_races(run.main)
        self.warnings = (*find_misuse(run), *warn_of_races(self.races))
        self.notes += [note for note in run.main.notes if note.code is Unchecked.STREAMS_UNWATCHED]
        return collect_alerts(run.main)


def _folder_of(subject: SubjectSpec) -> str:
    """Return the subject's folder from the working directory; "" for the directory itself and for a
    module."""
    if not subject.path:
        return ""
    folder = os.path.relpath(subject.folder, subject.cwd)
    return "" if folder == "." else Path(folder).as_posix()


def _has_trained(run: Run) -> bool:
    """Return True if an optimizer step or a backward pass was seen.

    Calls of a module alone train nothing.
    """
    return run.steps > 0 or any(
        text == "loss" or text.startswith("loss[")
        for _, trace in run.traces
        for text in trace.strings
    )


def _no_training_step(run: Run) -> SubjectError:
    why = "no backward pass and no optimizer step was seen"
    for note in run.main.notes:
        if note.code is Unchecked.TORCH_NEVER_IMPORTED:
            why = note.why
    return SubjectError(
        f"nothing to compare: {why}",
        code="no-training-step",
        hint="name a training step to call: reproaudit FILE.py::FUNCTION,\n"
        "  or a module: reproaudit FILE.py::MODULE --inputs float32[8,3,32,32]",
    )


def _all_ignored(ignored: Sequence[Ignored]) -> SubjectError:
    return SubjectError(
        "nothing to compare: every tensor that could decide is ignored, "
        f"by {', '.join(one.pattern.text for one in ignored)}",
        code="all-ignored",
        hint="narrow the patterns under [tool.reproaudit.ignore]",
    )


def _next_commands(
    options: AuditOptions, judged: Judged, findings: Sequence[Finding]
) -> tuple[str, ...]:
    subject = " ".join((str(options.subject), *options.subject.argv))
    if judged.verdict is Verdict.REPRODUCIBLE:
        return (f"reproaudit --runs {options.runs * 4} {subject}",)
    rules = tuple(f"reproaudit explain {finding.rule}" for finding in findings[:1])
    fixes = dict.fromkeys(
        name for finding in findings if finding.fix is not None for name in finding.fix.settings
    )
    changes = " ".join(f"--intervene {name}" for name in fixes)
    return (
        *rules,
        f"reproaudit {changes} {subject}"
        if changes
        else f"reproaudit --runs {options.runs * 4} {subject}",
    )
