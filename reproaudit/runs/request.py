"""What is asked of whoever makes runs: one run, and what the run records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from reproaudit.config.held_seed import HeldSeed
from reproaudit.config.plan import Pin, RunPlan, Stop, Target
from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings, make_environment, merge
from reproaudit.config.subject import SubjectSpec
from reproaudit.knowledge.interventions import combine_settings
from reproaudit.model.events import Level
from reproaudit.trace.runs import Run
from reproaudit.trace.words import MAY_BE_STOPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run that is wanted.

    `name` names its folder, `index` is its number among those it is compared with, and `what` is
    shown while it goes on; `more` runs like it are expected behind it. `variables` join its
    environment. None for `steps` and `values_mb` leaves them as all runs of the audit have them.
    With `fresh_copy` it works in a copy of the working folder, and `files` are those that have
    another text there. What it leaves in its copy is kept as `leaves`; a run that `goes_on_from`
    what another has left begins with it, at the same place. `following` is the run that is expected
    after it: its process may be started meanwhile. `is_over` is asked of its folder while it goes
    on: once that is True the program is stopped when its step ends, as after the steps that were
    asked for. `settings` are made on top of those of all runs, as a variation is; `subject` and
    `python` are another program, or other arguments of it, and another interpreter than those of
    all runs. The other fields are those of the plan.
    """

    name: str
    index: int
    what: str
    more: int = 0
    interventions: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    level: Level = Level.BOUNDARY
    steps: int | None = None
    goes_on_s: float = 0.0
    values_mb: int | None = None
    alerts: bool = False
    probes: bool = False
    is_brief: bool = False
    digests: bool = True
    targets: tuple[Target, ...] = ()
    keep: tuple[tuple[int, str, int], ...] = ()
    lines: bool = False
    pins: tuple[Pin, ...] = ()
    reference: str = ""
    slices_mb: int = 0
    by_content: bool = False
    portions: Portions | None = None
    outside: bool = True
    streams: bool = False
    fresh_copy: bool = False
    files: tuple[tuple[str, str], ...] = ()
    leaves: str = ""
    goes_on_from: str = ""
    state: bool = False
    stop: Stop | None = None
    kept_streams: int | None = None
    given_streams: str = ""
    held_seeds: tuple[HeldSeed, ...] = ()
    following: RunRequest | None = None
    is_over: Callable[[Path], bool] | None = field(default=None, compare=False)
    settings: Settings = Settings()
    subject: SubjectSpec | None = None
    python: str | None = None

    @property
    def is_changed(self) -> bool:
        """True for a run of a changed program.

        It may wait for ever, for a thread that cannot start for example, or be slow to follow.
        """
        is_other = self.subject is not None or self.python is not None
        is_other |= self.settings != Settings() or self.stop is not None
        is_other |= bool(self.given_streams or self.held_seeds) or self.portions is not None
        return bool(self.interventions or self.files) or self.lines or is_other

    def change_settings(self, settings: Settings) -> Settings:
        """Return `settings` with all that the run is to have besides."""
        changed = combine_settings(settings, self.interventions)
        changed = merge(changed, Settings(env=self.variables))
        # A variable that all runs are given must not undo what this one is made for.
        implied = make_environment(self.settings)
        env = tuple(pair for pair in changed.env if pair[0] not in implied)
        return merge(replace(changed, env=env), self.settings)

    def change_plan(self, plan: RunPlan) -> RunPlan:
        """Return `plan`, that of a plain run, with all that is asked for but the settings."""
        of_children = plan.steps_of_children
        if of_children is not None and self.steps is not None:
            of_children = min(of_children, self.steps)
        return replace(
            plan,
            subject=plan.subject if self.subject is None else self.subject,
            level=self.level,
            steps=plan.steps if self.steps is None else self.steps,
            steps_of_children=of_children,
            goes_on_s=self.goes_on_s,
            values_mb=plan.values_mb if self.values_mb is None else self.values_mb,
            alerts=self.alerts,
            probes=self.probes,
            is_brief=self.is_brief,
            digests=self.digests,
            targets=self.targets,
            keep=self.keep,
            lines=self.lines,
            pins=self.pins,
            reference=self.reference,
            slices_mb=self.slices_mb,
            by_content=self.by_content,
            portions=plan.portions if self.portions is None else self.portions,
            outside=self.outside,
            streams=self.streams,
            state=self.state or (plan.state and self.level is Level.BOUNDARY),
            stop=self.stop,
            kept_streams=self.kept_streams,
            given_streams=self.given_streams,
            held_seeds=self.held_seeds,
            extra=plan.extra if self.is_over is None else plan.extra | {MAY_BE_STOPPED: "yes"},
        )


def limit_steps_to(steps: int, lab: RunMaker) -> int:
    """Return so many steps, or as many as the audit makes if these are fewer."""
    return steps if lab.steps is None else min(steps, lab.steps)


class RunMaker(Protocol):
    """Who makes the runs of a diagnosis: `Lab`, or `InProcessLab` within one process."""

    @property
    def subject(self) -> SubjectSpec: ...

    @property
    def folder(self) -> Path: ...

    @property
    def steps(self) -> int | None: ...

    @property
    def runs_made(self) -> int: ...

    @property
    def seconds(self) -> dict[str, float]: ...

    def start_budget(self) -> None: ...

    def can_try(self, name: str) -> bool: ...

    def can_patch(self, paths: Sequence[str] = ()) -> bool: ...

    def run(self, request: RunRequest) -> Run: ...
