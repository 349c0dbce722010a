"""Where repetitions within one process are made, as `lab.Lab` makes runs in fresh ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import find
from reproaudit.runs.budget import Budget, Spending
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run, open_run

_KEPT_MB = 16  # of boundary tensors per repetition, for the element-wise comparison


class CurrentRepetition(Protocol):
    """A repetition while it goes on."""

    def record_return(self, value: object) -> None: ...


Body = Callable[[CurrentRepetition], None]
# Records what happens inside the context it returns. Given from above: what is recorded here runs
# torch, and only the recorder may import it.
RecordRepetition = Callable[[RunPlan], AbstractContextManager[CurrentRepetition]]


class InProcessLab:
    """Makes repetitions of `body` in this process, each recorded by `record`.

    `record` starts each from the same random streams and flags. `body` is given the repetition that
    it is in, to record what the code returned. It may raise: the first repetition passes that on,
    of later ones it is the outcome. What only a fresh process can change (files as they were,
    variables that libraries read when they start) is refused with a SubjectError; string hashes are
    the same anyway.
    """

    def __init__(
        self,
        body: Body,
        subject: SubjectSpec,
        folder: Path,
        *,
        record: RecordRepetition,
        budget: Budget,
    ) -> None:
        self.subject = subject
        self.folder = folder
        self.steps: int | None = None
        self.runs_made = 0
        self.seconds: dict[str, float] = {}
        # Names of repetitions that imported modules, which may run ops of their own.
        self.importing: set[str] = set()
        self._body = body
        self._record = record
        self._spending = Spending(budget)

    def start_budget(self) -> None:
        """Count against the budget from here on."""
        self._spending.start(self.runs_made)

    def run(self, request: RunRequest) -> Run:
        """Make one repetition, as `Lab.run` makes a run.

        It always goes to its end, and its lines are not followed.
        """
        self._spending.check(self.runs_made)
        settings = request.change_settings(Settings())
        self._refuse_what_needs_a_process(request.interventions)
        plain = RunPlan(
            trace_dir=self.folder / request.name,
            subject=self.subject,
            settings=settings,
            values_mb=_KEPT_MB,
        )
        plan = replace(request, steps=None, lines=False).change_plan(plain)
        modules_before = set(sys.modules)
        start_s = time.perf_counter()
        try:
            with self._record(plan) as current:
                self._body(current)
        except Exception:
            # Whatever the code under test raises is how its repetition ended, which the trace has
            # recorded by now.
            if not self.runs_made:
                raise
        self.seconds[request.name] = time.perf_counter() - start_s
        self.runs_made += 1
        if set(sys.modules) - modules_before:
            self.importing.add(request.name)
        return open_run(plan.trace_dir, request.index)

    def log_of(self, name: str) -> str:
        """Return nothing: what the code writes goes where the test's output goes."""
        return ""

    def can_try(self, name: str) -> bool:
        """Return True if the intervention can be made within this process."""
        return not find(name).needs_fresh_process

    def can_patch(self, paths: Sequence[str] = ()) -> bool:
        """Return False: the code is loaded already."""
        return False

    def _refuse_what_needs_a_process(self, interventions: tuple[str, ...]) -> None:
        needs = ", ".join(_find_needs(interventions))
        if needs:
            raise SubjectError(
                f"{needs} cannot be changed within one process",
                code="needs-fresh-process",
                hint='repeat in fresh processes: isolation="process"',
            )


def _find_needs(interventions: tuple[str, ...]) -> list[str]:
    """Return what only a fresh process can take over of the interventions, each once."""
    found: list[str] = []
    for name in interventions:
        need = find(name).needs_fresh_process
        if need and need not in found:
            found.append(need)
    return found
