"""The gate: all configured subjects audited one after the other, and their results held against the
baseline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reproaudit.config.project import Subject
from reproaudit.errors import ReproauditError
from reproaudit.gate.baseline import Entry, entries_of
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict, exit_code

Audit = Callable[[Subject], AuditResult]


@dataclass(frozen=True, slots=True)
class Audited:
    """What became of one subject. With an `error` the result says `not-audited`, so that every
    report has it."""

    result: AuditResult
    error: ReproauditError | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a baseline says of the results.

    new: present in a subject that is not reproducible, and not accepted. known: present and
    accepted. gone: accepted, looked for, and not there any more. unseen: accepted and not seen, but
    what was run does not show that it is gone.
    """

    audited: tuple[Audited, ...]
    accepted: frozenset[str] = frozenset()
    new: tuple[Entry, ...] = ()
    known: tuple[Entry, ...] = ()
    gone: tuple[Entry, ...] = ()
    unseen: tuple[Entry, ...] = ()

    @property
    def results(self) -> tuple[AuditResult, ...]:
        return tuple(one.result for one in self.audited)

    @property
    def exit_code(self) -> int:
        """1 for a divergence that is not accepted, else 2 for a subject that could not be audited,
        else 0."""
        failing = {entry.subject for entry in self.new}
        return exit_code(
            [
                Verdict.REPRODUCIBLE
                if result.verdict is Verdict.NOT_REPRODUCIBLE and result.subject not in failing
                else result.verdict
                for result in self.results
            ]
        )


def audit_all(
    subjects: Sequence[Subject], audit: Audit, done: Callable[[Audited], None] = lambda one: None
) -> tuple[Audited, ...]:
    """Audit each subject; one that cannot be audited leaves its error, and the others are audited
    all the same.

    `done` is called after each. After an interrupt the remaining subjects are not started.
    """
    audited: list[Audited] = []
    interrupt: ReproauditError | None = None
    for subject in subjects:
        error = interrupt
        result = None
        if error is None:
            try:
                result = audit(subject)
            except ReproauditError as caught:
                error = caught
                if caught.code == "interrupted":
                    interrupt = ReproauditError(
                        "not started: the run was interrupted before", code="interrupted"
                    )
        audited.append(
            Audited(_failed(subject, error) if result is None else _named(subject, result), error)
        )
        done(audited[-1])
    return tuple(audited)


def rule(
    audited: Sequence[Audited], accepted: Sequence[Entry] | None, configured: Iterable[str]
) -> Ruling:
    """Hold the results against the baseline, None if there is none. `configured` are the names of
    all subjects."""
    accepted = accepted or ()
    marks = frozenset(entry.fingerprint for entry in accepted)
    configured = set(configured)
    new: list[Entry] = []
    present: set[str] = set()
    looked_for: set[str] = set()  # subjects of which what is not there is gone
    for one in audited:
        result = one.result
        entries = entries_of(result)
        present.update(entry.fingerprint for entry in entries)
        if result.verdict is Verdict.NOT_REPRODUCIBLE:
            new += [entry for entry in entries if entry.fingerprint not in marks]
        if result.verdict is Verdict.REPRODUCIBLE or (result.findings and result.is_complete):
            looked_for.add(result.subject)
    absent = [entry for entry in accepted if entry.fingerprint not in present]
    is_gone = [entry.subject in looked_for or entry.subject not in configured for entry in absent]
    return Ruling(
        tuple(audited),
        marks,
        tuple(sorted(new)),
        known=tuple(entry for entry in accepted if entry.fingerprint in present),
        gone=tuple(entry for entry, gone in zip(absent, is_gone, strict=True) if gone),
        unseen=tuple(entry for entry, gone in zip(absent, is_gone, strict=True) if not gone),
    )


def updated(accepted: Sequence[Entry] | None, ruling: Ruling) -> tuple[Entry, ...]:
    """Return what the baseline becomes: without a file, all that differs; with one, the same
    without what is gone.

    What is new is never added to a file that is there: a baseline shrinks, and whoever wants to
    accept more writes the entry by hand, or deletes the file, and has that reviewed. Raises
    ReproauditError for a first baseline of results that are not all there, for it could not grow to
    hold the rest.
    """
    if accepted is not None:
        gone = set(ruling.gone)
        return tuple(entry for entry in accepted if entry not in gone)
    missing = [result.subject for result in ruling.results if result.verdict is Verdict.NOT_AUDITED]
    if missing:
        raise ReproauditError(
            f"no baseline was made: {', '.join(missing)} could not be audited",
            code="baseline-incomplete",
            hint="a baseline only shrinks once it is there; mend these subjects, or configure them later",
        )
    return ruling.new


def _named(subject: Subject, result: AuditResult) -> AuditResult:
    """Call the result by the subject's configured name, and take its folder from where we are."""
    folder = os.path.normpath(os.path.join(os.path.relpath(subject.cwd), result.folder))
    return replace(
        result, subject=subject.name, folder="" if folder == "." else folder.replace(os.sep, "/")
    )


def _failed(subject: Subject, error: ReproauditError | None) -> AuditResult:
    """Return the result that stands for a subject which could not be audited."""
    assert error is not None
    message = error.message.replace(f"{subject.cwd}{os.sep}", "").replace(str(subject.cwd), ".")
    return AuditResult(
        verdict=Verdict.NOT_AUDITED,
        headline=f"{message} [{error.code}]",
        subject=subject.name,
        runs=(),
        classes=(),
        steps=0,
        not_checked=(NotChecked(Unchecked.SUBJECT_FAILED, "the subject", message),),
    )
