"""From the runs under several seeds to one result."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged
from reproaudit.config.settings import list_settings
from reproaudit.diagnose.seed_effects import SeedReach
from reproaudit.diagnose.timeline import list_settings_made
from reproaudit.experiment.conclude import conclude, summarise_run
from reproaudit.experiment.excerpts import SourceFolder, read_excerpts
from reproaudit.experiment.options import AuditOptions
from reproaudit.experiment.seed_runs import SeedRuns
from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_headline
from reproaudit.trace.runs import Run


@dataclass(frozen=True, slots=True)
class SeedAnswer:
    """What was found out. `judged` are runs under one seed, `base` the first that was recorded.

    `reach` None: it was not come to. `audited` is an audit under one seed that does not give the
    same. `is_missing`: not all that was asked for was compared.
    """

    judged: Judged
    reach: SeedReach | None
    findings: tuple[Finding, ...]
    base: Run
    audited: AuditResult | None
    is_missing: bool


def is_same(judged: Judged) -> bool:
    """Return True unless the runs under one seed differ by more than the tolerance."""
    return judged.verdict is not Verdict.NOT_REPRODUCIBLE


def make_result(
    options: AuditOptions, runs: SeedRuns, answer: SeedAnswer, interned: Interned
) -> AuditResult:
    """Put together what the seed reaches, and what is wrong with that."""
    lab = runs.lab
    result = conclude(
        answer.judged,
        answer.findings,
        (),
        notes=[*runs.notes, *lab.notes],
        settings=list_settings(options.settings),
        subject=options.subject.command,
        next_commands=(),
        level=options.level,
        runs_made=lab.runs_made,
        folder=options.subject.shown_folder,
        has_end=options.subject.has_end,
    )
    every = compare_boundaries([one.run for one in runs.made], interned)
    reach = answer.reach
    result = replace(
        result,
        question=Question.SEEDS,
        verdict=_decide(answer),
        runs=tuple(replace(summarise_run(one.run), condition=one.condition) for one in runs.made),
        classes=every.classes,
        streams=() if reach is None else tuple(one.stream for one in reach.sites),
        timeline=list_settings_made(answer.base.main),
    )
    if answer.audited is not None:
        result = replace(
            result,
            trials=answer.audited.trials,
            runs_made=answer.audited.runs_made + result.runs_made,
        )
    result = replace(result, headline=word_headline(result, compared=every.compared))
    if options.shows_source:
        source = SourceFolder(options.subject.folder)
        result = replace(result, excerpts=read_excerpts(result, source))
    return result


def _decide(answer: SeedAnswer) -> Verdict:
    """Return the verdict: that of one seed, unless something is wrong with it or missing."""
    verdict = answer.judged.verdict
    # Where nothing could be compared, what was drawn until then is no verdict.
    if verdict in (Verdict.NOT_AUDITED, Verdict.NOT_REPRODUCIBLE):
        return verdict
    if answer.findings:
        return Verdict.NOT_REPRODUCIBLE
    return Verdict.NOT_AUDITED if answer.is_missing else verdict
