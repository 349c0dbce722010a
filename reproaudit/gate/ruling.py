"""The gate: audits all configured subjects, and holds their results against the baseline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reproaudit.config.project import Subject
from reproaudit.errors import ReproauditError
from reproaudit.gate.baseline import BaselineEntry, list_entries
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict, exit_code

Audit = Callable[[Subject], AuditResult]


@dataclass(frozen=True, slots=True)
class SubjectAudit:
    """What became of one subject.

    With an `error` the result says `not-audited`, so that every report has it.
    """

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
    new: tuple[BaselineEntry, ...] = ()
    known: tuple[BaselineEntry, ...] = ()
    gone: tuple[BaselineEntry, ...] = ()
    unseen: tuple[BaselineEntry, ...] = ()

    @property
    def results(self) -> tuple[AuditResult, ...]:
        return tuple(one.result for one in self.audited)

    @property
    def exit_code(self) -> int:
        """1 if a divergence is not accepted, else 2 if a subject could not be audited, else 0."""
        failing = {entry.subject for entry in self.new}
        verdicts: list[Verdict] = []
        for result in self.results:
            verdict = result.verdict
            differs = verdict is Verdict.NOT_REPRODUCIBLE
            # A subject of which all that differs is accepted counts as if nothing did.
            if differs and result.subject not in failing:
                verdict = Verdict.REPRODUCIBLE
            verdicts.append(verdict)
        return exit_code(verdicts)


def audit_all(
    subjects: Sequence[Subject],
    audit: Audit,
    done: Callable[[SubjectAudit], None] | None = None,
) -> tuple[SubjectAudit, ...]:
    """Audit each subject, also where one before it could not be audited: that leaves its error.

    `done` is called after each. After an interrupt the remaining subjects are not started.
    """
    audited: list[SubjectAudit] = []
    is_interrupted = False
    for subject in subjects:
        if is_interrupted:
            error = ReproauditError(
                "not started: the run was interrupted before",
                code="interrupted",
            )
            one = _make_failure(subject, error)
        else:
            one = _audit_one(subject, audit)
            is_interrupted = one.error is not None and one.error.code == "interrupted"
        audited.append(one)
        if done is not None:
            done(one)
    return tuple(audited)


def _audit_one(subject: Subject, audit: Audit) -> SubjectAudit:
    try:
        result = audit(subject)
        return SubjectAudit(_rename_result(subject, result))
    except ReproauditError as error:
        return _make_failure(subject, error)


def rule(
    audited: Sequence[SubjectAudit],
    accepted: Sequence[BaselineEntry] | None,
    configured: Iterable[str],
) -> Ruling:
    """Hold the results against the baseline.

    `accepted` is None if there is no baseline. `configured` are the names of all subjects.
    """
    accepted = accepted or ()
    marks = frozenset(entry.fingerprint for entry in accepted)
    configured = set(configured)
    new: list[BaselineEntry] = []
    present: set[str] = set()
    # Subjects of which everything that differs was found: what is not there is gone.
    looked_for: set[str] = set()
    for one in audited:
        result = one.result
        is_new = result.verdict is Verdict.NOT_REPRODUCIBLE
        for entry in list_entries(result):
            present.add(entry.fingerprint)
            if is_new and entry.fingerprint not in marks:
                new.append(entry)
        has_all_findings = bool(result.findings) and result.is_complete is True
        if result.verdict is Verdict.REPRODUCIBLE or has_all_findings:
            looked_for.add(result.subject)
    known: list[BaselineEntry] = []
    gone: list[BaselineEntry] = []
    unseen: list[BaselineEntry] = []
    for entry in accepted:
        if entry.fingerprint in present:
            known.append(entry)
        elif entry.subject in looked_for:
            gone.append(entry)
        elif entry.subject not in configured:
            # Nobody audits this subject any more, so nothing else would ever remove the entry.
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


def update_baseline(
    accepted: Sequence[BaselineEntry] | None,
    ruling: Ruling,
) -> tuple[BaselineEntry, ...]:
    """Return what the baseline becomes.

    Without a file, all that differs; with one, the same without what is gone. What is new is never
    added to a file that is there: a baseline shrinks, and whoever wants to accept more writes the
    entry by hand, or deletes the file, and has that reviewed.

    Raises ReproauditError for a first baseline of results that are not all there, for it could not
    grow to hold the rest.
    """
    if accepted is not None:
        gone = set(ruling.gone)
        return tuple(entry for entry in accepted if entry not in gone)
    missing: list[str] = []
    for result in ruling.results:
        if result.verdict is Verdict.NOT_AUDITED:
            missing.append(result.subject)
    if missing:
        names = ", ".join(missing)
        raise ReproauditError(
            f"no baseline was made: {names} could not be audited",
            code="baseline-incomplete",
            hint="a baseline only shrinks once it is there; mend these subjects, or configure them "
            "later",
        )
    return ruling.new


def show_folder(subject: Subject, folder: str) -> str:
    """Return a folder that is relative to the subject's from where we are."""
    joined = os.path.join(os.path.relpath(subject.cwd), folder)
    normal = os.path.normpath(joined)
    # Reports are the same on each system: "/" between folders, and nothing for the one we are in.
    return "" if normal == "." else normal.replace(os.sep, "/")


def _rename_result(subject: Subject, result: AuditResult) -> AuditResult:
    """Call the result by the subject's configured name, and take its folder from where we are."""
    shown = show_folder(subject, result.folder)
    return replace(result, subject=subject.name, folder=shown)


def _make_failure(subject: Subject, error: ReproauditError) -> SubjectAudit:
    """Return what stands for a subject which could not be audited."""
    # Reports name no folder of this machine.
    folder = str(subject.cwd)
    message = error.message.replace(f"{folder}{os.sep}", "")
    message = message.replace(folder, ".")
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
