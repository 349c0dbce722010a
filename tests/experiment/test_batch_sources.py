"""What an answer depends on by more than one variation of its batch."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.portions import Portions
from reproaudit.experiment.batch_runs import BatchRuns
from reproaudit.experiment.batch_sources import BatchSources
from reproaudit.experiment.varied_outcomes import Varied
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.question import Dependence, VariationOutcome
from reproaudit.model.result import Finding

DRAWN = Finding(
    rule="RA608",
    cause=Cause.RNG_ORDER,
    title="",
    phase=Phase.FORWARD,
    step=0,
    op="aten::bernoulli_.float",
    module="0",
    location=Location("answer.py", 12, "answer"),
)
MET = replace(DRAWN, rule="RA605", cause=Cause.KERNEL, op="aten::mul.Tensor")


@pytest.mark.parametrize(
    ("met", "is_drawn"),
    [
        (MET, True),
        (replace(MET, module="1"), False),
        (replace(MET, location=Location("answer.py", 13, "answer")), False),
    ],
    ids=["there", "another module", "another line"],
)
def test_what_draws_for_a_batch_is_to_blame_where_a_row_gets_other_numbers_at_another_place(
    met: Finding, is_drawn: bool
) -> None:
    sources = BatchSources(
        cast(BatchRuns, None), Interned(), {}, base_of=lambda wanted: Portions(size=1)
    )
    assert sources._find_draw_at(met) is None
    wanted = Wanted(name="batch", value="4", portions=Portions(size=4))
    varied = Varied(wanted, cast("object", None), cast("object", None))  # type: ignore[arg-type]
    outcome = VariationOutcome(name="batch", value="4", dependence=Dependence.BUG)
    sources._found.add(outcome, varied, DRAWN, dependence=Dependence.BUG, why="")
    found = sources._find_draw_at(met)
    assert (found is not None) == is_drawn
    assert found is None or found.rule == "RA608"
