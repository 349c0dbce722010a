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
    both = [(subject, replace(subject, name=f"{subject.name}{_SUFFIX}")) for subject in subjects]
    return tuple(one for pair in both for one in pair)


def is_varied(subject: Subject) -> bool:
    """Return True for one that is to be varied."""
    return subject.name.endswith(_SUFFIX)


def name_plain(subject: Subject) -> str:
    """Return the name of the subject that is varied."""
    return subject.name.removesuffix(_SUFFIX)


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

    `as_it_is` is what the audit gave; None: it could not be done. Raises ReproauditError where
    nothing makes the subject reproducible: nothing can be told then.
    """
    with hold_interrupts():
        from reproaudit.experiment.held import find_proven

    held: tuple[str, ...] = ()
    if as_it_is is None or as_it_is.verdict is not Verdict.REPRODUCIBLE:
        proven = None if as_it_is is None else find_proven(as_it_is)
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
