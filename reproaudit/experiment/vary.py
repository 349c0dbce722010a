"""Whether a program depends on what ought not to matter: plain runs, and one under each value of
each variation.

Runs at level boundary decide. Only of what differs operators are recorded, once as it is and once
varied.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.judge import judge
from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import SubjectError
from reproaudit.experiment.applicability import find_missing_effect, find_unmet_need
from reproaudit.experiment.audit import Experiment
from reproaudit.experiment.environment_diff import diff_environments
from reproaudit.experiment.held import find_proven
from reproaudit.experiment.options import AuditOptions
from reproaudit.experiment.own_values import is_own_value, put_argument
from reproaudit.experiment.quiet import QuietProgress
from reproaudit.experiment.surroundings import change_command, surround
from reproaudit.experiment.variations_result import make_result
from reproaudit.experiment.varied_outcomes import (
    Varied,
    describe_varied,
    make_not_tried,
    note_end,
    word_end,
)
from reproaudit.experiment.varied_sources import VariedSources
from reproaudit.knowledge.interventions import combine_settings
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.events import NotChecked
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

_PLAIN_RUNS = 2
_OWN = "it is what the program has as it is"
_NO_PROOF = "the program differs from run to run as it is, and no repair of that was proven"


def vary(
    options: AuditOptions,
    wanted: Sequence[Wanted],
    progress: Progress,
    out: Path | None = None,
    *,
    tolerances: Mapping[str, Tolerances] | None = None,
) -> AuditResult:
    """Run the whole experiment. Traces stay in `out` if it is given.

    `tolerances` are those of variations that have their own, by name. Raises SubjectError if the
    program as it is fails, hangs, or does nothing that can be compared.
    """
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        varying = _Varying(options, wanted, tolerances or {}, progress=progress, folder=folder)
        with contextlib.closing(varying.lab):
            return varying.run()


class _Varying:
    """One question under way."""

    def __init__(
        self,
        options: AuditOptions,
        wanted: Sequence[Wanted],
        tolerances: Mapping[str, Tolerances],
        *,
        progress: Progress,
        folder: Path,
    ) -> None:
        self._options = replace(
            options,
            runs=_PLAIN_RUNS,
            runs_to_pass=_PLAIN_RUNS,
            further_runs=0,
            spares_runs=False,
            capture_alerts=False,
            repro=None,
        )
        self._wanted = wanted
        self._tolerances = tolerances
        self._audit = Experiment(self._options, QuietProgress(progress), folder)
        self.lab = self._audit.lab
        self._interned = self._audit.interned
        self._fix: tuple[str, ...] = ()
        self._end = ""  # why not all was come to
        self._notes: list[NotChecked] = []
        self._is_missing = False  # what was asked for could not be tried

    def run(self) -> AuditResult:
        as_it_is = self._audit.run()
        runs = list(self._audit.deciding_runs)
        conditions = ["plain"] * len(runs)
        plain = self._choose_plain(as_it_is, runs)
        outcomes: dict[Wanted, VariationOutcome] = {}
        sources: VariedSources | None = None
        if plain is not None:
            if self._fix:
                runs.append(plain)
                conditions.append(f"with {', '.join(self._fix)}")
            self.lab.start_budget()
            found = self._make_varied_runs(plain, len(runs), outcomes)
            runs += [one.run for one in found]
            conditions += [one.wanted.setting for one in found]
            sources = self._find_sources(plain, found, outcomes)
        missed = [one for one in self._wanted if one not in outcomes]
        outcomes |= {one: make_not_tried(one, self._end) for one in missed}
        kinds = {outcome.dependence for outcome in outcomes.values()}
        # Nothing compared is no success, and what was not come to may differ.
        self._is_missing |= bool(missed) or kinds == {Dependence.NOT_TRIED}
        return make_result(
            self._options,
            as_it_is,
            list(zip(runs, conditions, strict=True)),
            [outcomes[one] for one in self._wanted],
            findings=() if sources is None else sources.findings,
            ops=None if sources is None else sources.ops,
            is_missing=self._is_missing,
            interned=self._interned,
            runs_made=self.lab.runs_made,
            notes=[*self._notes, *self.lab.notes],
        )

    # The program as it is

    def _choose_plain(self, as_it_is: AuditResult, runs: Sequence[Run]) -> Run | None:
        """Return the run that varied ones are compared with; None, with why, if there is none."""
        if as_it_is.verdict is Verdict.REPRODUCIBLE:
            return runs[0]
        if as_it_is.verdict is Verdict.NOT_AUDITED:
            self._end = as_it_is.headline
            return None
        proven = find_proven(as_it_is)
        if proven is None:
            self._end = _NO_PROOF
            return None
        self._fix = proven
        request = RunRequest(
            name="plain-held",
            index=len(runs),
            what=f"the program with {', '.join(self._fix)}",
            interventions=self._fix,
        )
        try:
            return self.lab.run(request)
        except (SubjectError, BudgetSpent, KeyboardInterrupt) as error:
            self._end = word_end(error)
            return None

    # Varied runs

    def _make_varied_runs(
        self, plain: Run, index: int, outcomes: dict[Wanted, VariationOutcome]
    ) -> list[Varied]:
        """Make a run for each value that is not the program's own, and compare it.

        What cannot be made is told of its variation, and the others go on.
        """
        found: list[Varied] = []
        for number, one in enumerate(self._wanted):
            if self._is_own(one, plain):
                outcomes[one] = make_not_tried(one, _OWN)
                continue
            unmet = find_unmet_need(one.name, one.value, plain, self._options.subject)
            if unmet:
                outcomes[one] = make_not_tried(one, unmet)
                continue
            try:
                with surround(one):
                    run = self.lab.run(self._request(one, number, index + len(found)))
            except SubjectError as error:
                outcomes[one] = self._miss(one, error.message)
                continue
            except (BudgetSpent, KeyboardInterrupt) as error:
                self._cut_short(error)
                break
            missing = find_missing_effect(one.name, one.value, run)
            if missing:
                outcomes[one] = make_not_tried(one, missing)
                continue
            if one.python is not None and not run.main.header["environment"]:
                ending = run.outcome.detail or run.outcome.kind.value
                outcomes[one] = self._miss(one, f"torch was never imported there: {ending}")
                continue
            varied = self._compare(one, plain, run)
            found.append(varied)
            outcomes[one] = _describe(varied, plain)
        return found

    def _cut_short(self, error: BaseException) -> None:
        """Say that what would follow is not done: what is known by now is the answer."""
        self._end = word_end(error)
        self._notes.append(note_end(self._end))

    def _miss(self, wanted: Wanted, why: str) -> VariationOutcome:
        """Return the outcome of what could not be tried, though it may have been asked for."""
        self._is_missing |= wanted.is_asked_for
        return make_not_tried(wanted, why)

    def _is_own(self, wanted: Wanted, plain: Run) -> bool:
        settings = combine_settings(self._options.settings, self._fix)
        argv = self._options.subject.argv
        return is_own_value(wanted, settings, plain, argv, python=self._options.python)

    def _request(self, wanted: Wanted, number: int, index: int) -> RunRequest:
        request = RunRequest(
            name=f"varied-{number}",
            index=index,
            what=f"{wanted.setting} ({number + 1} of {len(self._wanted)})",
            more=len(self._wanted) - number - 1,
            interventions=self._fix,
        )
        return self._change(request, wanted)

    def _change(self, request: RunRequest, wanted: Wanted) -> RunRequest:
        """Return the request of a run like it under the variation."""
        subject = change_command(wanted, self._options.subject)
        if wanted.option is not None:
            argv = put_argument(self._options.subject.argv, wanted.option, wanted.value)
            subject = replace(self._options.subject, argv=argv)
        return replace(request, settings=wanted.settings, subject=subject, python=wanted.python)

    def _compare(self, wanted: Wanted, plain: Run, run: Run) -> Varied:
        pair = (plain, run)
        tolerances = self._tolerances.get(wanted.name, self._options.tolerances)
        return Varied(
            wanted, run, judge(pair, compare_boundaries(pair, self._interned), tolerances)
        )

    # What depends on it

    def _find_sources(
        self,
        plain: Run,
        found: Sequence[Varied],
        outcomes: dict[Wanted, VariationOutcome],
    ) -> VariedSources:
        """Find where the dependences are born, and add that to the outcomes."""
        sources = VariedSources(
            self.lab, self._interned, plain=plain, held=self._fix, change=self._change
        )
        differing = [one for one in found if one.differs and one.run.outcome.is_success]
        # Whoever ended it waits for what is known, and not for more.
        if not differing or not self._options.diagnose or self._end:
            return sources
        sources.limit_steps(one.judged for one in differing)
        try:
            for one in differing:
                outcome = sources.explain(one.wanted, one.judged, outcomes[one.wanted])
                outcomes[one.wanted] = outcome
        except (BudgetSpent, KeyboardInterrupt) as error:
            self._cut_short(error)
        return sources


def _describe(varied: Varied, plain: Run) -> VariationOutcome:
    """Return how far the varied run is from the plain one, and what differs around them."""
    outcome = describe_varied(varied)
    if not varied.differs:
        return outcome
    lines = diff_environments(plain, varied.run, varied.wanted)
    return replace(outcome, environment_diff=lines)
