"""Which token is the first to differ between two answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.config.tolerance import Tolerances
from reproaudit.experiment.first_token import word_first_token
from tests.experiment.test_batch_runs import make_run


def word(folder: Path, before: torch.Tensor, after: torch.Tensor, values_mb: int = 1) -> str:
    runs = (
        make_run(folder / "before", before, values_mb),
        replace(make_run(folder / "after", after, values_mb), index=1),
    )
    return word_first_token(judge(runs, compare_boundaries(runs, Interned()), Tolerances()))


def test_the_first_in_the_order_of_answering_is_named_with_its_row(tmp_path: Path) -> None:
    before = torch.arange(12).reshape(3, 4)
    after = before.clone()
    after[1, 3] = 70
    after[2, 2] = 88
    after[2, 3] = 90
    assert word(tmp_path, before, after) == "token 2 of row 2 is 88 instead of 10"


def test_answers_of_other_lengths_are_compared_as_far_as_both_go(tmp_path: Path) -> None:
    before = torch.arange(6).reshape(2, 3)
    after = torch.tensor([[0, 1, 2, 9], [3, 4, 6, 9]])
    assert word(tmp_path / "a", before, after) == "token 2 of row 1 is 6 instead of 5"
    longer = torch.tensor([[0, 1, 2, 9], [3, 4, 5, 9]])
    assert word(tmp_path / "b", before, longer) == ""


def test_of_numbers_that_are_no_tokens_or_were_not_kept_nothing_is_said(tmp_path: Path) -> None:
    before = torch.arange(6).reshape(2, 3)
    assert word(tmp_path / "a", before.float(), before.float() + 1) == ""
    assert word(tmp_path / "b", before, before + 1, values_mb=0) == ""
    assert word(tmp_path / "c", before[0], before[0] + 1) == ""
