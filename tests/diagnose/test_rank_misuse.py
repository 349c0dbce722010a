"""Ranks that draw alike, or get the same samples or not all of them, and those that are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.diagnose.misuse import find_misuse
from reproaudit.diagnose.rank_misuse import find_rank_misuse
from reproaudit.report.wording import word_warning
from tests.comparison.rank_traces import EVALUATION, LOOP, SEED, STEP, RankTrace, make_run
from tests.diagnose.test_ranks import PROGRAM, line, record

Fill = Callable[[RankTrace, int], None]  # is given a trace and the number of its rank


def find(folder: Path, fill: Fill, world: int = 2) -> tuple[str, ...]:
    ranks = [RankTrace(folder, rank, world) for rank in range(world)]
    for number, rank in enumerate(ranks):
        fill(rank, number)
    run = make_run(*ranks)
    return tuple(map(word_warning, (*find_misuse(run), *find_rank_misuse(run, Interned()))))


# -- samples


def train_alike(rank: RankTrace, number: int) -> None:
    for content in (1, 2, 3):
        rank.train_on(content)


def test_ranks_that_train_on_the_same_batches_are_told(tmp_path: Path) -> None:
    assert find(tmp_path, train_alike, 3) == (
        "RA509: ranks 0, 1 and 2 train on the same samples: the DataLoader iterated at "
        f"train.py:{LOOP} hands out equal batches on each; it has no DistributedSampler",
    )


def test_a_sampler_that_takes_one_share_on_each_rank_is_named(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        rank.begin_epoch(share=(0, 1))
        train_alike(rank, number)

    (found,) = find(tmp_path, fill)
    assert found.endswith("; its DistributedSampler takes share 0 of 1 on each rank")


def test_one_batch_that_is_all_the_data_may_be_the_same(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        for _ in range(3):
            rank.train_on(1)

    assert find(tmp_path, fill) == ()


def test_samples_that_are_alike_in_different_shares_may_be_the_same(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        rank.begin_epoch(share=(number, 2))
        train_alike(rank, number)

    assert find(tmp_path, fill) == ()


def test_a_batch_of_which_each_rank_takes_its_part_may_be_the_same(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        for content in (1, 2, 3):
            rank.train_on(content, given=10 * content + number)

    assert find(tmp_path, fill) == ()


def test_evaluations_on_the_same_samples_are_right(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        for content in (1, 2, 3):
            rank.train_on(10 * content + number)
            rank.hand_out(content, line=EVALUATION)
            rank.hand_out(content + 1, line=EVALUATION)

    assert find(tmp_path, fill) == ()


def train_apart(rank: RankTrace, number: int, batches: int = 3) -> None:
    for content in range(batches):
        rank.train_on(10 * content + number)


def test_shares_that_no_rank_takes_are_told(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        rank.begin_epoch(share=(number, 4))
        train_apart(rank, number)

    (found,) = find(tmp_path, fill)
    assert found.startswith("RA510: some samples are never trained on")
    assert found.endswith("makes 4 shares, and the 2 ranks take 2 of them")


@pytest.mark.parametrize("may_end_early", [False, True])
def test_another_number_of_batches_is_told_unless_the_program_is_made_for_it(
    tmp_path: Path, may_end_early: bool
) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        if may_end_early:
            rank.allow_early_ends()
        for epoch in range(2):
            rank.begin_epoch(state=epoch, share=(number, 2))
            train_apart(rank, number, 3 + number)

    told = (
        "RA510: the ranks do not get the same number of batches: the DataLoader iterated at "
        f"train.py:{LOOP} hands out 3 on rank 0, 4 on rank 1 in epoch 1",
    )
    assert find(tmp_path, fill) == (() if may_end_early else told)


# -- epochs


@pytest.mark.parametrize("states", [(7, 7, 7), (7, 8, 9)])
def test_a_sampler_that_shuffles_alike_in_each_epoch_is_told_once_for_all_ranks(
    tmp_path: Path, states: tuple[int, ...]
) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        for state in states:
            rank.begin_epoch(state=state, share=(number, 2))
            train_apart(rank, number)

    told = (
        f"RA511: the DistributedSampler of the DataLoader iterated at train.py:{LOOP} shuffles "
        "alike in each of 3 epochs: set_epoch was not called",
    )
    # Ranks draw the same order, each its own share of it: that is no repetition.
    assert find(tmp_path, fill) == (told if len(set(states)) == 1 else ())


def test_an_evaluation_may_repeat_its_order(tmp_path: Path) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        for _ in range(2):
            train_apart(rank, number)
            rank.begin_epoch(state=7, line=EVALUATION)
            rank.hand_out(1, line=EVALUATION)
            rank.hand_out(2, line=EVALUATION)

    assert find(tmp_path, fill) == ()


# -- draws


def drop_out(rank: RankTrace, number: int, *, apart: int, **draw: str) -> None:
    rank.seed()
    for content in range(3):
        rank.draw(50 + content + apart * number, **draw)
        rank.train_on(10 * content + number)


def test_masks_that_are_equal_on_ranks_with_different_samples_are_told_by_the_seed(
    tmp_path: Path,
) -> None:
    assert find(tmp_path, lambda rank, number: drop_out(rank, number, apart=0)) == (
        "RA508: ranks 0 and 1 draw the same random numbers for different samples: "
        f"aten::native_dropout in drop at train.py:{STEP} draws from torch in equal states: "
        f"torch.manual_seed at train.py:{SEED} gives each of them the same seed",
    )


@pytest.mark.parametrize(
    ("apart", "draw"),
    [
        (100, {}),
        (0, {"op": "aten::rand"}),  # a decision for all ranks, as which layer is left out
        (0, {"module": ""}),  # weights
    ],
)
def test_draws_of_the_ranks_own_and_those_that_must_agree_are_not_told(
    tmp_path: Path, apart: int, draw: dict[str, str]
) -> None:
    assert find(tmp_path, lambda rank, number: drop_out(rank, number, apart=apart, **draw)) == ()


def test_equal_masks_for_the_same_samples_are_not_told(tmp_path: Path) -> None:
    # As of tensor parallel ranks.
    def fill(rank: RankTrace, number: int) -> None:
        for _ in range(3):
            rank.draw(50)
            rank.train_on(1)

    assert find(tmp_path, fill) == ()


@pytest.mark.parametrize("apart", [0, 100])
def test_augmentations_that_are_drawn_alike_are_told(tmp_path: Path, apart: int) -> None:
    def fill(rank: RankTrace, number: int) -> None:
        rank.seed()
        for content in range(3):
            rank.fetch(50 + content + apart * number)
            rank.train_on(10 * content + number)

    told = (
        "RA508: ranks 0 and 1 draw the same random numbers for different samples: the DataLoader "
        f"iterated at train.py:{LOOP} draws from torch.cpu in equal states: torch.manual_seed at "
        f"train.py:{SEED} gives each of them the same seed",
    )
    assert find(tmp_path, fill) == (() if apart else told)


@pytest.mark.slow
def test_a_program_without_a_sampler_that_seeds_all_ranks_alike_is_told_what_is_true(
    tmp_path: Path,
) -> None:
    run = record(tmp_path, "augment-alike", 2, alerts=True)
    (warning,) = (*find_misuse(run), *find_rank_misuse(run, Interned()))
    assert word_warning(warning) == (
        "RA508: ranks 0 and 1 draw the same random numbers for different samples: the DataLoader "
        f"iterated at {line('loop')} draws from torch.cpu in equal states: torch.manual_seed at "
        f"{line('seed')} gives each of them the same seed"
    )
    assert warning.location is not None
    assert warning.location.path == PROGRAM
