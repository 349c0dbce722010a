"""Does the seed do anything? Runs under one seed and under others, compared draw by draw."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reproaudit.compare.boundaries import compare_boundaries
from reproaudit.compare.interning import Interned
from reproaudit.compare.judge import Judged, judge
from reproaudit.compare.seed_calls import find_following, find_unlike, list_seed_calls
from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.settings import list_settings, merge
from reproaudit.diagnose.seed_effects import SeededRuns, SeedReach, expect_orders, find_reach
from reproaudit.diagnose.seed_faults import find_faults, find_ignored, find_zero, list_lines
from reproaudit.diagnose.seed_text import find_looped, find_taking_line, find_truth_test
from reproaudit.diagnose.timeline import list_settings_made
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import conclude, summarise_run
from reproaudit.experiment.excerpts import SourceFolder, read_excerpts
from reproaudit.experiment.failure import make_failure_error
from reproaudit.experiment.nothing_compared import has_trained, make_nothing_compared_error
from reproaudit.experiment.options import AuditOptions, make_setup
from reproaudit.experiment.same_seed import audit_same_seed, join_findings
from reproaudit.model.events import Level, NotChecked, OutcomeKind, Unchecked
from reproaudit.model.question import Question, SeedEffect
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.runs.lab import Lab
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

DEFAULT_SEEDS = (1, 2, 0)
_USAGE_ERROR = 2  # the exit code of argparse
_ARGPARSE = re.compile(r"^.*\berror: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SeedOptions:
    """What is asked: the program takes its seed by `argument`. The first of `seeds` is given
    twice."""

    audit: AuditOptions
    argument: SeedArgument
    seeds: tuple[int, ...] = DEFAULT_SEEDS


def find_seed_effects(
    options: SeedOptions, progress: Progress, out: Path | None = None
) -> AuditResult:
    """Run the program under each seed. Traces stay in `out` if it is given.

    Raises SubjectError if the program does not take the seed, fails, or trains nothing.
    """
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        experiment = _Experiment(options, progress, folder)
        with contextlib.closing(experiment.lab):
            return experiment.run()


class _Experiment:
    """The question under way."""

    def __init__(self, options: SeedOptions, progress: Progress, folder: Path) -> None:
        self._options = options
        self._progress = progress
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
        self._interned = Interned(audit.ignored)
        self._runs: list[tuple[Run, str]] = []
        self._notes: list[NotChecked] = []

    def run(self) -> AuditResult:
        seed, *others = self._options.seeds
        self.lab.start_clock()
        plain = self._make(seed)
        self._require_training(plain, seed)
        if plain.outcome.kind is OutcomeKind.STOPPED:
            self.lab.steps = plain.main.header["steps"] or self.lab.steps
        pair = (plain, self._make(seed))
        judged = judge(
            pair, compare_boundaries(pair, self._interned), self._options.audit.tolerances
        )
        base = self._make(seed, is_recorded=True)
        again = self._make(seed, is_recorded=True)
        made = {other: self._make(other, is_recorded=True) for other in others}
        zero = self._take_zero(made, base)
        recorded = SeededRuns(base, again, tuple(made.values()))
        subject = self.lab.subject
        reach = find_reach(recorded, is_equal=_is_same(judged))
        reach = expect_orders(reach, find_looped(reach, subject))
        place = find_taking_line(self._options.argument, subject)
        ignored = find_ignored(reach, place)
        faults = find_faults(reach)
        if ignored is not None:
            faults = [(ignored, list_lines(ignored.location, reach.sites))]
        audited = None if _is_same(judged) else self._audit_same_seed()
        findings = join_findings(() if audited is None else audited.findings, faults)
        if zero is not None:
            findings = (*findings, zero)
        result = self._conclude(judged, reach, findings, base)
        if audited is None:
            return result
        made_before = audited.runs_made + result.runs_made
        return replace(result, trials=audited.trials, runs_made=made_before)

    def _audit_same_seed(self) -> AuditResult:
        audit = replace(self._options.audit, subject=self.lab.subject, settings=self.lab.settings)
        return audit_same_seed(audit, self._progress, self.lab.folder)

    def _take_zero(self, made: dict[int, Run], base: Run) -> Finding | None:
        """Return the finding that a seed of 0 is taken for none.

        Its run is then taken from `made`: it says nothing of how other seeds differ.
        """
        zero = made.get(0)
        other = next((seed for seed in made if seed), None)
        if zero is None or other is None:
            return None
        if not zero.outcome.is_success and base.outcome.is_success:
            del made[0]
            why = f"it ended with {zero.outcome.kind.value} {zero.outcome.detail}".rstrip()
            note = NotChecked(Unchecked.SUBJECT_FAILED, self._options.argument.word(0), why)
            self._notes.append(note)
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
        again = self._make(0, is_recorded=True)
        reach = find_reach(SeededRuns(zero, again, (base,)), is_equal=False)
        return find_zero(
            unlike,
            find_truth_test(self._options.argument, self.lab.subject),
            given=self._options.argument.word(0),
            unseeded=[one for one in reach.sites if one.effect is SeedEffect.UNSEEDED],
        )

    # Runs

    def _make(self, seed: int, *, is_recorded: bool = False) -> Run:
        """Make the next run, under a seed."""
        options = self._options
        index = len(self._runs)
        more = 1 + 2 + len(options.seeds) - index
        what = f"run {index + 1}: {options.argument.word(seed)}"
        request = RunRequest(
            name=f"run-{index}",
            index=index,
            what=what,
            more=max(0, more),
            level=Level.OPERATION if is_recorded else Level.BOUNDARY,
            streams=is_recorded,
        )
        if seed != options.seeds[0]:
            subject, settings = options.argument.give(options.audit.subject, seed)
            request = replace(request, subject=subject, settings=settings)
        run = self.lab.run(request)
        self._runs.append((run, options.argument.word(seed)))
        return run

    def _require_training(self, run: Run, seed: int) -> None:
        if has_trained(run):
            return
        if run.outcome.is_success:
            raise make_nothing_compared_error(run)
        name = "run-0"
        said = self._options.argument.word(seed)
        refused = self._find_refusal(run, self.lab.log_of(name))
        if refused:
            raise SubjectError(
                f"the program does not take {said}: {refused}",
                code="seed-argument-unknown",
                hint="name what the program itself takes: --seed-arg --random-seed, "
                "--seed-env SEED, or --seed-config train.seed",
            )
        message = f"{self._options.audit.subject} failed under {said} before it trained"
        raise make_failure_error(self.lab, run, name, message)

    def _find_refusal(self, run: Run, log: str) -> str:
        """Return what the program says of a seed that it does not know; "" if it says nothing."""
        argument = self._options.argument
        said = _ARGPARSE.search(log)
        if run.outcome.code == _USAGE_ERROR and said is not None:
            return said[1]
        if argument.place is SeedPlace.KEY and "override" in log:
            lines = [line for line in log.splitlines() if argument.name in line]
            return lines[0].strip() if lines else ""
        return ""

    # The answer

    def _conclude(
        self, judged: Judged, reach: SeedReach, findings: Sequence[Finding], base: Run
    ) -> AuditResult:
        options = self._options.audit
        result = conclude(
            judged,
            tuple(findings),
            (),
            notes=[*self._notes, *self.lab.notes],
            settings=list_settings(options.settings),
            subject=options.subject.command,
            next_commands=(),
            level=options.level,
            runs_made=self.lab.runs_made,
            folder=options.subject.shown_folder,
            has_end=options.subject.has_end,
        )
        is_same = _is_same(judged)
        verdict = judged.verdict
        # Where nothing could be compared, what was drawn until then is no verdict.
        if findings and is_same and verdict is not Verdict.NOT_AUDITED:
            verdict = Verdict.NOT_REPRODUCIBLE
        streams = tuple(one.stream for one in reach.sites)
        runs = tuple(
            replace(summarise_run(run), condition=condition) for run, condition in self._runs
        )
        every = compare_boundaries([run for run, _ in self._runs], self._interned)
        result = replace(
            result,
            question=Question.SEEDS,
            verdict=verdict,
            runs=runs,
            classes=every.classes,
            streams=streams,
            timeline=list_settings_made(base.main),
        )
        result = replace(result, headline=self._word_headline(result, is_same=is_same))
        if options.shows_source:
            source = SourceFolder(options.subject.folder)
            result = replace(result, excerpts=read_excerpts(result, source))
        return result

    def _word_headline(self, result: AuditResult, *, is_same: bool) -> str:
        word = self._options.argument.word(self._options.seeds[0])
        if result.verdict is Verdict.NOT_AUDITED:
            return f"{result.headline}, with {word}"
        if not is_same:
            return f"the same seed does not give the same: {result.headline}, with {word}"
        same = f"the same seed gives the same over {result.steps} steps"
        if result.findings:
            finding = result.findings[0]
            where = f", {finding.location}" if finding.location is not None else ""
            more = len(result.findings) - 1
            rest = f"; {more} more" if more else ""
            return f"{finding.title}{where}{rest}; {same}"
        following = sum(one.effect is SeedEffect.FOLLOWS for one in result.streams)
        if not result.streams:
            return f"no random number is drawn, so that the seed changes nothing; {same}"
        said = f"{following} of {len(result.streams)} lines that draw follow the seed"
        return f"{said}; {same}"


def _is_same(judged: Judged) -> bool:
    """Return True unless the runs under one seed differ by more than the tolerance."""
    return judged.verdict is not Verdict.NOT_REPRODUCIBLE
