"""Makes the runs of a question after the seed, and keeps what each was made under."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.config.held_seed import HeldSeed
from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.settings import merge
from reproaudit.errors import SubjectError
from reproaudit.experiment.early_end import ENDS, EarlyEnd
from reproaudit.experiment.failure import make_failure_error
from reproaudit.experiment.nothing_compared import has_trained, make_nothing_compared_error
from reproaudit.experiment.options import AuditOptions, make_setup
from reproaudit.model.events import Level, NotChecked, OutcomeKind, Unchecked
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Progress
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

DEFAULT_SEEDS = (1, 2, 0)
_USAGE_ERROR = 2  # the exit code of argparse
# As argparse, click and fire say it.
_REFUSALS = re.compile(r"^.*\berror: (.+)$", re.MULTILINE | re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unknown|unexpected|unsupported|invalid|illegal|no such|"
    r"unrecogni[sz]ed|not (known|valid|allowed|recogni[sz]ed)",
    re.IGNORECASE,
)
# Two that decide and two that are recorded; one more with what is drawn held.
_RUNS_OF_FIRST = 4
_HELD_RUNS = 1


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """What is asked: the program takes its seed by `argument`, and others are compared with the
    first of `seeds`."""

    audit: AuditOptions
    argument: SeedArgument
    seeds: tuple[int, ...] = DEFAULT_SEEDS


@dataclass(frozen=True, slots=True)
class SeededRun:
    """A run, and what it was made under."""

    run: Run
    condition: str


class SeedRuns:
    """Makes runs under the seeds, until something ends the question early.

    `notes` say what was not come to, and why.
    """

    def __init__(self, options: SeedOptions, progress: Progress, folder: Path) -> None:
        self._options = options
        audit = options.audit
        subject, settings = options.argument.give(audit.subject, options.seeds[0])
        # Its plain runs are those under the first seed: what they take bounds all others.
        self.lab = Lab(
            subject,
            merge(audit.settings, settings),
            folder,
            progress,
            setup=replace(make_setup(audit), steps=audit.steps, steps_of_children=None),
            budget=audit.budget,
        )
        self.made: list[SeededRun] = []
        self.notes: list[NotChecked] = []
        self._end = EarlyEnd(0)

    @property
    def has_ended(self) -> bool:
        """True if the question was cut short."""
        return self._end.has_come

    def word(self, seed: int) -> str:
        """Return the seed as the program is given it."""
        return self._options.argument.word(seed)

    def end(self, error: BaseException, when: str, what: str = "the rest of the question") -> None:
        """Say that what would follow is not done: what is known by now is the answer."""
        self.notes.append(replace(self._end.come(error, when), what=what))

    # Runs

    def make_plain(self) -> Run:
        """Make a run under the first seed. Raises as `Lab.run` does."""
        seed = self._options.seeds[0]
        return self._make(seed, self.word(seed), is_recorded=False)

    def record(self, seed: int) -> Run | None:
        """Make a run that records operators, and what the program needs to go on.

        None if the question has ended, or ends here.
        """
        return self._try(seed, self.word(seed))

    def record_held(self, seed: int, held: Sequence[HeldSeed]) -> Run | None:
        """Make a run as `record` does, under `seed`, that draws what the first seed draws."""
        condition = f"{self.word(seed)}, drawing as with {self.word(self._options.seeds[0])}"
        return self._try(seed, condition, held=tuple(held))

    def _try(self, seed: int, condition: str, held: tuple[HeldSeed, ...] = ()) -> Run | None:
        if self.has_ended:
            return None
        try:
            return self._make(seed, condition, is_recorded=True, held=held)
        except ENDS as error:
            self.end(error, f"before a run was made with {condition}")
            return None

    def _make(
        self, seed: int, condition: str, *, is_recorded: bool, held: tuple[HeldSeed, ...] = ()
    ) -> Run:
        options = self._options
        index = len(self.made)
        expected = _RUNS_OF_FIRST + len(options.seeds) - 1 + _HELD_RUNS
        request = RunRequest(
            name=f"run-{index}",
            index=index,
            what=f"run {index + 1}: {condition}",
            more=max(0, expected - index - 1),
            level=Level.OPERATION if is_recorded else Level.BOUNDARY,
            streams=is_recorded,
            state=is_recorded,
            held_seeds=held,
        )
        if seed != options.seeds[0]:
            subject, settings = options.argument.give(options.audit.subject, seed)
            request = replace(request, subject=subject, settings=settings)
        run = self.lab.run(request)
        self.made.append(SeededRun(run, condition))
        return run

    def leave_out(self, seed: int, run: Run, plain: Run) -> bool:
        """Return True, and say so, if the run ended in another way than those of the first seed."""
        if run.outcome.is_success == plain.outcome.is_success:
            return False
        ending = run.outcome
        why = f"the program ends with it: {ending.detail or ending.kind.value}"
        if ending.is_success:
            why = "the program ends well with it alone"
        self.notes.append(NotChecked(Unchecked.SUBJECT_FAILED, self.word(seed), why))
        return True

    # A program that cannot be asked

    def require_training(self, run: Run) -> None:
        """Raise SubjectError if the run, the first one, has trained nothing."""
        if has_trained(run):
            return
        if run.outcome.is_success:
            raise make_nothing_compared_error(run)
        name = "run-0"
        said = self.word(self._options.seeds[0])
        refused = self._find_refusal(run, self.lab.log_of(name))
        if refused:
            raise SubjectError(
                f"the program does not take {said}: {refused}",
                code="seed-argument-unknown",
                hint="name what the program itself takes: --seed-arg --random-seed, "
                "--seed-env SEED, or --seed-config train.seed; what stands among the program's own "
                "arguments is given there and in that form: main.py --seed=0 train",
            )
        message = f"{self._options.audit.subject} failed under {said} before it trained"
        raise make_failure_error(self.lab, run, name, message)

    def _find_refusal(self, run: Run, log: str) -> str:
        """Return what the program says of a seed that it does not know; "" if it says nothing."""
        argument = self._options.argument
        said = _REFUSALS.search(log)
        if run.outcome.code == _USAGE_ERROR and said is not None:
            return said[1]
        # A parser of the program's own raises an error that names what it does not know. That an
        # error names the seed is not enough: it may be any other one of a program that takes it.
        named = argument.name.lstrip("-+")
        detail = run.outcome.detail
        if re.search(rf"\b{re.escape(named)}\b", detail) and _UNKNOWN.search(detail):
            return detail
        if argument.place is SeedPlace.KEY and "override" in log:
            lines = [line for line in log.splitlines() if argument.name in line]
            return lines[0].strip() if lines else ""
        return ""

    def limit_steps(self, plain: Run) -> None:
        """Have the other runs make as many steps as the first one, which was stopped."""
        if plain.outcome.kind is OutcomeKind.STOPPED:
            self.lab.steps = plain.main.header["steps"] or self.lab.steps
