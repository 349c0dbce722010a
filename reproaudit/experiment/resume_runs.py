"""The runs by which a resumed run is compared with an uninterrupted one: which program each runs,
which files each sees, and what each must have done to be of use."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.continuation import list_saving_steps
from reproaudit.comparison.lost_state import list_checkpoints
from reproaudit.config.plan import Stop, StopWay
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import SubjectError, UsageError
from reproaudit.experiment.failure import make_failure_error
from reproaudit.experiment.nothing_compared import has_trained
from reproaudit.experiment.options import AuditOptions
from reproaudit.knowledge.secret_words import withhold_secrets
from reproaudit.model.events import Level, NotChecked, OutcomeKind, Unchecked
from reproaudit.model.question import CheckpointFile, StateKind
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

UNINTERRUPTED = "uninterrupted"
STOPPED = "stopped"
RESUMED = "resumed"
CHECKPOINT_WORD = "{checkpoint}"


@dataclass(frozen=True, slots=True)
class ResumeOptions:
    """What to resume, and how. `audit` is how each run is made.

    `at`: the optimizer steps that the program has made when it is stopped; None: it is not stopped,
    and ends by itself with `stop_args`. These, and `resume_args`, are appended to the arguments of
    the subject in the run that is stopped, and in the one that goes on. `steps` are compared after
    `at`; None: all to the program's end.
    """

    audit: AuditOptions
    at: int | None
    way: StopWay = StopWay.CHECKPOINT
    stop_args: tuple[str, ...] = ()
    resume_args: tuple[str, ...] = ()


def require_resumable(subject: SubjectSpec) -> None:
    """Raise UsageError for what has no end and no arguments, and so cannot be started again."""
    if subject.kind in (SubjectKind.ATTRIBUTE, SubjectKind.PYTEST, SubjectKind.NOTEBOOK):
        raise UsageError(
            f"{subject} cannot be stopped and started again",
            code="not-resumable",
            hint="name the program that trains, saves and resumes: reproaudit resume train.py",
        )


class ResumeRuns:
    """Makes the runs: uninterrupted ones, one that is stopped, and those that go on from it.

    Each works in a copy of the project, all at the same place; one that goes on finds there what
    the stopped one has left.
    """

    def __init__(self, options: ResumeOptions, lab: Lab) -> None:
        self.lab = lab
        self._options = options
        self._checkpoint = ""  # what the stopped run has written last
        self._steps_through = 0  # that an uninterrupted run makes
        self.interventions: tuple[str, ...] = ()  # that all runs are made under
        self._through = 0  # the index of the uninterrupted run that the others are compared with
        self._stopped = 2  # that of the one that is stopped; the one that goes on has the next

    @property
    def resumed_command(self) -> str:
        """What is started to go on, as a shell takes it; known once the stopped run was made."""
        return shlex.join([*_list_start(self._resumed), *self._resumed.argv])

    @property
    def shown_command(self) -> str:
        """The same without secrets, as reports have it."""
        words = withhold_secrets(self._resumed.argv)
        return shlex.join([*_list_start(self._resumed), *words])

    @property
    def _resumed(self) -> SubjectSpec:
        options = self._options
        words = _name_checkpoint(options.resume_args, self._checkpoint)
        return _add_words(options.audit.subject, words)

    # -- uninterrupted

    def hold(self, interventions: Sequence[str], made: int) -> Run:
        """Hold interventions in all runs from now on, and make one that nothing interrupts.

        `made`: so many uninterrupted runs were made without them.
        """
        self.interventions = tuple(interventions)
        self._through, self._stopped = made, made + 1
        what = f"uninterrupted run, with {', '.join(self.interventions)}"
        return self.lab.run(self._request(f"{UNINTERRUPTED}-held", self._through, what))

    def record_through(self, begin: int) -> Run:
        """Make one that records every operator, its state, and the random streams of a step."""
        what = "uninterrupted run, recording every operator"
        request = self._request(f"{UNINTERRUPTED}-recorded", self._through, what, more=1)
        request = replace(request, level=Level.OPERATION, state=True, kept_streams=begin)
        return self.lab.run(request)

    def require_enough_steps(self, through: Run, at: int) -> None:
        """Raise SubjectError if an uninterrupted run makes no step after that many."""
        self._steps_through = through.steps
        if through.steps > at:
            return
        raise SubjectError(
            "the program ends before it can be stopped: it makes "
            f"{show_steps(through.steps)}, and was to be stopped "
            f"after {at}",
            code="ended-before-stop",
            hint=f"stop it earlier, as with --at {max(1, through.steps // 2)}",
        )

    # -- stopped

    def stop(self) -> Run:
        """Make the run that is stopped.

        Raises SubjectError if it was not, or left no checkpoint.
        """
        options = self._options
        subject = _add_words(options.audit.subject, options.stop_args)
        request = self._request(STOPPED, self._stopped, _describe_stop(options), more=1)
        request = replace(request, subject=subject, leaves=STOPPED, state=True)
        if options.at is not None:
            request = replace(request, stop=Stop(options.at, options.way))
        run = self.lab.run(request)
        self._require_stop(run, request.name)
        self._checkpoint = _find_checkpoint(
            list_checkpoints(run), self.lab.list_written(STOPPED), options.audit.subject
        )
        if not self._checkpoint and not list_saving_steps(run):
            raise self._make_no_checkpoint_error(run)
        return run

    def _require_stop(self, run: Run, name: str) -> None:
        options = self._options
        at = options.at
        is_interrupted = at is not None and run.steps >= at
        if not run.outcome.is_success and not is_interrupted:
            message = f"{options.audit.subject} failed before it was stopped"
            raise make_failure_error(self.lab, run, name, message)
        if at is None or run.outcome.kind is OutcomeKind.COMPLETED:
            return
        if options.way is StopWay.SIGTERM:
            # It may make some steps more before it answers.
            goes_on = run.outcome.is_success and run.steps >= self._steps_through
            did = "it went on to its end after SIGTERM"
        else:
            goes_on = run.steps > at
            did = f"it caught the exception, which is a SystemExit, and made {run.steps} steps"
        if goes_on:
            raise SubjectError(
                f"the program could not be stopped after step {at}: {did}",
                code="not-stopped",
                hint="try another way: --stop-by exception, sigterm or checkpoint; or have it end "
                "by itself: --stop-args '--max-steps N'",
            )

    def _make_no_checkpoint_error(self, run: Run) -> SubjectError:
        hint = (
            "stop it later with --at, or give it what makes it save: --stop-args '--save-every 5'"
        )
        if self._options.at is not None and self._options.way is not StopWay.CHECKPOINT:
            hint += "; with --stop-by checkpoint it may save between two steps"
        return SubjectError(
            f"no checkpoint was written in the {run.steps} steps that the stopped run made: there "
            "is nothing to go on from",
            code="no-checkpoint",
            hint=hint,
        )

    # -- resumed

    def record_resumed(self, steps: int | None) -> Run:
        """Make a run that goes on and records every operator and its state."""
        return self.go_on(
            f"{RESUMED}-recorded",
            "run that goes on, recording every operator",
            steps=steps,
            level=Level.OPERATION,
        )

    def go_on(
        self,
        name: str,
        what: str,
        *,
        steps: int | None,
        level: Level = Level.BOUNDARY,
        given_streams: str = "",
    ) -> Run:
        """Make a run that goes on from what the stopped one has left. Raises SubjectError if it
        fails or makes no step."""
        request = self._request(name, self._stopped + 1, what)
        request = replace(
            request,
            subject=self._resumed,
            goes_on_from=STOPPED,
            steps=steps,
            level=level,
            state=True,
            given_streams=given_streams,
        )
        run = self.lab.run(request)
        if not run.outcome.is_success:
            raise SubjectError(
                f"the run that was to go on failed: {_describe_outcome(run)}",
                code="resume-failed",
                hint=f"it was started as: {self.resumed_command}; its last output:\n"
                f"{self.lab.log_of(name)}",
            )
        if not has_trained(run):
            raise SubjectError(
                "the run that was to go on made no step",
                code="nothing-resumed",
                hint="it may take its training to be complete: let it train further with "
                f"--resume-args. It was started as: {self.resumed_command}; its last output:\n"
                f"{self.lab.log_of(name)}",
            )
        return run

    def _request(self, name: str, index: int, what: str, *, more: int = 0) -> RunRequest:
        return RunRequest(
            name=name,
            index=index,
            what=what,
            more=more,
            fresh_copy=True,
            interventions=self.interventions,
        )


def show_steps(number: int) -> str:
    """Return `1 optimizer step`."""
    return f"{number} optimizer step" if number == 1 else f"{number} optimizer steps"


def count_left(through: Run, begin: int) -> int:
    """Return after how many of its steps a run is stopped that goes on at step `begin`.

    Where the other one went to its end, one more than that had left: it may go too far.
    """
    left = through.steps - begin
    return left if through.outcome.kind is OutcomeKind.STOPPED else left + 1


def _list_start(subject: SubjectSpec) -> tuple[str, ...]:
    """Return what starts a subject without its arguments."""
    return subject.words if subject.is_command else ("python", *subject.words)


def _add_words(subject: SubjectSpec, words: Sequence[str]) -> SubjectSpec:
    return replace(subject, argv=(*subject.argv, *words))


def _name_checkpoint(words: Sequence[str], checkpoint: str) -> tuple[str, ...]:
    """Return the words with the checkpoint in the place of `{checkpoint}`."""
    if not checkpoint and any(CHECKPOINT_WORD in word for word in words):
        raise SubjectError(
            f"{CHECKPOINT_WORD} cannot be filled in: the stopped run wrote no file in its folder",
            code="no-checkpoint",
            hint="name the checkpoint itself in --resume-args",
        )
    return tuple(word.replace(CHECKPOINT_WORD, checkpoint) for word in words)


def _find_checkpoint(
    saved: Sequence[CheckpointFile], written: Sequence[str], subject: SubjectSpec
) -> str:
    """Return the newest checkpoint, from the folder in which the program starts; "" without one.

    It is a file, or the folder of the files that were saved after the same step and of which none
    holds all.
    """
    last = max((one.step for one in saved), default=0)
    newest = [one for one in saved if one.step == last and not one.path.startswith("<")]
    if not newest:
        return written[-1] if written else ""
    whole = [one.path for one in newest if StateKind.PARAMETERS in one.holds]
    paths = list(dict.fromkeys(one.path for one in newest))
    path = paths[0]
    if len(whole) > 1:
        path = whole[-1]
    elif len(paths) > 1:
        path = os.path.commonpath(os.path.dirname(path) for path in paths)
    if os.path.isabs(path):
        return path
    return os.path.relpath(subject.folder / path, subject.cwd)


def note_shared(saved: Sequence[CheckpointFile]) -> tuple[NotChecked, ...]:
    """Say which checkpoints lie outside of the project, of which alone each run has a copy."""
    outside = [one.path for one in saved if os.path.isabs(one.path) and os.path.exists(one.path)]
    why = "it lies outside of the project, which alone is copied for each run"
    return tuple(
        NotChecked(Unchecked.FILES_SHARED, f"{path}, which all runs share", why)
        for path in dict.fromkeys(outside)
    )


def name_stop(options: ResumeOptions, run: Run) -> str:
    """Return how the program was stopped, as the result says it."""
    if run.outcome.kind is OutcomeKind.COMPLETED:
        return "its own end"
    return "SIGTERM" if options.way is StopWay.SIGTERM else options.way.value


def _describe_stop(options: ResumeOptions) -> str:
    if options.at is None:
        return "run that ends early"
    return f"run that is stopped after step {options.at}"


def _describe_outcome(run: Run) -> str:
    kind = run.outcome.kind.value
    return f"{kind}: {run.outcome.detail}" if run.outcome.detail else kind
