"""Ranks compared with each other: who holds copies, where they part, and who is never accused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.ranks import Parting, RankComparison
from reproaudit.model.events import EventKind, Location, Outcome, OutcomeKind, Phase
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import OWN_SHARE
from tests.trace.sample import new_writer

GRADIENT, PARAMETER, STATE, BUFFER, OUTPUT = (
    EventKind.GRADIENT,
    EventKind.PARAMETER,
    EventKind.STATE,
    EventKind.BUFFER,
    EventKind.OUTPUT,
)
STEPS = 4
WRAPPED, STEP = 3, 7  # lines of the program
Event = tuple[EventKind, int, str, int]  # kind, step, name, content


def write_rank(folder: Path, rank: int, events: Sequence[Event], ranks: str) -> Trace:
    directory = folder / f"rank-{rank}"
    writer = new_writer(directory, level="boundary")
    if ranks not in ("", OWN_SHARE):
        place = writer.location("train.py", WRAPPED, "main")
        writer.add_replica(
            at=Moment(Phase.DATA, 0, place), name="Net", ranks=ranks, has_equal_buffers=False
        )
    line = writer.location("train.py", STEP, "main")
    for kind, step, name, content in events:
        writer.add_tensor(
            kind,
            at=Moment(Phase.OPTIMIZER, step, line if kind is STATE else 0),
            name=name,
            tensor="float32[2]",
            digest=(content, 0),
            ranks="" if kind is OUTPUT else ranks,
        )
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), STEPS)
    return Trace.open(directory)


def train(rank: int, **changes: int) -> list[Event]:
    """Return what a rank does that trains a copy of one weight; `changes` name what is another.

    A key is a letter for the kind and a step: g2 is the gradient of step 2.
    """
    events = [(STATE, 0, "w", changes.get("s0", 50))]
    for step in range(STEPS):
        events += [
            (OUTPUT, step, "loss", 1000 + 10 * step + rank),
            (GRADIENT, step, "w", changes.get(f"g{step}", 100 + step)),
            (STATE, step, "w.momentum", changes.get(f"m{step}", 150 + step)),
            (PARAMETER, step, "w", changes.get(f"p{step}", 200 + step)),
        ]
    return events


def compare(folder: Path, *ranks: list[Event], copies: str) -> RankComparison:
    traces = {rank: write_rank(folder, rank, events, copies) for rank, events in enumerate(ranks)}
    return RankComparison(traces, Interned())


def find(folder: Path, *ranks: list[Event], copies: str = "0,1") -> Parting | None:
    return compare(folder, *ranks, copies=copies).find_parting()


def from_step(step: int, **more: int) -> dict[str, int]:
    return {f"p{number}": 900 + number for number in range(step, STEPS)} | more


@pytest.mark.parametrize("copies", ["0,1", ""])
def test_ranks_that_stay_equal_are_not_accused(tmp_path: Path, copies: str) -> None:
    assert find(tmp_path, train(0), train(1), copies=copies) is None


@pytest.mark.parametrize("copies", ["0,1", ""])
@pytest.mark.parametrize(
    ("changes", "kind", "name", "step"),
    [
        (from_step(2, g2=7), GRADIENT, "w", 2),
        (from_step(1), PARAMETER, "w", 1),
        (from_step(1, m1=7), STATE, "w.momentum", 1),
        (from_step(0, s0=7), STATE, "w", 0),
    ],
)
def test_copies_part_where_the_first_of_them_differs(
    tmp_path: Path, copies: str, changes: dict[str, int], kind: EventKind, name: str, step: int
) -> None:
    parting = find(tmp_path, train(0), train(1, **changes), copies=copies)
    assert parting is not None
    assert (parting.kind, parting.name, parting.step) == (kind, name, step)
    assert parting.parts == ((0,), (1,))
    assert parting.steps_at == Location("train.py", STEP, "main")
    assert (parting.wrapped_at is None) == (copies == "")
    assert parting.is_start == (name == "w" and kind is STATE)


def test_of_three_ranks_those_that_agree_are_one_part(tmp_path: Path) -> None:
    ranks = train(0), train(1, **from_step(1)), train(2)
    parting = find(tmp_path, *ranks, copies="0,1,2")
    assert parting is not None
    assert parting.parts == ((0, 2), (1,))


def test_copies_that_come_together_again_are_averaged_now_and_then(tmp_path: Path) -> None:
    apart = train(1, p0=7, p2=9, g0=8, g2=8)
    assert find(tmp_path, train(0), apart) is None


def test_a_gradient_that_differs_without_consequence_is_not_told(tmp_path: Path) -> None:
    assert find(tmp_path, train(0), train(1, g1=7)) is None


def test_ranks_that_train_each_for_itself_hold_no_copies(tmp_path: Path) -> None:
    own = {f"g{step}": 700 + step for step in range(STEPS)}
    assert find(tmp_path, train(0), train(1, **from_step(0, **own)), copies="") is None


def test_ranks_with_the_same_losses_hold_no_copies_that_anyone_knows_of(tmp_path: Path) -> None:
    # As those of tensor parallelism, which get the same batch.
    assert find(tmp_path, train(0), train(0, **from_step(1)), copies="") is None


def test_other_names_are_no_copies(tmp_path: Path) -> None:
    renamed = [(kind, step, f"other.{name}", 7) for kind, step, name, _ in train(1)]
    assert find(tmp_path, train(0), renamed, copies="") is None
    assert find(tmp_path / "ddp", train(0), renamed) is None


def test_shares_of_sharded_parameters_are_never_compared(tmp_path: Path) -> None:
    assert find(tmp_path, train(0), train(1, **from_step(1)), copies=OWN_SHARE) is None


def test_a_step_that_only_one_rank_makes_of_another_model_shifts_nothing(tmp_path: Path) -> None:
    extra: list[Event] = [(GRADIENT, 0, "probe", 1), (PARAMETER, 0, "probe", 2)]
    assert find(tmp_path, [*extra, *train(0)], train(1)) is None


def test_copies_of_one_group_are_not_compared_with_those_of_another(tmp_path: Path) -> None:
    traces = {
        rank: write_rank(tmp_path, rank, train(rank, **changes), copies)
        for rank, copies, changes in (
            (0, "0,1", {}),
            (1, "0,1", {}),
            (2, "2,3", from_step(0, s0=7)),
            (3, "2,3", from_step(0, s0=7)),
        )
    }
    assert RankComparison(traces, Interned()).find_parting() is None


def buffers(*contents: int) -> list[Event]:
    return [(BUFFER, step, "norm.mean", content) for step, content in enumerate(contents)]


def test_a_buffer_that_ranks_change_on_their_own_is_told(tmp_path: Path) -> None:
    ranks = [*train(0), *buffers(1, 2, 3)], [*train(1), *buffers(1, 5, 6)]
    parting = compare(tmp_path, *ranks, copies="0,1").find_parted_buffer()
    assert parting is not None
    assert (parting.name, parting.step) == ("norm.mean", 1)


@pytest.mark.parametrize("contents", [(7, 7, 7), (2, 9, 3)])
def test_a_number_of_the_ranks_own_and_buffers_that_become_equal_may_differ(
    tmp_path: Path, contents: tuple[int, ...]
) -> None:
    mine = buffers(1, 1, 1) if len(set(contents)) == 1 else buffers(1, 2, 3)
    ranks = [*train(0), *mine], [*train(1), *buffers(*contents)]
    assert compare(tmp_path, *ranks, copies="0,1").find_parted_buffer() is None


def test_without_copies_of_a_model_no_buffer_is_told(tmp_path: Path) -> None:
    own = from_step(0, **{f"g{step}": 700 + step for step in range(STEPS)})
    ranks = [*train(0), *buffers(1, 2)], [*train(1, **own), *buffers(1, 5)]
    assert compare(tmp_path, *ranks, copies="").find_parted_buffer() is None
