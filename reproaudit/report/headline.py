"""Owns the headline: the one sentence that answers how many runs, how many distinct, and where they
first differ."""

from __future__ import annotations

from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.wording import PASSES, inflect_noun, name_kind


def word_headline(result: AuditResult, *, compared: int) -> str:
    """Return the headline of a result, without a final full stop. Its own headline is not read.

    `compared` is how many deciding tensors were compared in each run.
    """
    first = result.runs[0].outcome
    if result.verdict is Verdict.NOT_AUDITED and not first.is_success:
        how = f"{first.kind.value}: {first.detail}" if first.detail else first.kind.value
        return (
            f"each of {len(result.runs)} runs failed ({how}); "
            f"until then they were equal, {compared} tensors each"
        )
    if result.verdict in (Verdict.REPRODUCIBLE, Verdict.NOT_AUDITED):
        counts = [
            f"{count} {inflect_noun(kind, count)}" for kind, count in result.compared if count
        ]
        said = ", ".join(counts) or "nothing was compared"
        return f"{len(result.runs)} runs are bitwise equal: {said}"
    return _say_how_many(result) + _say_where(result)


def _say_how_many(result: AuditResult) -> str:
    said = f"{len(result.runs)} runs, {len(result.classes)} distinct"
    endings = {(run.outcome.kind, run.outcome.code) for run in result.runs}
    return f"{said}, and they end differently" if len(endings) > 1 else said


def _say_where(result: AuditResult) -> str:
    if result.findings:
        found = result.findings[0]
        op = f" at {found.op}" if found.op else ""
        line = f", {found.location}" if found.location else ""
        return f"; first differs in {PASSES[found.phase]} of step {found.step}{op}{line}"
    row = result.first_divergence
    if row is not None:
        return f"; first seen in {name_kind(row.kind)} {row.name} of step {row.step}"
    return ""
