"""Does the seed do anything, and nothing else? Runs under one seed and under others, compared draw
by draw."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.comparison.seed_calls import (
    find_following,
    find_unlike,
    hold_seedings,
    list_seed_calls,
)
from reproaudit.diagnose.seed_effects import SeededRuns, SeedReach, expect_orders, find_reach
from reproaudit.diagnose.seed_faults import (
    find_faults,
    find_ignored,
    list_lines,
    make_zero_finding,
)
from reproaudit.diagnose.seed_text import find_looped, find_taking_line, find_truth_test, find_use
from reproaudit.diagnose.seed_use import HeldPair, find_not_held, find_other_use
from reproaudit.errors import SubjectError
from reproaudit.experiment.same_seed import audit_same_seed, join_findings
from reproaudit.experiment.seed_runs import SeedOptions, SeedRuns
from reproaudit.experiment.seeds_result import SeedAnswer, is_same, make_result
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.question import SeedEffect
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.runs import Run

_NOTHING_ELSE = "whether the seed changes anything but what is drawn"


def find_seed_effects(
    options: SeedOptions, progress: Progress, out: Path | None = None
) -> AuditResult:
    """Run the program under each seed. Traces stay in `out` if it is given.

    Raises SubjectError if the program does not take the seed, fails, or trains nothing, or if it is
    interrupted before two runs were compared.
    """
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        experiment = _Experiment(options, progress, folder)
        with contextlib.closing(experiment.runs.lab):
            return experiment.run()


class _Experiment:
    """The question under way."""

    def __init__(self, options: SeedOptions, progress: Progress, folder: Path) -> None:
        self._options = options
        self._progress = progress
        self._interned = Interned(options.audit.ignored)
        self._reach: SeedReach | None = None
        self._findings: list[Finding] = []
        self._audited: AuditResult | None = None
        self._is_missing = False  # no other seed was compared, or not all that were asked for
        self.runs = SeedRuns(options, progress, folder)

    def run(self) -> AuditResult:
        runs, lab = self.runs, self.runs.lab
        seed, *others = self._options.seeds
        lab.start_clock()
        plain = runs.make_plain()
        runs.require_training(plain)
        runs.limit_steps(plain)
        judged = self._judge((plain, runs.make_plain()))
        lab.start_budget()
        base, again = runs.record(seed), runs.record(seed)
        made = self._record_others(others, plain)
        try:
            if base is not None and again is not None:
                judged = self._judge_recorded(judged, (base, again))
                self._explain(judged, SeededRuns(base, again, ()), made)
            elif not is_same(judged):
                self._audit_same_seed()
        except KeyboardInterrupt as error:
            runs.end(error, "while what was recorded was compared")
        self._is_missing |= not made
        answer = SeedAnswer(
            judged=judged,
            reach=self._reach,
            findings=tuple(self._findings),
            base=base or plain,
            audited=self._audited,
            is_missing=self._is_missing or runs.has_ended,
        )
        return make_result(self._options.audit, runs, answer, self._interned)

    # Runs

    def _judge(self, pair: Sequence[Run]) -> Judged:
        compared = compare_boundaries(pair, self._interned)
        return judge(pair, compared, self._options.audit.tolerances)

    def _judge_recorded(self, judged: Judged, pair: Sequence[Run]) -> Judged:
        """Return what shows that one seed does not give the same, if two pairs of runs differ in
        that."""
        if judged.verdict is not Verdict.REPRODUCIBLE:
            return judged
        recorded = self._judge(pair)
        return recorded if recorded.verdict is Verdict.NOT_REPRODUCIBLE else judged

    def _record_others(self, seeds: Sequence[int], plain: Run) -> dict[int, Run]:
        """Make a run under each other seed; one under which the program fails is left out."""
        made: dict[int, Run] = {}
        for seed in seeds:
            run = self.runs.record(seed)
            if run is not None and not self.runs.leave_out(seed, run, plain):
                made[seed] = run
        return made

    def _audit_same_seed(self) -> None:
        """Look for the reason why one seed does not give the same, and for what mends it."""
        lab = self.runs.lab
        if self.runs.has_ended:
            return
        options = replace(
            self._options.audit,
            subject=lab.subject,
            settings=lab.settings,
            budget=lab.find_budget(),
        )
        try:
            self._audited = audit_same_seed(options, self._progress, lab.folder)
        except (KeyboardInterrupt, SubjectError) as error:
            self.runs.end(error, "before it was known why one seed does not give the same")

    # The answer

    def _explain(self, judged: Judged, first: SeededRuns, made: dict[int, Run]) -> None:
        """Find what the seed reaches, and what is wrong with that."""
        zero = self._take_zero(made, first.base)
        subject = self.runs.lab.subject
        reach = find_reach(replace(first, others=tuple(made.values())), is_equal=is_same(judged))
        reach = expect_orders(reach, find_looped(reach, subject))
        self._reach = reach
        ignored = find_ignored(reach, find_taking_line(self._options.argument, subject))
        faults = find_faults(reach)
        if ignored is not None:
            faults = [(ignored, list_lines(ignored.location, reach.sites))]
        self._findings = [fault for fault, _ in faults]
        if not is_same(judged):
            self._audit_same_seed()
            if self._audited is not None:
                self._findings = list(join_findings(self._audited.findings, faults))
        self._findings += [] if zero is None else [zero]
        if is_same(judged) and made:
            other_use = self._find_other_use(first.base, made, reach)
            self._findings += [] if other_use is None else [other_use]

    def _take_zero(self, made: dict[int, Run], base: Run) -> Finding | None:
        """Return the finding that a seed of 0 is taken for none.

        Its run is then taken from `made`: it says nothing of how other seeds differ.
        """
        zero = made.get(0)
        other = next((seed for seed in made if seed), None)
        if zero is None or other is None:
            return None
        calls = list_seed_calls(base)
        partners = list_seed_calls(made[other])
        table = partners.by_key()
        following = [
            (call, table[call.key])
            for call in calls.calls
            if call in find_following(calls, [partners])
        ]
        seeds = (self._options.seeds[0], other)
        unlike = find_unlike(following, seeds, list_seed_calls(zero), 0)
        if not unlike:
            return None
        del made[0]
        again = self.runs.record(0)
        unseeded = []
        if again is not None:
            reach = find_reach(SeededRuns(zero, again, (base,)), is_equal=False)
            unseeded = [one for one in reach.sites if one.effect is SeedEffect.UNSEEDED]
        return make_zero_finding(
            unlike,
            find_truth_test(self._options.argument, self.runs.lab.subject),
            given=self.runs.word(0),
            unseeded=unseeded,
        )

    def _find_other_use(self, base: Run, made: dict[int, Run], reach: SeedReach) -> Finding | None:
        """Return the finding that something depends on the seed that draws nothing.

        A run under another seed draws what the first one draws: what differs then is that.
        """
        seed, other = self._options.seeds[0], next(iter(made))
        held = hold_seedings(reach.calls, list_seed_calls(made[other]), (seed, other))
        if held is None:
            self._note_not_held("its calls that seed cannot be given other numbers one by one")
            return None
        run = self.runs.record_held(other, held)
        if run is None:
            return None
        pair = HeldPair(base, run, (self.runs.word(seed), self.runs.word(other)))
        begun = find_not_held(pair, reach)
        if begun is not None:
            self._note_not_held(
                f"{begun.call} at {begun.key.location} draws from what no call that is followed "
                "has seeded"
            )
            return None
        place = find_use(self._options.argument, self.runs.lab.subject)
        found = find_other_use(pair, self._interned, place)
        if found is not None:
            return found
        judged = self._judge((base, run))
        if judged.first is not None:
            first = judged.first
            self._note_not_held(
                f"with all that is followed drawn as with {pair.words[0]}, {pair.words[1]} still "
                f"changes {first.kind.name.lower()} {first.name} of step {first.step}: it is drawn "
                "where nobody looks, or the seed is used in another way"
            )
        return None

    def _note_not_held(self, why: str) -> None:
        self.runs.notes.append(NotChecked(Unchecked.SEED_USE_UNKNOWN, _NOTHING_ELSE, why))
