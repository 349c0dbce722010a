"""One run that shows when seeds and determinism flags are set. Nothing is compared."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from reproaudit.config.settings import list_settings
from reproaudit.diagnose.timeline import list_settings_made
from reproaudit.errors import SubjectError
from reproaudit.experiment.conclude import summarise_run
from reproaudit.experiment.excerpts import SourceFolder, read_excerpts
from reproaudit.experiment.failure import make_failure_error
from reproaudit.experiment.options import AuditOptions, make_setup
from reproaudit.model.events import Unchecked
from reproaudit.model.question import Question
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.headline import word_headline
from reproaudit.runs.lab import Lab
from reproaudit.runs.owner import make_temporary_folder
from reproaudit.runs.places import make_folder_of_runs
from reproaudit.runs.progress import Progress
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.runs.request import RunRequest

_NAME = "run-0"


def read_timeline(
    options: AuditOptions, progress: Progress, out: Path | None = None
) -> AuditResult:
    """Run the program once. Its trace stays in `out` if it is given.

    Raises SubjectError if the program fails, or never imports torch.
    """
    if out is not None:
        make_folder_of_runs(out)
    folder = out or make_temporary_folder()
    with keep_what_was_recorded(folder, is_temporary=out is None):
        lab = Lab(
            options.subject,
            options.settings,
            folder,
            progress,
            setup=replace(make_setup(options), steps=options.steps, steps_of_children=None),
            budget=options.budget,
        )
        with contextlib.closing(lab):
            return _run(lab, options)


def _run(lab: Lab, options: AuditOptions) -> AuditResult:
    run = lab.run(RunRequest(name=_NAME, index=0, what="one run", streams=True))
    if not run.outcome.is_success:
        raise make_failure_error(lab, run, _NAME, f"{options.subject} failed")
    for note in run.main.notes:
        if note.code is Unchecked.TORCH_NEVER_IMPORTED:
            raise SubjectError(
                f"{options.subject} has no timeline: {note.why}",
                code="no-training-step",
                hint="name the program that trains",
            )
    result = AuditResult(
        verdict=Verdict.NOT_AUDITED,
        headline="",
        subject=options.subject.command,
        runs=(summarise_run(run),),
        classes=(),
        steps=run.steps,
        settings=list_settings(options.settings),
        environment=tuple(run.main.header["environment"].items()),
        not_checked=tuple(dict.fromkeys((*run.main.notes, *lab.notes))),
        runs_made=lab.runs_made,
        folder=options.subject.shown_folder,
        question=Question.SEEDS,
        timeline=list_settings_made(run.main),
    )
    result = replace(result, headline=word_headline(result, compared=0))
    if options.shows_source:
        return replace(result, excerpts=read_excerpts(result, SourceFolder(options.subject.folder)))
    return result
