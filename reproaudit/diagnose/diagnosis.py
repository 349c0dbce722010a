"""Why runs differ and what repairs it.

Locate, pin until nothing else differs, search a fix, and say which finding it fixes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.diagnose.attribution import Attribution, Row, find_kept_kernel
from reproaudit.diagnose.candidates import list_combinable, rank_unions
from reproaudit.diagnose.carried import CarriedState, OrderEffects
from reproaudit.diagnose.constant_seeds import count_calls, warn_of_repetition
from reproaudit.diagnose.denied import Doubts
from reproaudit.diagnose.early import EarlyDiagnosis
from reproaudit.diagnose.flag_runs import FlagRuns
from reproaudit.diagnose.locate import Locator, RecordedRunsAgree
from reproaudit.diagnose.patching import Patcher
from reproaudit.diagnose.pinning import Pinning
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.diagnose.races import DeviceRace
from reproaudit.diagnose.refine import Refiner
from reproaudit.diagnose.search import PlainRunsAgree, Search
from reproaudit.diagnose.shares import unite_findings
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.trials import Trials
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.early import Tell, tell_nobody
from reproaudit.model.events import NotChecked, ProgramWarning, Unchecked
from reproaudit.model.result import Alert, Finding, Trial
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker
from reproaudit.trace.runs import Run

_WIDEST_CHOICE = 3  # interventions per finding that are united before all are


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the diagnosing runs found: the sources as findings, the first one first, and all trials.

    `recorded` are runs of the program as it is that recorded every op and differ. `kernel` is the
    first kernel finding whose call is kept, and the folder of that call. `asked` is a run that was
    asked which ops the determinism flag refuses.
    """

    findings: tuple[Finding, ...] = ()
    trials: tuple[Trial, ...] = ()
    is_complete: bool | None = None
    notes: tuple[NotChecked, ...] = ()
    warnings: tuple[ProgramWarning, ...] = ()
    recorded: RunPair | None = None
    kernel: tuple[Finding, Path] | None = None
    asked: Run | None = None
    was_interrupted: bool = False


