"""The check of every result of the suite finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.model.result import Evidence, Fix, Trial
from tests.claims import list_faults
from tests.report.cases import CASES, ONE_DIVERGENCE

FINDING = ONE_DIVERGENCE.findings[0]
PAIR = Trial(("hash.seed", "seed.numpy"), 3, is_equal=True, plain_differ=True)


def list_faults_of(fix: Fix, *trials: Trial) -> list[str]:
    findings = (replace(FINDING, fix=fix),)
    return list_faults(replace(ONE_DIVERGENCE, findings=findings, trials=trials))


def test_a_part_of_a_proven_set_is_verified_together_with_the_rest_and_not_alone() -> None:
    part = Fix(("hash.seed",), verified=True, runs=3, together=("seed.numpy",))
    assert list_faults_of(part, PAIR) == []
    assert list_faults_of(replace(part, together=()), PAIR)
    assert list_faults_of(replace(part, runs=2), PAIR)


def test_an_equal_trial_whose_plain_runs_were_equal_too_proves_nothing() -> None:
    fix = Fix(PAIR.settings, verified=True, runs=3)
    assert list_faults_of(fix, PAIR) == []
    assert list_faults_of(fix, replace(PAIR, plain_differ=False))
    assert list_faults_of(fix, replace(PAIR, plain_differ=None))


def test_a_finding_that_stands_twice_is_a_fault() -> None:
    assert list_faults(ONE_DIVERGENCE) == []
    assert list_faults(replace(ONE_DIVERGENCE, findings=(FINDING, FINDING)))


def test_the_results_that_reports_are_tried_on_claim_only_what_was_run() -> None:
    # Not the one of a stranger, who may claim what he likes.
    for name, result in CASES.items():
        assert name == "hostile" or list_faults(result) == []


def test_a_kernel_that_no_repetition_and_no_trial_showed_is_a_fault() -> None:
    stable = replace(FINDING, fix=None, evidence=Evidence(observed=True, replayed=False))
    assert list_faults(replace(ONE_DIVERGENCE, findings=(stable,)))
    proven = Fix(("kernels.deterministic",), verified=True, runs=3)
    trial = Trial(proven.settings, 3, is_equal=True, plain_differ=True)
    repaired = replace(stable, fix=proven)
    assert list_faults(replace(ONE_DIVERGENCE, findings=(repaired,), trials=(trial,))) == []
