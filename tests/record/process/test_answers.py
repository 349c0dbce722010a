"""Asking a callable for a batch, recorded: where the answer for a row depends on the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.leaks import Leak, find_leak, find_rounding
from reproaudit.comparison.regroup import find_regrouped_source
from reproaudit.config.portions import Neighbours, Portions, Watched
from reproaudit.model.events import EventKind, Level, Unchecked
from reproaudit.record.process import install
from reproaudit.record.process.answers import Asking
from reproaudit.record.process.batches import Given, gather_given
from reproaudit.trace.runs import Run, open_run
from tests.record.recording import names, notes, record

pytestmark = pytest.mark.seeded
Target = Callable[..., Any]


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def ask(
    folder: Path, target: Target, given: Given, portions: Portions, level: Level = Level.OPERATION
) -> tuple[Run, Any]:
    """Ask under a recorder; return the run and the answer."""
    found: list[Any] = []

    def program() -> None:
        # The recorder of this process is the one that was installed last.
        torch.manual_seed(0)
        found.append(Asking(target, given, portions, recorders[-1]).ask())

    recorders: list[Any] = []
    original = install.Recorder

    class Noted(original):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            recorders.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(install, "Recorder", Noted)
        slices_mb = 0 if level is Level.BOUNDARY else 4
        trace, _ = record(folder, program, level, slices_mb=slices_mb)
    return open_run(trace.directory, len(list(folder.glob("trace-*")))), found[0]


WEIGHT = draw(96, 64)


def multiply(rows: torch.Tensor) -> torch.Tensor:
    return rows @ WEIGHT


def centre(rows: torch.Tensor) -> torch.Tensor:
    scaled = rows * 2
    return scaled - scaled.mean(0)


def attend(tokens: torch.Tensor, attention_mask: torch.Tensor, hidden: int) -> torch.Tensor:
    table = draw(32, 8)
    content = table[tokens]
    scores = content @ content.transpose(1, 2)
    scores = scores.masked_fill(attention_mask[:, None, :] == hidden, float("-inf"))
    weights = scores.softmax(-1)
    return weights @ content


def attend_rightly(tokens: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    return attend(tokens, attention_mask, 0)


def attend_wrongly(tokens: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    return attend(tokens, attention_mask, 2)  # no place has it: nothing is hidden


def test_a_row_of_a_matrix_product_is_rounded_otherwise_in_a_larger_batch(tmp_path: Path) -> None:
    given = gather_given((draw(64, 96),), {})
    alone, answer = ask(tmp_path, multiply, given, Portions(size=1))
    together, other = ask(tmp_path, multiply, given, Portions(size=64))
    assert not torch.equal(answer, other)
    found = find_regrouped_source(alone, together, Interned())
    assert found is not None
    assert found.op == "aten::mm"
    assert found.differing > 0


def test_a_layer_norm_answers_alike_in_all_batches(tmp_path: Path) -> None:
    given = gather_given((draw(12, 64),), {})
    norm = torch.nn.LayerNorm(64)
    alone, answer = ask(tmp_path, norm, given, Portions(size=1))
    together, other = ask(tmp_path, norm, given, Portions(size=5))
    assert torch.equal(answer, other)
    assert find_regrouped_source(alone, together, Interned()) is None


def find_neighbours(folder: Path, target: Target, given: Given) -> Leak | None:
    watched = Portions(size=4, watched=Watched.ROWS)
    own, _ = ask(folder, target, given, watched)
    changed = Portions(size=4, watched=Watched.ROWS, neighbours=Neighbours.OTHER)
    other, _ = ask(folder, target, given, changed)
    return find_leak(own, other, Interned())


def test_the_operator_that_mixes_rows_is_found_by_the_content_of_the_others(
    tmp_path: Path,
) -> None:
    given = gather_given((draw(8, 6),), {})
    leak = find_neighbours(tmp_path, centre, given)
    assert leak is not None
    assert leak.op == "aten::mean.dim"
    assert leak.is_proof


def test_an_operator_that_only_rounds_otherwise_mixes_nothing(tmp_path: Path) -> None:
    assert find_neighbours(tmp_path, multiply, gather_given((draw(8, 96),), {})) is None


def find_padding(folder: Path, target: Target) -> Leak | None:
    tokens = torch.randint(1, 32, (3, 5), generator=torch.Generator().manual_seed(0))
    given = gather_given((tokens,), {})
    runs = []
    for is_filled in (False, True):
        portions = Portions(size=3, padding=2, is_filled=is_filled, watched=Watched.UNPADDED)
        runs.append(ask(folder, target, given, portions)[0])
    return find_leak(*runs, Interned())


def test_a_wrong_mask_is_found_at_the_softmax_that_sums_over_the_padding(tmp_path: Path) -> None:
    leak = find_padding(tmp_path, attend_wrongly)
    assert leak is not None
    assert leak.op == "aten::_softmax"
    assert leak.is_proof


def test_a_right_mask_lets_nothing_through(tmp_path: Path) -> None:
    assert find_padding(tmp_path, attend_rightly) is None


def test_where_masked_columns_only_change_how_a_row_is_rounded_is_found(tmp_path: Path) -> None:
    def add_up(rows: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (rows * mask).sum(1)

    given = gather_given((draw(4, 100),), {})
    plain = gather_given(given.args, {"mask": torch.ones(4, 100)})
    bare, answer = ask(tmp_path, add_up, plain, Portions(size=4))
    watched = Portions(size=4, padding=27, watched=Watched.UNPADDED)
    padded, other = ask(tmp_path, add_up, given, watched)
    assert not torch.equal(answer, other)
    found = find_rounding(bare, padded, Interned())
    assert found is not None
    assert found.op == "aten::sum.dim_IntList"


@pytest.mark.parametrize(
    "portions",
    [
        Portions(size=3),
        Portions(size=4, turn=1),
        Portions(size=4, padding=2),
        Portions(size=4, padding=2, is_filled=True),
        Portions(size=4, neighbours=Neighbours.OTHER),
    ],
    ids=str,
)
def test_what_is_answered_for_a_row_by_itself_does_not_depend_on_how_it_is_asked(
    tmp_path: Path, portions: Portions
) -> None:
    given = gather_given((draw(7, 6),), {})
    _, alone = ask(tmp_path, torch.relu, given, Portions(size=1), Level.BOUNDARY)
    _, answer = ask(tmp_path, torch.relu, given, portions, Level.BOUNDARY)
    assert torch.equal(alone, answer)


def test_a_draw_for_the_batch_is_no_neighbour_that_matters(tmp_path: Path) -> None:
    def drop(rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(rows, 0.5, training=True)

    given = gather_given((draw(4, 50),), {})
    _, own = ask(tmp_path, drop, given, Portions(size=4), Level.BOUNDARY)
    other = Portions(size=4, neighbours=Neighbours.OTHER)
    _, changed = ask(tmp_path, drop, given, other, Level.BOUNDARY)
    assert torch.equal(own, changed)


def test_at_boundary_level_portions_leave_no_tensors_of_their_own(tmp_path: Path) -> None:
    given = gather_given((draw(4, 6),), {})
    run, _ = ask(tmp_path, torch.nn.Linear(6, 2), given, Portions(size=3), Level.BOUNDARY)
    assert names(run.main, EventKind.OUTPUT) == []


def test_an_answer_without_rows_is_noted(tmp_path: Path) -> None:
    def add_up(rows: torch.Tensor) -> torch.Tensor:
        return rows.sum()

    run, _ = ask(tmp_path, add_up, gather_given((draw(4, 6),), {}), Portions(size=2))
    assert [note.code for note in notes(run.main)] == [Unchecked.NO_ROWS]
