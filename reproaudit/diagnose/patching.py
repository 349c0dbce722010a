"""The patch of a proven fix: made, tried on a copy of the program, and shown with its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import SubjectKind
from reproaudit.diagnose.advice import advise
from reproaudit.diagnose.cell_advice import advise_in_cells
from reproaudit.diagnose.flag_runs import REFUSAL
from reproaudit.diagnose.hash_values import word_hash
from reproaudit.diagnose.seed_origins import name_hash
from reproaudit.diagnose.trials import are_equal
from reproaudit.errors import SubjectError
from reproaudit.knowledge.documented_repairs import is_fused_attention, write_strict_lines
from reproaudit.knowledge.interventions import FLAG, list_for_call
from reproaudit.model.cause import Cause
from reproaudit.model.result import Finding, Fix
from reproaudit.patches.patch import Patch, Repair, make_patch, read_line, read_program
from reproaudit.patches.seed_scope import Scope, find_scope_of_line
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

_LEAST_RUNS = 2
# Calls that make a generator of its own, or its seed.
ASK_FOR_SEED = (
    "numpy.random.SeedSequence",
    "numpy.random.default_rng",
    "os.urandom",
    "random.Random",
    "secrets.",
    "uuid.",
)


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of a patched copy. `differs`: the patch does not do what the fix did; `is_refused`:
    the determinism flag ended the program.
    """

    runs: int = 0
    is_equal: bool = False
    differs: bool = False
    is_refused: bool = False
    note: str = ""


class Patcher:
    """Adds to findings the lines that do in the program itself what the proven fix did from
    outside.

    `refuses`: some op of the program would raise under the determinism flag, so that it may only
    warn. `may_run`: the patched copy may be run, within what is left of the lab's budget. So many
    `runs` of it must be equal: fewer could be by chance, where differences are rare. One fewer is
    enough if they equal `proof`, a run under the fix. `has_ranks`: processes train together.
    """

    def __init__(
        self,
        lab: RunMaker,
        interned: Interned,
        *,
        refuses: bool,
        may_run: bool = True,
        runs: int = _LEAST_RUNS,
        proof: Run | None = None,
        has_ranks: bool = False,
    ) -> None:
        self.was_interrupted = False
        self._lab = lab
        self._runs = runs
        self._proof = proof
        self._has_ranks = has_ranks
        self._interned = interned
        self._refuses = refuses
        self._by_hand: tuple[str, ...] = ()
        self._may_run = may_run
        self._number = 0

    def add(self, findings: Sequence[Finding], fix: Sequence[str] = ()) -> list[Finding]:
        """Return the findings with one patch for all of them, and advice where it cannot help.

        `fix` is all that was proven together, where that is more than the findings say.
        """
        subject = self._lab.subject
        findings = [word_hash(name_hash(finding, subject), subject) for finding in findings]
        proven = [finding for finding in findings if _is_proven(finding)]
        if not proven:
            return list(findings)
        if any(map(_must_be_strict, proven)):
            self._by_hand = (FLAG,)
        patch, tried = self._choose(_list_repairs(proven, fix))
        patched: list[Finding] = []
        for finding in findings:
            if _is_proven(finding):
                assert finding.fix is not None
                known = _withdraw_bystander(finding, finding.fix)
                described = self._describe(known, finding.fix, patch, tried)
                patched.append(replace(known, fix=described))
            else:
                patched.append(finding)
        return patched

    def _describe(self, finding: Finding, fix: Fix, patch: Patch, tried: _Tried) -> Fix:
        """Return the fix with the patch, or with advice if the patch has nothing for it."""
        left = [name for name in fix.settings if name in patch.left]
        is_patched = len(left) < len(fix.settings)
        if not patch.files or tried.differs or not is_patched:
            lines = self._advise(finding, fix)
            note = tried.note if tried.differs else ""
            return replace(fix, patch=lines, patch_note=note)
        return replace(
            fix,
            patch=patch.rows,
            patch_verified=tried.is_equal,
            patch_runs=tried.runs,
            patch_note=tried.note,
        )

    def _advise(self, finding: Finding, fix: Fix) -> tuple[str, ...]:
        subject = self._lab.subject
        if FLAG in self._by_hand and FLAG in fix.settings and fix.flag is not None:
            others = tuple(name for name in fix.settings if name != FLAG)
            rest = self._advise(finding, replace(fix, settings=others))
            return (*write_strict_lines(fix.flag.refused or ()), *rest)
        if subject.kind is SubjectKind.NOTEBOOK:
            return advise_in_cells(finding, fix.settings, subject, refuses=self._refuses)
        line = read_line(subject, finding.location)
        program = read_program(subject, finding.location)
        is_in_job = finding.cause is Cause.WORKER_SEED
        if program is not None and finding.location is not None:
            is_in_job |= find_scope_of_line(program, finding.location.line) is not Scope.ONCE
        return advise(finding, fix.settings, line, refuses=self._refuses, seeds_each=is_in_job)

    def _choose(self, repairs: Sequence[Repair]) -> tuple[Patch, _Tried]:
        """Return the first patch whose copies run equally; else the last one that was tried."""
        subject = self._lab.subject
        chosen = Patch()
        tried = _Tried()
        for beside_seeds in (True, False):
            patch = make_patch(
                repairs,
                subject,
                refuses=self._refuses,
                beside_seeds=beside_seeds,
                by_hand=self._by_hand,
                has_ranks=self._has_ranks,
            )
            if patch == chosen:
                break
            chosen = patch
            tried = self._try(patch)
            if tried.is_refused and not self._refuses:
                # Nobody had asked whether the strict flag raises in this program.
                self._refuses = True
                return self._choose(repairs)
            if not tried.differs:
                break
        return chosen, tried

    def _try(self, patch: Patch) -> _Tried:
        why_not = self._find_obstacle(patch)
        if why_not:
            return _Tried(note=f"not run: {why_not}")
        self._number += 1
        try:
            return self._compare(patch)
        except BudgetSpent:
            why_not = "the budget was spent"
        except KeyboardInterrupt:
            self.was_interrupted = True
            why_not = "it was interrupted"
        except SubjectError as error:
            why_not = error.message
        return _Tried(note=f"not run: {why_not}")

    def _find_obstacle(self, patch: Patch) -> str:
        """Return why the patch is not run; "" if it can be."""
        if not patch.files:
            return "there is none"
        if patch.left:
            by_hand = ", ".join(patch.left)
            return f"it is a part of the fix; to be written by hand: {by_hand}"
        if not self._lab.can_patch() or not self._may_run:
            return "no copy of the program was made"
        paths = [file.path for file in patch.files]
        if not self._lab.can_patch(paths):
            return f"{', '.join(paths)} lies outside of what is copied for a run"
        return ""

    def _compare(self, patch: Patch) -> _Tried:
        runs: list[Run] = []
        wanted = self._runs
        while len(runs) < wanted:
            run = self._run_copy(patch, len(runs))
            fault = _find_fault(run)
            if fault:
                return self._judge_failure(fault)
            if not runs and self._equals_proof(run):
                wanted = max(wanted - 1, _LEAST_RUNS)
            runs.append(run)
            if not are_equal(runs[0], run, self._interned):
                note = f"a patch was dropped: {len(runs)} runs of the patched copy were not equal"
                return _Tried(runs=len(runs), differs=True, note=note)
        return _Tried(runs=len(runs), is_equal=True)

    def _equals_proof(self, run: Run) -> bool:
        return self._proof is not None and are_equal(self._proof, run, self._interned)

    def _judge_failure(self, fault: str) -> _Tried:
        """Tell whether the patch is to blame, or that the program lies in a copy of its folder."""
        plain = self._run_copy(Patch(), 0)
        why = _find_fault(plain)
        if why:
            note = f"not run: the program does not run in a copy of its folder ({why})"
            return _Tried(note=note)
        note = f"a patch was dropped: the patched copy ended otherwise: {fault}"
        return _Tried(runs=1, differs=True, is_refused=REFUSAL in fault, note=note)

    def _run_copy(self, patch: Patch, index: int) -> Run:
        files = tuple((file.path, file.after) for file in patch.files)
        kind = "patched" if files else "copied"
        request = RunRequest(
            name=f"{kind}-{self._number}-{index}",
            index=index,
            what=f"running the {kind} program, run {index + 1}",
            values_mb=0,
            fresh_copy=True,
            files=files,
        )
        return self._lab.run(request)


