"""The experiment in order: observe, compare, find refused ops, localise, take values, conclude."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.config.settings import list_settings
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.diagnose.glance import glance
from reproaudit.diagnose.misuse import find_misuse
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.ranks import find_drift
from reproaudit.experiment.conclude import conclude, is_stopped
from reproaudit.experiment.deciding_runs import request_run, request_runs
from reproaudit.experiment.disorder import find_disorder, limit_further_s
from reproaudit.experiment.drift import locate_drift
from reproaudit.experiment.early import EarlyVerdict
from reproaudit.experiment.early_end import ENDS, EarlyEnd, is_answer
from reproaudit.experiment.excerpts import SourceFolder
from reproaudit.experiment.failure import add_changes, make_failure_error
from reproaudit.experiment.first_run import FirstRun
from reproaudit.experiment.hardware import JudgeOfOneHardware
from reproaudit.experiment.kept_call import write_kept_call
from reproaudit.experiment.load import Load
from reproaudit.experiment.next_commands import suggest_commands
from reproaudit.experiment.nothing_compared import (
    has_trained,
    make_all_ignored_error,
    make_nothing_compared_error,
)
from reproaudit.experiment.options import AuditOptions, make_setup
from reproaudit.experiment.refused_ops import (
    NOT_COME_TO,
    NOT_IN_A_GLANCE,
    SWITCHED_OFF,
    RefusedOps,
    find_refused_ops,
    list_not_looked_for,
    may_ask_meanwhile,
    read_asked,
    request_refused,
)
from reproaudit.model.early import AuditEnded
from reproaudit.model.events import (
    NotChecked,
    OutcomeKind,
    ProgramWarning,
)
from reproaudit.model.result import Alert, AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.runs.lab import Lab
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run


def audit(options: AuditOptions, progress: Progress, out: Path | None = None) -> AuditResult:
    """Run the whole experiment. Traces stay in `out` if it is given.

    Raises SubjectError if the subject fails, hangs, or does nothing that can be compared; what was
    recorded is kept.
    """
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        experiment = Experiment(options, progress, folder)
        with contextlib.closing(experiment.lab):
            return experiment.run()


class Experiment:
    """One audit under way. `find_alerts` fills `alerts`, `races` and `warnings`."""

    def __init__(self, options: AuditOptions, progress: Progress, folder: Path) -> None:
        self.options = options
        self.lab = Lab(
            options.subject,
            options.settings,
            folder,
            progress,
            setup=make_setup(options),
            budget=options.budget,
        )
        self._first_run = self._make_first_run()
        self.interned = Interned(options.ignored)
        self._tell = progress.tell
        self._judge = JudgeOfOneHardware(self.lab.machines, self.interned, options.tolerances)
        self._early = EarlyVerdict(progress.tell, self.interned, options.tolerances)
        self.notes: list[NotChecked] = []
        self.warnings: tuple[ProgramWarning, ...] = ()
        self.alerts: tuple[Alert, ...] | None = None  # None: not known
        self.races: tuple[DeviceRace, ...] = ()
        self.further: tuple[int, str] = (0, "")  # runs made because few were too few, and why
        self._load = Load(is_wanted=options.has_load)
        self._end = EarlyEnd(options.runs_to_pass or options.runs)
        self._runs: list[Run] = []  # those that decide
        self._deciding: tuple[Run, ...] = ()
        self._is_settled = False  # while two runs that differ stand for all
        self._judged: Judged | None = None  # anew, with runs that were spared at first

    def limit_steps(self, steps: int | None) -> None:
        """Have the runs make so many steps, unless the program is over soon; before `run`."""
        self.options = replace(self.options, steps=steps)
        self.lab.steps = make_setup(self.options).steps
        self._first_run = self._make_first_run()

    def _make_first_run(self) -> FirstRun:
        options = self.options
        goes_on = (options.steps, options.whole_within_s) if options.whole_within_s else None
        return FirstRun(self.lab, fresh_copy=options.fresh_copy, goes_on=goes_on)

    @property
    def deciding_runs(self) -> tuple[Run, ...]:
        """The runs that decided, once `run` has returned."""
        return self._deciding

    def run(self) -> AuditResult:
        """Raises SubjectError, and KeyboardInterrupt if nothing was compared before it."""
        options = self.options
        self.lab.start_clock()
        runs = self._observe()
        try:
            judged = self._judge.judge(runs)
        except KeyboardInterrupt as error:
            # All it takes is there, and the verdict may have been told: it ends what would follow.
            self._cut_short(error, "after the runs that decide")
            judged = self._judge.judge(runs)
        if self._end.forbids_to_pass(judged.runs) and judged.verdict is Verdict.REPRODUCIBLE:
            # Fewer runs than were wanted are no ground to pass.
            judged = replace(judged, verdict=Verdict.NOT_AUDITED)
        comparison = judged.comparison
        # Two classes without a comparison: one run has tensors and another has none.
        if comparison.compared == 0 and len(comparison.classes) < 2:
            if comparison.ignored:
                raise make_all_ignored_error(options.ignored)
            raise make_nothing_compared_error(runs[0])
        self._judge.require_hardware(judged)
        self._early.settle(judged)
        self.warnings = find_misuse(judged.runs[0])
        diagnosis = self._diagnose_with_alerts(judged)
        judged = self._judged or judged
        self._deciding = judged.runs
        reproducer = self._write_reproducer(diagnosis, judged.runs[0])
        drift = self._find_drift(judged.runs[0])
        recorded = diagnosis.recorded
        elsewhere = self._judge.compare_others(judged, self._runs)
        result = conclude(
            judged,
            diagnosis.findings,
            self.alerts or (),
            notes=[*self.notes, *elsewhere.notes, *self.lab.notes, *diagnosis.notes],
            settings=list_settings(options.settings),
            subject=options.subject.command,
            next_commands=suggest_commands(
                options.subject,
                options.given,
                diagnosis.findings,
                more_runs=options.runs * 4,
                is_reproducible=judged.verdict is Verdict.REPRODUCIBLE,
                has_more_steps=options.subject.has_end and is_stopped(judged.runs),
                patch_file=options.patch_file,
                was_glance=options.glances,
            ),
            level=options.level,
            has_end=options.subject.has_end,
            trials=diagnosis.trials,
            is_complete=diagnosis.is_complete,
            warnings=(*self.warnings, *drift, *diagnosis.warnings),
            runs_made=self.lab.runs_made,
            reproducer=reproducer,
            folder=options.subject.shown_folder,
            further=self.further,
            spared=options.runs - len(judged.runs) if self._is_settled else 0,
            loaded=self._load.list_loaded(judged.runs),
            elsewhere=elsewhere,
            ops=None if recorded is None else recorded.align_around_sources(self.interned),
            source=SourceFolder(options.subject.folder) if options.shows_source else None,
        )
        self._tell(AuditEnded(result))
        return result

    def _diagnose_with_alerts(self, judged: Judged) -> Diagnosis:
        """Diagnose, and find the ops that the determinism flag refuses."""
        options = self.options
        is_meanwhile = (
            self._is_to_diagnose(judged)
            and options.capture_alerts
            and not options.alerts_to_end
            and may_ask_meanwhile(judged.runs[0])
        )
        if not is_meanwhile:
            # Before the diagnosis, which uses the races that this run shows as evidence.
            self.find_alerts(judged.runs[0])
            return self._diagnose(judged)
        diagnosis = self._diagnose(judged, probes=True)
        if diagnosis.asked is not None:
            self._take_refused(read_asked(diagnosis.asked, judged.runs[0]))
        elif diagnosis.was_interrupted:
            self.notes += list_not_looked_for(judged.runs[0], NOT_COME_TO)
        else:
            self.find_alerts(judged.runs[0])
        return diagnosis

    def _is_to_diagnose(self, judged: Judged) -> bool:
        has_difference = judged.verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)
        return has_difference and self.options.diagnose and not self._end.has_come

    def _diagnose(self, judged: Judged, *, probes: bool = False) -> Diagnosis:
        """Look for the causes of a difference; empty where there is none, or it was not wanted."""
        if not self._is_to_diagnose(judged):
            return Diagnosis()
        if self.options.glances:
            return glance(
                self.lab, judged, self.alerts, self.races, interned=self.interned, tell=self._tell
            )
        diagnostician = Diagnostician(
            self.lab,
            judged,
            self.alerts,
            self.races,
            interned=self.interned,
            tell=self._tell,
            judge_more=self._judge_more if self._is_settled else None,
            probes=probes,
        )
        return diagnostician.run()

    def _judge_more(self) -> Judged:
        """Make the runs that were spared after all, and judge anew."""
        self._is_settled = False
        try:
            spared = self._request_runs()[len(self._runs) :]
            with contextlib.closing(self.lab.run_all(spared)) as runs:
                for request in spared:
                    self._runs.append(self._take_run(request, runs))
        finally:
            self._judged = self._judge.judge(self._runs)
        return self._judged

    def _find_drift(self, run: Run) -> tuple[ProgramWarning, ...]:
        """Compare the ranks with each other; where they part, one more run names the operator."""
        drift = find_drift(run, self.interned)
        if drift and self.options.diagnose and not self._end.has_come:
            try:
                return locate_drift(self.lab, self.interned, drift)
            except ENDS as error:
                self._cut_short(error, "after the runs that decide")
        return drift

    def _write_reproducer(self, diagnosis: Diagnosis, run: Run) -> str:
        """Write the reproducer of the first kernel finding, if one was asked for.

        Returns its folder as it was named on the command line; "" if none was written.
        """
        target = self.options.repro
        if target is None:
            return ""
        environment = run.main.header["environment"]
        folder, note = write_kept_call(diagnosis.kernel, target, environment)
        self.notes += [note] if note is not None else []
        return folder

    # Runs

    def _observe(self) -> list[Run]:
        """Make the runs that decide, and some more where few are likely to miss a difference."""
        start = time.monotonic()
        runs = self._first_run.add_cold(self._make_runs(), self._judge.are_equal)
        if self._end.has_come or not self.options.further_runs or not self._judge.are_equal(runs):
            return runs
        sign = find_disorder(runs[0], runs[1], self.options.subject, self.interned)
        now = time.monotonic()
        end = now + limit_further_s(now - start)
        for number in range(self.options.further_runs):
            if not sign or time.monotonic() > end:
                break
            index = len(runs)
            what = f"further run {number + 1}, because {sign}"
            following = request_run(index + 1)
            try:
                run = self.lab.run(request_run(index, what=what, following=following))
            except ENDS as error:
                self._cut_short(error, f"after {len(runs)} runs that were equal")
                break
            runs.append(run)
            self._early.look(self._judge.choose(runs))
            self.further = (number + 1, sign)
            if not self._judge.are_equal([runs[0], run]):
                break
        return runs

    def _request_alerts(self) -> RunRequest | None:
        if not self.options.capture_alerts:
            return None
        return request_refused(to_end=self.options.alerts_to_end)

    def _settle(self, runs: Sequence[Run]) -> bool:
        """Return True if two runs differ so that no further one could change the verdict."""
        if not self.options.spares_runs or len(runs) != 2 or self.options.runs == 2:
            return False
        if not all(run.outcome.is_success for run in runs):
            return False
        self._is_settled = self._judge.judge(runs).verdict is Verdict.NOT_REPRODUCIBLE
        return self._is_settled

    def _request_runs(self) -> list[RunRequest]:
        count = self.options.runs
        return request_runs(count, self._request_alerts(), describe=self._load.describe)

    def _take_run(self, request: RunRequest, later: Iterator[Run]) -> Run:
        """Make a run: the first one by itself, the others are the next of `later`."""
        with self._load.put_beside(request.index):
            run = next(later) if request.index else self._first_run.make(request)
        self._load.take(run)
        return run

    def _make_runs(self) -> list[Run]:
        requests = self._request_runs()
        # The first one is made alone: it says after how many steps the others stop.
        with contextlib.closing(self.lab.run_all(requests[1:])) as later:
            return self._add_runs(requests, later)

    def _add_runs(self, requests: Sequence[RunRequest], later: Iterator[Run]) -> list[Run]:
        runs = self._runs
        for index in range(self.options.runs):
            request = requests[index]
            try:
                if self._settle(runs):
                    break
                run = self._take_run(request, later)
                runs.append(run)
                # Within, for many a user ends the audit on seeing the verdict.
                self._early.look(self._judge.choose(runs))
            except ENDS as error:
                if not is_answer(self._judge.choose(runs), error, self.interned):
                    raise
                self._cut_short(error, f"after {len(runs)} of {self.options.runs} runs")
                break
            if len(runs) == 2:
                self.lab.bound_time()  # an answer needs two
            if index == 0 and run.outcome.kind is OutcomeKind.STOPPED:
                # A process that only starts others makes none, and they have a limit of their own.
                self.lab.steps = run.main.header["steps"] or self.lab.steps
            # After the first run already: the others would only take time to say the same.
            if index == 0 and not has_trained(run):
                if run.outcome.is_success:
                    raise add_changes(self.lab, make_nothing_compared_error(run))
                message = f"{self.options.subject} failed before it trained"
                raise make_failure_error(self.lab, run, request.name, message)
        return runs

    def _cut_short(self, error: BaseException, when: str) -> None:
        self.notes.append(self._end.come(error, when))

    def find_alerts(self, plain: Run) -> None:
        """Make one run with the determinism flag tried on each op, if that is wanted."""
        request = self._request_alerts()
        if request is None:
            why = NOT_IN_A_GLANCE if self.options.glances else SWITCHED_OFF
            self.notes += list_not_looked_for(plain, why)
            return
        refused = find_refused_ops(
            self.lab, request, plain=plain, interned=self.interned, end=self._end
        )
        self._take_refused(refused)

    def _take_refused(self, refused: RefusedOps) -> None:
        self.alerts = refused.alerts
        self.races = refused.races
        self.warnings += refused.warnings
        self.notes += refused.notes
