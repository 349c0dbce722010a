"""What is said to be unchecked where the run that tries the determinism flag is not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.experiment.refused_ops import list_not_looked_for
from reproaudit.model.events import EventKind, Unchecked
from tests.comparison.traces import Row, make_run, make_run_of_ranks

ROWS = [Row("weight", 1, kind=EventKind.GRADIENT)]
REFUSALS = Unchecked.REFUSALS_NOT_LOOKED_FOR


@pytest.mark.parametrize(
    ("ranks", "environment", "codes"),
    [
        (1, {}, [REFUSALS]),
        (2, {}, [REFUSALS, Unchecked.RANKS_NOT_COMPARED]),
        (1, {"gpu": "X"}, [REFUSALS, Unchecked.STREAMS_UNWATCHED]),
    ],
)
def test_all_that_the_run_would_have_shown_is_named(
    tmp_path: Path, ranks: int, environment: dict[str, str], codes: list[Unchecked]
) -> None:
    run = make_run(tmp_path, 0, ROWS, environment=environment)
    if ranks > 1:
        run = make_run_of_ranks(tmp_path, 1, [ROWS] * ranks)
    notes = list_not_looked_for(run, "it was switched off")
    assert [note.code for note in notes] == codes
    assert {note.why for note in notes} == {"it was switched off"}
