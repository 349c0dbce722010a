"""The gate: all configured subjects audited one after the other, and their results held against the
baseline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reproaudit.config.project import Subject
from reproaudit.errors import ReproauditError
from reproaudit.gate.baseline import Entry, list_entries
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict, exit_code

Audit = Callable[[Subject], AuditResult]


@dataclass(frozen=True, slots=True)
class SubjectAudit:
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

    audited: tuple[SubjectAudit, ...]
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
        verdicts = []
        for result in self.results:
            differs = result.verdict is Verdict.NOT_REPRODUCIBLE
            is_accepted = differs and result.subject not in failing
            verdicts.append(Verdict.REPRODUCIBLE if is_accepted else result.verdict)
        return exit_code(verdicts)


def audit_all(
    subjects: Sequence[Subject], audit: Audit, done: Callable[[SubjectAudit], None] | None = None
) -> tuple[SubjectAudit, ...]:
    """Audit each subject; one that cannot be audited leaves its error, and the others are audited
    all the same.

    `done` is called after each. After an interrupt the remaining subjects are not started.
    """
    audited: list[SubjectAudit] = []
    is_interrupted = False
    for subject in subjects:
        if is_interrupted:
            audited.append(_make_failure(subject, _make_interruption()))
        else:
            try:
                audited.append(SubjectAudit(_rename_result(subject, audit(subject))))
            except ReproauditError as error:
                audited.append(_make_failure(subject, error))
                is_interrupted = error.code == "interrupted"
        if done is not None:
            done(audited[-1])
    return tuple(audited)


def rule(
    audited: Sequence[SubjectAudit], accepted: Sequence[Entry] | None, configured: Iterable[str]
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
        entries = list_entries(result)
        present.update(entry.fingerprint for entry in entries)
        if result.verdict is Verdict.NOT_REPRODUCIBLE:
            new += [entry for entry in entries if entry.fingerprint not in marks]
        if result.verdict is Verdict.REPRODUCIBLE or (result.findings and result.is_complete):
            looked_for.add(result.subject)
    known: list[Entry] = []
    gone: list[Entry] = []
    unseen: list[Entry] = []
    for entry in accepted:
        if entry.fingerprint in present:
            known.append(entry)
        elif entry.subject in looked_for or entry.subject not in configured:
            gone.append(entry)
        else:
            unseen.append(entry)
    return Ruling(
        audited=tuple(audited),
        accepted=marks,
        new=tuple(sorted(new)),
        known=tuple(known),
        gone=tuple(gone),
        unseen=tuple(unseen),
    )


def update_baseline(accepted: Sequence[Entry] | None, ruling: Ruling) -> tuple[Entry, ...]:
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
            hint="a baseline only shrinks once it is there; mend these subjects, or configure them "
            "later",
        )
    return ruling.new


def _rename_result(subject: Subject, result: AuditResult) -> AuditResult:
    """Call the result by the subject's configured name, and take its folder from where we are."""
    folder = os.path.normpath(os.path.join(os.path.relpath(subject.cwd), result.folder))
    return replace(
        result, subject=subject.name, folder="" if folder == "." else folder.replace(os.sep, "/")
    )


def _make_interruption() -> ReproauditError:
    return ReproauditError("not started: the run was interrupted before", code="interrupted")


def _make_failure(subject: Subject, error: ReproauditError) -> SubjectAudit:
    """Return what stands for a subject which could not be audited."""
    message = error.message.replace(f"{subject.cwd}{os.sep}", "").replace(str(subject.cwd), ".")
    result = AuditResult(
        verdict=Verdict.NOT_AUDITED,
        headline=f"{message} [{error.code}]",
        subject=subject.name,
        runs=(),
        classes=(),
        steps=0,
        not_checked=(NotChecked(Unchecked.SUBJECT_FAILED, "the subject", message),),
    )
    return SubjectAudit(result, error)
