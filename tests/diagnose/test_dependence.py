"""What a finding under a variation is, and which rule speaks of it."""

from __future__ import annotations

from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.dependence import judge_finding, name_dependence
from reproaudit.knowledge.rules import QUESTION_RULES, RULES
from reproaudit.model.cause import Cause
from reproaudit.model.events import Phase
from reproaudit.model.question import Dependence
from reproaudit.model.result import Finding, Fix


def make_finding(cause: Cause, op: str) -> Finding:
    rule = RULES[cause]
    return Finding(rule.id, cause, rule.title, Phase.FORWARD, 0, op=op, fix=Fix(advice=rule.advice))


def test_a_documented_dependence_on_a_kernel_is_not_advised_away() -> None:
    finding = make_finding(Cause.KERNEL, "aten::convolution")
    judgement = judge_finding(finding, "mkldnn", Origin.OP)
    named = name_dependence(finding, "mkldnn", judgement)
    assert judgement[0] is Dependence.EXPECTED
    assert (named.rule, named.cause) == ("RA601", Cause.KERNEL)
    assert named.fix == Fix(advice=QUESTION_RULES["RA601"].advice)


def test_a_bug_keeps_the_rule_of_its_cause() -> None:
    finding = make_finding(Cause.HASH_ORDER, "aten::embedding")
    judgement = judge_finding(finding, "hash_seed", Origin.BIRTH)
    assert judgement[0] is Dependence.BUG
    assert name_dependence(finding, "hash_seed", judgement) == finding
