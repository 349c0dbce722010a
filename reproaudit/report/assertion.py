"""The text that a failing test shows: the finding in a few lines, the worst tensors, and where to
read on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Finding, Fix, TensorDivergence
from reproaudit.report.confidence import word_confidence
from reproaudit.report.moments import name_when
from reproaudit.report.verdicts import name_answer
from reproaudit.report.wording import (
    escape,
    has_diff,
    name_kind,
    name_source,
    show_code,
    show_count,
    show_name,
    show_prose,
    word_difference,
    word_patch,
    word_remark,
    word_replays,
    word_settings,
)


@dataclass(frozen=True, slots=True)
class AssertionText:
    """At most `tensors` differing tensors and `findings` findings are told; the rest is counted."""

    tensors: int = 5
    findings: int = 3

    def render(self, result: AuditResult) -> str:
        """Return the text, the same for the same result; it ends with a newline."""
        return "\n".join(self._lines(result)) + "\n"

    def _lines(self, result: AuditResult) -> Iterator[str]:
        yield f"{name_answer(result)}: {show_prose(result.headline)}"
        yield from _tell_endings(result)
        told: set[tuple[str, ...]] = set()
        for finding in result.findings[: self.findings]:
            yield ""
            yield from _tell_finding(finding)
            if finding.fix is not None and finding.fix.patch not in told:
                told.add(finding.fix.patch)
                yield from _tell_patch(finding.fix)
        cut = len(result.findings) - self.findings
        if cut > 0:
            yield f"… and {show_count(cut, 'finding')} more"
        if result.divergences:
            yield ""
            yield from self._tell_tensors(result)
        yield ""
        yield f"  {word_confidence(result)}"
        for note in result.not_checked:
            what = show_prose(note.what)
            why = show_prose(note.why)
            yield f"  not checked: {what}: {why}"
        # A command is shown whole, however long: it is there to be copied.
        for command in result.next_commands:
            yield f"  next: {escape(command)}"

    def _tell_tensors(self, result: AuditResult) -> Iterator[str]:
        first, second = result.divergences[0].runs
        yield f"  differs between repetitions {first} and {second}:"
        for row in result.divergences[: self.tensors]:
            yield f"    {_tell_tensor(row)}"
        # A result keeps only the first of many divergences; the total counts them all.
        total = max(result.divergences_total, len(result.divergences))
        if total > self.tensors:
            yield f"    … and {show_count(total - self.tensors, 'tensor')} more"


def _tell_endings(result: AuditResult) -> Iterator[str]:
    """Yield how the repetitions ended, unless all ended alike."""
    endings = {run.outcome.ending for run in result.runs}
    if len(endings) < 2:
        return
    for run in result.runs:
        kind = run.outcome.kind.value
        detail = show_prose(run.outcome.detail)
        yield f"  repetition {run.index}  {kind} {detail}".rstrip()


def _tell_finding(finding: Finding) -> Iterator[str]:
    if finding.location is not None:
        yield f"  line   {show_name(str(finding.location))}"
    source = name_source(finding)
    if source:
        if finding.count > 1:
            source += f" ({finding.count:,} times)"
        label = "op  " if finding.op else "call"
        yield f"  {label}   {source}"
    moment = name_when(finding)
    if finding.module:
        moment += f", in module {show_name(finding.module)}"
    yield f"  when   {moment}"
    rule = show_name(finding.rule)
    yield f"  cause  {finding.cause.value} ({rule}): {show_prose(finding.title)}"
    for note in finding.evidence.notes:
        yield f"         {show_prose(note)}"
    if finding.evidence.replays is not None:
        yield f"         {word_replays(finding.evidence.replays)}"
    if finding.fix is not None:
        yield from _tell_fix(finding.fix)


def _tell_fix(fix: Fix) -> Iterator[str]:
    if fix.advice:
        yield f"  fix    {show_prose(fix.advice)}"
    if fix.settings:
        yield f"         {word_settings(fix)}"


def _tell_patch(fix: Fix) -> Iterator[str]:
    if has_diff(fix) or fix.patch_note:
        yield f"         patch: {word_patch(fix)}"
    for line in fix.patch:
        yield f"           {show_code(line)}"


def _tell_tensor(row: TensorDivergence) -> str:
    kind = name_kind(row.kind)
    name = show_name(row.name)
    if row.difference is not None:
        said = word_difference(row.difference)
    else:
        said = word_remark(row) or "values were not kept"
    return f"{kind} {name} of step {row.step}: {show_prose(said)}"
