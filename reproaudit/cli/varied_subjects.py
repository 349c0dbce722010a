"""Configured subjects once more, under what the project says must not matter."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reproaudit.cli.interrupts import hold_interrupts
from reproaudit.cli.vary import make_vary_result
from reproaudit.config.project import Choices, ProjectConfig, Subject
from reproaudit.config.subject import SubjectSpec
from reproaudit.errors import ReproauditError
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.verdict import Verdict

if TYPE_CHECKING:
    from reproaudit.model.result import AuditResult
    from reproaudit.runs.progress import Progress

_SUFFIX = ", varied"


def add_varied(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """Return each subject, and behind it the same one to be varied."""
    both: list[Subject] = []
    for subject in subjects:
        name = f"{subject.name}{_SUFFIX}"
        both += (subject, replace(subject, name=name, varies=subject.name))
    return tuple(both)


def vary_held(
    options: argparse.Namespace,
    spec: SubjectSpec,
    wanted: Sequence[Wanted],
    *,
    progress: Progress,
    project: ProjectConfig,
    choices: Choices,
    seed: int | None,
    as_it_is: AuditResult | None,
) -> AuditResult:
    """Vary a subject that was audited before, with what was proven to repair it.

    `as_it_is` is what the audit gave; None: it could not be done. Raises ReproauditError without
    an audit, and where nothing makes the subject reproducible: nothing can be told then.
    """
    with hold_interrupts():
        from reproaudit.experiment.held import find_proven

    held: tuple[str, ...] = ()
    if as_it_is is None or as_it_is.verdict is Verdict.NOT_AUDITED:
        raise ReproauditError(
            "it was not varied: the audit of it as it is could not be done",
            code="not-varied",
            hint="mend what kept the audit of it from being done first",
        )
    if as_it_is.verdict is not Verdict.REPRODUCIBLE:
        proven = find_proven(as_it_is)
        if proven is None:
            raise ReproauditError(
                "it was not varied: the program is not reproducible as it is, and no repair of "
                "that was proven",
                code="not-varied",
                hint="mend what the audit of it found first",
            )
        held = proven
    return make_vary_result(
        options,
        spec,
        wanted,
        progress=progress,
        project=project,
        choices=choices,
        seed=seed,
        held=held,
    )