class Diagnostician:
    """Makes the diagnosing runs of one audit, within the lab's budget.

    `judge_more` makes the runs that were spared because the first ones differed. `probes`: the runs
    that record ops ask which of them the determinism flag refuses.
    """

    def __init__(
        self,
        lab: RunMaker,
        judged: Judged,
        alerts: tuple[Alert, ...] | None,
        races: tuple[DeviceRace, ...] = (),
        *,
        interned: Interned,
        tell: Tell = tell_nobody,
        judge_more: Callable[[], Judged] | None = None,
        probes: bool = False,
    ) -> None:
        first = judged.runs[0].main
        self._cuda = "gpu" in first.header["environment"]
        self._torch = str(first.header["environment"].get("torch", ""))
        self._lab = self._flag = FlagRuns(lab, self._find_alerts, cuda=self._cuda)
        steps = min(run.steps for run in judged.runs)
        self._early = EarlyDiagnosis(tell, steps)
        self._interned = interned
        self._alerts = alerts
        self._probes = probes
        self._races = races
        # What a compiled region runs is not recorded op by op, and that is noted where one is.
        codes = {note.code for note in first.notes}
        self._ranks = judged.runs[0].world > 1
        self._compiles = Unchecked.COMPILED_REGIONS in codes
        self._judge_more = judge_more
        self._take_up(judged)
        self._notes: list[NotChecked] = []
        self._warnings: list[ProgramWarning] = []
        self._recorded: RunPair | None = None
        self._carried: CarriedState | None = None
        self._fix: tuple[str, ...] | None = None
        # False while a smaller set may still do: then some of the fix may do nothing.
        self._is_smallest = False
        self._was_interrupted = False

    def _take_up(self, judged: Judged, recorded: Sequence[tuple[int | None, Run]] = ()) -> None:
        """Begin with these runs that decided, and with operators recorded in others."""
        interned = self._interned
        self._locator = Locator(
            self._lab,
            judged,
            self._alerts,
            self._races,
            interned=interned,
            recorded=recorded,
            wants_more=self._judge_more is not None,
            probes=self._probes,
        )
        self._pinning = Pinning(self._lab, self._locator, self._cuda)
        sizes = [len(group) for group in judged.comparison.classes]
        self._plain = PlainRuns(self._lab, judged.runs, sizes, interned=interned)
        doubts = Doubts(self._pinning, self._flag, self._plain, cuda=self._cuda, torch=self._torch)
        self._trials = Trials(
            self._lab, self._plain, interned=interned, doubts=doubts, flag=self._flag
        )
        self._search = Search(self._early.tell_trials(self._trials.attempt))
        self._effects = OrderEffects(
            self._lab, judged, self._locator, self._plain, interned=interned
        )
        self._attribution = Attribution(
            judged,
            self._races,
            pinning=self._pinning,
            search=self._search,
            trials=self._trials,
            flag=self._flag,
        )

    def _find_alerts(self) -> tuple[Alert, ...] | None:
        return self._locator.alerts

    def run(self) -> Diagnosis:
        """Diagnose as far as the budget goes; what was found by then is the answer.

        The verdict stands already. So a run that fails here, and Ctrl-C, end the diagnosis and not
        the audit.
        """
        self._lab.start_budget()
        rows: list[Row] | None = None
        try:
            try:
                self._search_all()
            except RecordedRunsAgree:
                self._look_again()
            rows = self._attribute()
            self._early.tell_causes(row.finding for row in rows)
            rows = self._refine(rows)
            self._warn_of_no_consequence()
        except BudgetSpent as error:
            self._note_end(f"its budget was spent{error}; --budget raises it")
        except KeyboardInterrupt:
            self._was_interrupted = True
            self._note_end("it was interrupted")
        except SubjectError as error:
            self._note_end(error.message)
        if rows is None:
            # The search ended early. What was found by then is attributed all the same.
            rows = self._attribute()
        rows = self._add_patches(rows)
        self._note_doubts()
        findings = unite_findings([row.finding for row in rows])
        return Diagnosis(
            findings=findings,
            trials=self._search.trials,
            is_complete=self._is_complete(findings),
            notes=(*self._notes, *self._locator.notes, *self._pinning.notes),
            warnings=tuple(self._warnings),
            recorded=self._recorded,
            kernel=find_kept_kernel(rows),
            asked=self._locator.asked,
            was_interrupted=self._was_interrupted,
        )

    def _add_patches(self, rows: Sequence[Row]) -> list[Row]:
        patcher = Patcher(
            self._lab,
            self._interned,
            refuses=self._would_flag_raise(rows),
            may_run=not self._was_interrupted,
            runs=self._trials.count_needed(self._fix or ()),
            proof=self._trials.find_equal_run(self._fix or ()),
            has_ranks=self._ranks,
        )
        findings = patcher.add([row.finding for row in rows], self._fix or ())
        self._was_interrupted = self._was_interrupted or patcher.was_interrupted
        patched: list[Row] = []
        for row, finding in zip(rows, findings, strict=True):
            made = count_calls(row.source)
            told = warn_of_repetition(finding, self._lab.subject, made)
            patched.append(replace(row, finding=told))
        return patched

    def _note_doubts(self) -> None:
        """Say what was not believed, where nothing else was proven."""
        if self._fix is not None:
            return
        for names in self._trials.doubted:
            what = f"that {', '.join(names)} repairs it"
            why = self._search.find_trial(names).note
            self._notes.append(NotChecked(Unchecked.NOT_PROVEN, what, why))

    def _would_flag_raise(self, rows: Sequence[Row]) -> bool:
        """Return True if the program would not survive the strict flag, as far as that is known."""
        uses = [row.finding.fix.flag for row in rows if row.finding.fix is not None]
        if any(use is not None and use.would_raise for use in uses):
            return True
        return bool(self._locator.alerts)

    def _look_again(self) -> None:
        """Make the runs that were spared after all: the difference may come rarely, or at first."""
        assert self._judge_more is not None
        judged = self._judge_more()
        self._judge_more = None
        self._take_up(judged, self._locator.recorded)
        self._search_all()

    def _search_all(self) -> None:
        """Look for what runs carry over, then for sources and a fix."""
        self._carried = self._effects.find_early()
        if self._carried is None:
            try:
                self._find_sources()
                self._find_fix()
            except PlainRunsAgree:
                self._conclude_agreement()
        if self._carried is not None and self._carried.trial is not None:
            self._search.add(self._carried.trial)

    def _conclude_agreement(self) -> None:
        """Say what it means that the program as it is gives equal runs by now."""
        known = self._pinning.known
        seen = known[0].explained.finding if known else None
        self._carried = self._effects.find_late(seen)
        # Operators were recorded after the difference had gone: recording did not hide it.
        notes = self._locator.notes
        notes[:] = [note for note in notes if note.code is not Unchecked.OPERATOR_NOT_LOCATED]
        if self._carried is not None:
            self._fix = None
        elif self._search.smallest is not None:
            self._note_end("plain runs in between were equal by then")
        else:
            number = len(self._plain.made)
            why = (
                f"the difference was not seen again: {number} runs of the program as it is, made "
                "in between, were equal too; it comes rarely, or only at first"
            )
            self._notes.append(NotChecked(Unchecked.NOT_PROVEN, "what repairs it", why))

    def _note_end(self, why: str) -> None:
        """Say why the diagnosis ended early, and what it did not come to."""
        # What was proven by then is kept, though less of it might do.
        self._fix = self._fix or self._search.smallest
        if self._fix is not None and not self._is_smallest:
            why += "; a smaller part of the repair may do"
        tried: set[str] = set()
        for trial in self._search.trials:
            tried.update(trial.settings)
        possible = list_combinable(cuda=self._cuda, compiles=self._compiles, ranks=self._ranks)
        left = [name for name in possible if name not in tried]
        if left and self._fix is None:
            shown = ", ".join(left)
            why += f"; not tried: {shown}"
        note = NotChecked(Unchecked.DIAGNOSIS_ENDED, "the rest of the diagnosis", why)
        self._notes.append(note)

    # Sources

    def _find_sources(self) -> None:
        try:
            pair = self._locator.find_plain_pair()
        except SubjectError as error:
            # A program that does not survive being recorded may still be repaired.
            self._notes.append(
                NotChecked(
                    Unchecked.OPERATOR_NOT_LOCATED,
                    "the operator where the runs first differ",
                    error.message,
                )
            )
            return
        if pair is None:
            return
        self._recorded = pair
        self._plain.add_pair(pair)
        explanations = self._locator.explain(pair)
        self._early.tell_source(explanations)
        self._pinning.add(explanations, pair)
        if self._pinning.awaits_capture:
            # What repeating a call shows says which repair is the likeliest.
            self._pinning.complete(is_brief=True)

    def _unite_choices(self, widest: int) -> list[tuple[str, ...]]:
        """Return unions of the first interventions of each source, up to so many of each."""
        lists: list[tuple[str, ...]] = []
        for known in self._pinning.known:
            # Choices before the chosen one were taken, and did not silence the source.
            untried = known.choices[known.chosen :]
            lists.append(untried)
        unions = rank_unions(lists)
        return list(islice(unions, widest))

    # The fix

    def _find_fix(self) -> None:
        found = self._find_likely_fix()
        if found is None:
            found = self._search.find_first_enough(self._list_wide_sets())
        if found is None:
            return
        self._fix = self._search.shrink(found, self._pinning.list_needed(found))
        self._is_smallest = True
        is_broad = any(INTERVENTIONS[name].is_broad for name in self._fix)
        if is_broad and self._pinning.has_pins and self._pinning.is_complete is None:
            # It would repair what was not found as well.
            self._pinning.complete(is_brief=True)

    def _find_likely_fix(self) -> tuple[str, ...] | None:
        """Return what the evidence names, if it repairs the program.

        Where it does not, a source is still to be found: one that is silenced shows the next.
        Pinned runs are recorded in more detail than their reference, so that addresses are never
        alike in them; therefore the likeliest interventions are tried first.
        """
        if self._pinning.known:
            # Of several sources the next round also shows which of them is not silenced.
            is_single = len(self._pinning.known) == 1 and not self._pinning.has_pins
            widest = _WIDEST_CHOICE if is_single else 1
            found = self._search.find_first_enough(self._unite_choices(widest))
            if found is not None:
                return found
            self._pinning.complete()
            return self._search.find_first_enough(self._unite_choices(_WIDEST_CHOICE))
        # Where recording hid the difference, streams that nothing orders are the first suspects.
        repairs = [race.repairs for race in self._races]
        return self._search.find_first_enough(rank_unions(repairs) if repairs else ())

    def _list_wide_sets(self) -> list[tuple[str, ...]]:
        """Return everything at once; without what a program may not survive; with fresh files too.

        Fresh files come last, because they change most of a program.
        """
        whole: list[str] = []
        gentle: list[str] = []
        for name in list_combinable(cuda=self._cuda, compiles=self._compiles, ranks=self._ranks):
            if not self._lab.can_try(name):
                continue
            whole.append(name)
            if not INTERVENTIONS[name].is_harsh:
                gentle.append(name)
        fresh: list[str] = []
        for name, entry in INTERVENTIONS.items():
            if entry.fresh_files:
                fresh.append(name)
        return [tuple(whole), tuple(gentle), (*whole, *fresh)]

    def _attribute(self) -> list[Row]:
        if self._carried is not None:
            return [Row(self._carried.finding)]
        return self._attribution.attribute(self._fix, is_smallest=self._is_smallest)

    def _is_complete(self, findings: Sequence[Finding]) -> bool | None:
        if self._carried is not None:
            return self._carried.trial is not None
        whole = self._fix if self._is_smallest else None
        return self._attribution.is_complete(findings, whole)

    # What only a known fix allows

    def _warn_of_no_consequence(self) -> None:
        left_out = self._attribution.left_out
        if left_out:
            refiner = Refiner(self._lab, self._locator, self._fix or (), interned=self._interned)
            self._warnings += refiner.warn_of_unchanged(left_out)

    def _refine(self, rows: Sequence[Row]) -> list[Row]:
        """Add what runs under the fix show: reads of undefined memory, and the exact line."""
        refiner = Refiner(self._lab, self._locator, self._fix or (), interned=self._interned)
        found = [(row.finding, row.source) for row in rows]
        findings = refiner.refine(found, compiles=self._compiles)
        return [replace(row, finding=finding) for row, finding in zip(rows, findings, strict=True)]
