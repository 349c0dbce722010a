"""What no result may claim without proof, whoever made it. Every result of the suite is checked."""

from __future__ import annotations

from collections import Counter

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.result import AuditResult, Finding
from reproaudit.report.json_report import from_json


def check_claims(result: AuditResult) -> AuditResult:
    """Return the result, if all that it says was proven was run; else fail with what was not."""
    faults = list_faults(result)
    assert not faults, "\n".join(faults)
    return result


def check_json(text: str) -> str:
    """Check a result.json, and return it."""
    check_claims(from_json(text))
    return text


def list_faults(result: AuditResult) -> list[str]:
    """Return each claim that no run supports, in words."""
    proofs = {frozenset(trial.settings): trial for trial in result.trials if trial.is_proof}
    faults: list[str] = []
    for finding in result.findings:
        faults += _list_unproven(finding, {names: one.runs for names, one in proofs.items()})
        faults += _list_unshown(finding)
    identities = Counter(
        (one.cause, one.op, one.location, one.variation.partition("=")[0])
        for one in result.findings
    )
    for identity, count in identities.items():
        if count > 1:
            faults.append(f"{count} findings are the same: {identity}")
    return faults


def _list_unshown(finding: Finding) -> list[str]:
    """Return a kernel that is accused though no repetition differed and no trial acted on it.

    Of what runs were made to differ in it is no accusation: it makes the same of the same.
    """
    if finding.variation:
        return []
    if finding.cause is not Cause.KERNEL or finding.evidence.replayed or finding.evidence.switched:
        return []
    settings = finding.fix.settings if finding.fix is not None and finding.fix.verified else ()
    if any(Cause.KERNEL in INTERVENTIONS[name].causes for name in settings):
        return []
    return [f"the kernel of {finding.op} is accused, and nothing shows that it differs"]


def _list_unproven(finding: Finding, runs_of: dict[frozenset[str], int]) -> list[str]:
    fix = finding.fix
    if fix is None or not fix.verified:
        return []
    if not fix.settings:
        return [f"{finding.cause} is repaired by nothing, and verified"]
    made_with = frozenset((*fix.settings, *fix.together))
    if made_with not in runs_of:
        return [f"{finding.cause} is verified, but no trial of {sorted(made_with)} proves it"]
    if runs_of[made_with] != fix.runs:
        return [f"{finding.cause} is verified by {fix.runs} runs: it were {runs_of[made_with]}"]
    return []
