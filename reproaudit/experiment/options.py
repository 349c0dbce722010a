"""What an audit is asked to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reproaudit.config.execution import Execution
from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec
from reproaudit.config.tolerance import Ignored, Tolerance, Tolerances
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import RunSetup


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What to audit and how. `steps` None: to the end of the program.

    A program whose first run is over within `whole_within_s` seconds is audited to its end, though
    it makes more than `steps`; otherwise up to the step at which the time was over.

    `runs_to_pass`: where the time of the budget is over before all `runs` are made, so many that
    are equal are enough; 0: all of them.

    `further_runs`: so many more are made at most, in a minute or in the time that the `runs` took,
    while all are equal and the program shows some disorder. `spares_runs`: no more than two are
    made if these differ, unless recorded runs agree. With `has_load` every second run is made
    beside a busy process on each core. One that `glances` at a difference tries no repair. Refused
    ops are looked for in the steps that bring new ones; with `alerts_to_end` in all of them.
    """

    subject: SubjectSpec
    runs: int = 5
    runs_to_pass: int = 0
    further_runs: int = 0
    spares_runs: bool = False
    has_load: bool = False
    steps: int | None = 10
    whole_within_s: float = 0.0
    timeout_s: float | None = None
    tolerances: Tolerances | Mapping[str, Tolerance] = field(default_factory=Tolerances)
    ignored: tuple[Ignored, ...] = ()
    settings: Settings = Settings()
    values_mb: int = 64
    capture_alerts: bool = True
    alerts_to_end: bool = False
    diagnose: bool = True
    glances: bool = False
    budget: Budget = field(default_factory=Budget)
    level: float = 0.95
    fresh_copy: bool = False
    execution: Execution = Execution()
    repro: Path | None = None
    show_output: bool = False
    python: str = sys.executable
    # the words of the command line that change what a run does, for the commands to type next
    given: tuple[str, ...] = ()
    shows_source: bool = True  # lines of the program around what was found are in the result
    portions: Portions | None = None  # how a callable is given the rows of a batch
    state: bool = False  # runs that decide record their training state
    patch_file: str = ""  # where the patch is written, for the same commands; "" if nowhere


def make_setup(options: AuditOptions) -> RunSetup:
    """Return what all runs of the audit have in common."""
    # A run that is prepared beside the first one is expected to be short enough, as most are.
    is_open = bool(options.whole_within_s)
    return RunSetup(
        steps=None if is_open else options.steps,
        steps_of_children=options.steps if is_open and not options.subject.is_command else None,
        values_mb=options.values_mb,
        timeout_s=options.timeout_s,
        show_output=options.show_output,
        python=options.python,
        fresh_copy=options.fresh_copy,
        execution=options.execution,
        portions=options.portions,
        state=options.state,
    )
