"""What is concluded from plain and varied runs. No program is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.options import AuditOptions
from reproaudit.experiment.variations_result import make_result
from reproaudit.model.events import EventKind
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from tests.comparison.traces import Row, make_run


@pytest.mark.parametrize(
    ("plain", "verdict"),
    [
        (Verdict.NOT_REPRODUCIBLE, Verdict.NOT_REPRODUCIBLE),
        (Verdict.REPRODUCIBLE, Verdict.WITHIN_TOLERANCE),
    ],
)
def test_a_program_that_differs_as_it_is_lies_within_no_tolerance(
    tmp_path: Path, plain: Verdict, verdict: Verdict
) -> None:
    made = []
    for index, digest in enumerate((1, 2, 1)):
        row = Row("loss", outputs=digest, kind=EventKind.OUTPUT)
        made.append((make_run(tmp_path, index, [row], level="boundary"), "plain"))
    as_it_is = AuditResult(
        verdict=plain, headline="", subject="train.py", runs=(), classes=(), steps=1
    )
    outcome = VariationOutcome(name="env.X", value="1", dependence=Dependence.NONE, run=2)
    result = make_result(
        AuditOptions(subject=SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="train.py")),
        as_it_is,
        made,
        [outcome],
        findings=(),
        ops=None,
        is_missing=False,
        interned=Interned(),
        runs_made=3,
        notes=[],
    )
    assert result.verdict is verdict
