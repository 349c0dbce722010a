"""The one sentence that answers, for each way in which an audit comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, LibraryCall, Phase
from reproaudit.model.result import AuditResult, TensorDivergence
from reproaudit.report.finding_lines import describe_finding
from reproaudit.report.headline import Reach, word_headline
from reproaudit.report.terminal import lay_out
from tests.report.cases import INDEX_PUT, NOT_AUDITED, ONE_DIVERGENCE, REPRODUCIBLE, STRUCTURE

SAVED = TensorDivergence(
    kind=EventKind.SAVED, name="best.pt: fc.weight", step=4, phase=Phase.OPTIMIZER, runs=(0, 2)
)
RUNS = ONE_DIVERGENCE.runs[:5]
# The line is that of the call: the operator that drew from the seed stands elsewhere.
DRAWN_SEED = replace(
    ONE_DIVERGENCE.findings[0], cause=Cause.UNSEEDED_RNG, call="random.randint", op="aten::normal_"
)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (REPRODUCIBLE, "5 runs are bitwise equal: 10 batches, 120 gradients, 120 parameters"),
        (replace(REPRODUCIBLE, compared=()), "5 runs are bitwise equal: nothing was compared"),
        (
            replace(ONE_DIVERGENCE, runs=RUNS),
            "5 runs, 4 distinct; first differs in the backward pass of step 0 at aten::index_put_, "
            "train.py:41 in forward",
        ),
        (
            replace(ONE_DIVERGENCE, runs=RUNS, findings=()),
            "5 runs, 4 distinct; first seen in gradient layers.1.weight of step 0",
        ),
        (
            replace(
                ONE_DIVERGENCE,
                runs=RUNS,
                findings=(replace(ONE_DIVERGENCE.findings[0], phase=Phase.INITIALISATION),),
            ),
            "5 runs, 4 distinct; first differs in the initialisation at aten::index_put_, "
            "train.py:41 in forward",
        ),
        (
            replace(ONE_DIVERGENCE, runs=RUNS, findings=(DRAWN_SEED,)),
            "5 runs, 4 distinct; first differs in the backward pass of step 0 at random.randint, "
            "train.py:41 in forward",
        ),
        (
            replace(
                ONE_DIVERGENCE,
                runs=RUNS,
                findings=(),
                divergences=(SAVED,),
                steps=4,
            ),
            "5 runs, 4 distinct; first seen in saved tensor best.pt: fc.weight, "
            "after the last step",
        ),
        (
            replace(REPRODUCIBLE, compared=(("saved", 2), ("final", 1))),
            "5 runs are bitwise equal: 2 saved tensors, 1 final tensor",
        ),
        # A batch decides nothing: what follows from it is named.
        (
            STRUCTURE,
            "2 runs, 2 distinct, and they end differently; first seen in output loss of step 7",
        ),
        (
            NOT_AUDITED,
            "each of 5 runs failed (exited: exit code 3); until then they were equal, "
            "7 tensors each",
        ),
    ],
)
def test_a_headline_says_how_many_and_where(result: AuditResult, expected: str) -> None:
    assert word_headline(replace(result, headline="not read"), compared=7) == expected


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (Reach.START, " over the program's first 10 steps; it had not ended"),
        (Reach.WHOLE, " over all of its 10 steps"),
        (None, ""),
    ],
)
def test_a_headline_says_how_far_the_audit_looked(reach: Reach | None, said: str) -> None:
    headline = word_headline(REPRODUCIBLE, compared=7, reach=reach)
    assert headline.startswith(f"5 runs are bitwise equal{said}: 10 batches")


def test_a_call_that_a_library_makes_is_named_by_what_the_program_called() -> None:
    found = replace(
        INDEX_PUT,
        op=None,
        call="numpy.random.SeedSequence",
        below=LibraryCall("scipy.sparse.eigsh"),
    )
    said = word_headline(replace(ONE_DIVERGENCE, findings=(found,)), compared=1)
    assert "at scipy.sparse.eigsh, train.py:41" in said
    assert "SeedSequence" not in said
    lines = lay_out(describe_finding(found), 100)
    assert (
        "call        scipy.sparse.eigsh, which calls numpy.random.SeedSequence (12 times)" in lines
    )
