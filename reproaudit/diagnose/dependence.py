"""What a finding under a variation is: documented, a bug, or not known."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.comparison.localise import Origin
from reproaudit.knowledge.dependences import Judgement, judge_dependence
from reproaudit.knowledge.vary_rules import find_rule_of_dependence
from reproaudit.model.events import Phase
from reproaudit.model.result import Finding, Fix


def judge_finding(finding: Finding, factor: str, origin: Origin) -> Judgement:
    """Judge a place where what depends on the variation `factor` is born."""
    return judge_dependence(
        factor,
        op=finding.op,
        origin=origin.value,
        cause=finding.cause,
        call=finding.call,
        is_gradient=finding.phase is Phase.BACKWARD,
    )


def name_dependence(finding: Finding, factor: str, judgement: Judgement) -> Finding:
    """Return the finding with the rule that speaks of the dependence, if that of its cause does
    not."""
    dependence, _, _ = judgement
    rule = find_rule_of_dependence(factor, dependence, finding.cause)
    if rule is None:
        return finding
    return replace(finding, rule=rule.id, title=rule.title, fix=Fix(advice=rule.advice))