def _list_repairs(proven: Sequence[Finding], whole: Sequence[str]) -> list[Repair]:
    """Return what each finding says of the fix, and what none of them says."""
    repairs: list[Repair] = []
    said: set[str] = set()
    for finding in proven:
        assert finding.fix is not None
        # A draw from a global stream is repaired by the seed of that stream.
        below = finding.below if finding.call.startswith(ASK_FOR_SEED) else None
        in_worker = finding.cause is Cause.WORKER_SEED
        repairs.append(Repair(finding.fix.settings, finding.location, below, in_worker=in_worker))
        said.update(finding.fix.settings)
    rest = tuple(name for name in whole if name not in said)
    if rest:
        repairs.append(Repair(rest))
    return repairs


def _withdraw_bystander(finding: Finding, fix: Fix) -> Finding:
    """Return the finding without a call that its repair leaves as it is."""
    repairs = set(list_for_call(finding.call))
    if repairs.isdisjoint(fix.settings):
        return replace(finding, call="", below=None)
    return finding


def _must_be_strict(finding: Finding) -> bool:
    """Return True if the flag repairs it where it is strict, and some operator raises under it."""
    fix = finding.fix
    if fix is None or fix.flag is None or not fix.flag.would_raise:
        return False
    return is_fused_attention(finding.op)


def _is_proven(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.verified


def _find_fault(run: Run) -> str:
    """Return why a run of a copy proves nothing; "" if it does."""
    if not run.outcome.is_success:
        return run.outcome.detail or run.outcome.kind.value
    return "" if run.steps else "it did not train"
