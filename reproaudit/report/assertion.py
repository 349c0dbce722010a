"""The text that a failing test shows: the finding in a few lines, the worst tensors, and where to
read on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reproaudit.model.result import AuditResult, Finding, TensorDivergence
from reproaudit.report.wording import (
    VERDICTS,
    confidence_sentence,
    counted,
    difference_sentence,
    divergence_remark,
    escaped,
    fix_state,
    kind_word,
    moment,
    named,
    prose,
    replays_sentence,
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
        yield f"{VERDICTS[result.verdict]}: {prose(result.headline)}"
        if len({(run.outcome.kind, run.outcome.code) for run in result.runs}) > 1:
            for run in result.runs:
                yield f"  repetition {run.index}  {run.outcome.kind.value} {prose(run.outcome.detail)}".rstrip()
        for finding in result.findings[: self.findings]:
            yield ""
            yield from _finding(finding)
        if len(result.findings) > self.findings:
            yield f"… and {counted(len(result.findings) - self.findings, 'finding')} more"
        if result.divergences:
            a, b = result.divergences[0].runs
            yield ""
            yield f"  differs between repetitions {a} and {b}:"
            for row in result.divergences[: self.tensors]:
                yield f"    {_tensor(row)}"
            cut = max(result.divergences_total, len(result.divergences)) - self.tensors
            if cut > 0:
                yield f"    … and {counted(cut, 'tensor')} more"
        yield ""
        yield f"  {confidence_sentence(result, sum(map(len, result.classes)) or len(result.runs))}"
        for note in result.not_checked:
            yield f"  not checked: {prose(note.what)}: {prose(note.why)}"
        for command in result.next_commands:
            yield f"  next: {escaped(command)}"


def _finding(finding: Finding) -> Iterator[str]:
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    if finding.location is not None:
        yield f"  line   {named(str(finding.location))}"
    if finding.op:
        yield f"  op     {named(finding.op)}{times}"
    inside = f", in module {named(finding.module)}" if finding.module else ""
    yield f"  when   {moment(finding.phase, finding.step)}{inside}"
    yield f"  cause  {finding.cause.value} ({named(finding.rule)}): {prose(finding.title)}"
    for note in finding.evidence.notes:
        yield f"         {prose(note)}"
    if finding.evidence.replays is not None:
        yield f"         {replays_sentence(finding.evidence.replays)}"
    fix = finding.fix
    if fix is not None and fix.advice:
        yield f"  fix    {prose(fix.advice)}"
    if fix is not None and fix.settings:
        yield f"         {', '.join(map(named, fix.settings))}: {fix_state(fix)}"
    for line in fix.patch if fix is not None else ():
        yield f"           {escaped(line)}"


def _tensor(row: TensorDivergence) -> str:
    said = (
        difference_sentence(row.difference)
        if row.difference is not None
        else divergence_remark(row) or "values were not kept"
    )
    return f"{kind_word(row.kind)} {named(row.name)} of step {row.step}: {prose(said)}"
