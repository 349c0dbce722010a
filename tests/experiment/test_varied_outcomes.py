"""What is said of one value of a variation."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.config.tolerance import Tolerances
from reproaudit.experiment.varied_outcomes import Varied, describe_varied
from reproaudit.knowledge.wanted import Wanted
from reproaudit.model.events import EventKind, Outcome, OutcomeKind
from reproaudit.model.question import Dependence
from tests.comparison.traces import Row, make_run


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Outcome(OutcomeKind.EXITED, 2, "sys.exit"), "it exits with 2; --show-output"),
        (Outcome(OutcomeKind.RAISED, 1, "ValueError: no such mode"), "ValueError: no such mode"),
    ],
    ids=["exits", "raises"],
)
def test_a_program_that_fails_under_a_value_says_how(
    tmp_path: Path, ending: Outcome, said: str
) -> None:
    row = Row("loss", outputs=1, kind=EventKind.OUTPUT)
    pair = (
        make_run(tmp_path, 0, [row], level="boundary"),
        make_run(tmp_path, 1, [], ending, level="boundary"),
    )
    judged = judge(pair, compare_boundaries(pair, Interned()), Tolerances())
    wanted = Wanted(name="arg.--mode", value="b")
    outcome = describe_varied(Varied(wanted, pair[1], judged))
    assert outcome.dependence is Dependence.FAILS
    assert outcome.why.startswith(said)
