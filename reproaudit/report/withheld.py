"""Owns what of a result is text of the program, for those who may not show it."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.result import AuditResult
from reproaudit.report.wording import has_diff


def withhold_source(result: AuditResult) -> AuditResult:
    """Return the result without lines of the program: those around its places, and its patches."""
    findings = []
    for finding in result.findings:
        fix = finding.fix
        if fix is not None and has_diff(fix):
            findings.append(replace(finding, fix=replace(fix, patch=())))
        else:
            findings.append(finding)
    return replace(result, findings=tuple(findings), excerpts=())
