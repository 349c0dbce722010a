"""Whether a run that goes on from a checkpoint equals one that nothing interrupts."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.continuation import (
    Sign,
    compare_from,
    find_beginning,
    find_late_load,
    list_saving_steps,
)
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.lost_state import list_checkpoints
from reproaudit.errors import SubjectError
from reproaudit.experiment.audit import Experiment
from reproaudit.experiment.held import find_proven
from reproaudit.experiment.quiet import QuietProgress
from reproaudit.experiment.resume_diagnosis import Pair, diagnose
from reproaudit.experiment.resume_result import Resumed, make_result, make_unanswered
from reproaudit.experiment.resume_runs import (
    RESUMED,
    ResumeOptions,
    ResumeRuns,
    count_left,
    name_stop,
    note_shared,
    require_resumable,
    show_steps,
)
from reproaudit.model.question import Resumption
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.runs import Run

_RUNS_THROUGH = 2


def resume(options: ResumeOptions, progress: Progress, out: Path | None = None) -> AuditResult:
    """Compare a run that is stopped and gone on with to uninterrupted ones.

    Traces stay in `out` if it is given. Raises SubjectError if the program fails, cannot be
    stopped, leaves no checkpoint, or cannot go on; what was recorded is kept.
    """
    require_resumable(options.audit.subject)
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        resuming = _Resuming(options, progress, folder)
        with contextlib.closing(resuming.runs.lab):
            return resuming.run()


class _Resuming:
    """One comparison under way."""

    def __init__(self, options: ResumeOptions, progress: Progress, folder: Path) -> None:
        self._options = options
        audited = replace(
            options.audit,
            runs=_RUNS_THROUGH,
            runs_to_pass=_RUNS_THROUGH,
            further_runs=0,
            spares_runs=False,
            capture_alerts=False,
            fresh_copy=True,
            repro=None,
            state=True,
        )
        self._audit = Experiment(audited, QuietProgress(progress), folder)
        self.runs = ResumeRuns(options, self._audit.lab)

    def run(self) -> AuditResult:
        """Raises SubjectError, and KeyboardInterrupt if it comes before there is an answer."""
        options = self._options
        stopped: Run | None = None
        at = options.at
        if at is None:
            stopped = self.runs.stop()
            at = stopped.steps
        if options.audit.steps is not None:
            self._audit.limit_steps(at + options.audit.steps)
        as_it_is = self._audit.run()
        through = self._audit.deciding_runs
        plain: tuple[Run, ...] = ()
        self.runs.require_enough_steps(through[0], at)
        if as_it_is.verdict is not Verdict.REPRODUCIBLE:
            proven = find_proven(as_it_is)
            if proven is None:
                return make_unanswered(options, as_it_is)
            held = self.runs.hold(proven, made=len(through))
            plain, through = through, (held,)
            stopped = None
        stopped = stopped or self.runs.stop()
        checkpoints = list_checkpoints(stopped)
        pair = self._go_on(through, stopped)
        compared = [through[0], pair.resumed]
        judged = judge(
            compared, compare_boundaries(compared, pair.interned), options.audit.tolerances
        )
        diagnosis = diagnose(judged, pair, self.runs, is_wanted=options.audit.diagnose)
        return make_result(
            options,
            as_it_is,
            judged,
            Resumed(
                through=through,
                stopped=stopped,
                resumed=pair.resumed,
                begin=pair.begin,
                plain=plain,
                resumption=Resumption(
                    asked=options.at,
                    step=pair.beginning.step,
                    stopped_by=name_stop(options, stopped),
                    command=self.runs.shown_command,
                    lost=diagnosis.lost,
                    checkpoints=checkpoints,
                    held=self.runs.interventions,
                ),
            ),
            findings=diagnosis.findings,
            ops=diagnosis.ops,
            trials=diagnosis.trials,
            notes=[*note_shared(checkpoints), *self.runs.lab.notes, *diagnosis.notes],
            runs_made=self.runs.lab.runs_made,
        )

    def _go_on(self, uninterrupted: Sequence[Run], stopped: Run) -> Pair:
        """Make the run that goes on, and find with which step it does."""
        through = uninterrupted[0]
        saved = list_saving_steps(stopped)
        resumed = self.runs.go_on(
            RESUMED, "run that goes on", steps=count_left(through, saved[-1] if saved else 0)
        )
        interned = Interned(self._options.audit.ignored)
        beginning = find_beginning(through, stopped, resumed, interned)
        if beginning is None:
            raise SubjectError(
                "it cannot be told with which step the run went on: the uninterrupted run computes "
                "nowhere what it does first",
                code="not-aligned",
                hint="did it load the checkpoint of the run before? It was started as: "
                f"{self.runs.resumed_command}",
            )
        late = find_late_load(stopped, resumed)
        if late is not None and beginning.sign is not Sign.CONTENTS:
            raise SubjectError(
                "it cannot be told with which step the run went on: it made "
                f"{show_steps(late)} before it loaded the checkpoint",
                code="not-aligned",
                hint="load it before the first step; set_state_dict of "
                "torch.distributed.checkpoint.state_dict fills the state of an optimizer by itself",
            )
        begin = beginning.step
        if begin == 0:
            begin = saved[-1] if saved else stopped.steps  # where it should have gone on
        compare_from(through, resumed, begin, interned)
        return Pair(
            through=through,
            stopped=stopped,
            resumed=resumed,
            beginning=beginning,
            begin=begin,
            interned=interned,
            again=uninterrupted[1] if len(uninterrupted) > 1 else None,
        )
