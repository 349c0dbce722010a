"""Which batches a process trains on: those that a loss comes of."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.training_batches import read_training_batches
from tests.comparison.rank_traces import EVALUATION, LOOP, RankTrace


def test_tensors_of_one_batch_stand_together_with_what_modules_were_given(tmp_path: Path) -> None:
    rank = RankTrace(tmp_path, 0)
    rank.train_on(3, given=4, names=("batch[0]", "batch[1]"))
    rank.train_on(5, names=("batch[0]", "batch[1]"))
    first, second = read_training_batches(rank.close())
    assert (first.content, first.inputs) == (((3, 0), (3, 0)), ((4, 0),))
    assert (second.content, second.step, second.loader.line) == (((5, 0), (5, 0)), 1, LOOP)


def test_a_loader_that_is_only_evaluated_on_is_left_out(tmp_path: Path) -> None:
    rank = RankTrace(tmp_path, 0)
    for content in range(3):
        rank.train_on(content)
        for number in range(3):
            rank.hand_out(number, line=EVALUATION)
    # The loss of the next batch, as of a prefetched one, comes after the evaluation's last batch.
    rank.train_on(9, line=EVALUATION)
    assert {batch.loader.line for batch in read_training_batches(rank.close())} == {LOOP}
