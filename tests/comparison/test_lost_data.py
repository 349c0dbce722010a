"""Which data a resumed run goes on with: the order of an epoch under way, and parts of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from reproaudit.comparison.lost_state import find_lost_state
from reproaudit.model.events import Level
from reproaudit.model.question import LostState, StateKind
from reproaudit.trace.runs import Run
from tests.record.recording import record

_SAVED_AT = 2  # steps, of four in an epoch


@pytest.fixture(autouse=True)
def streams_as_they_were() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    torch.set_rng_state(before)


def find(folder: Path, train: Callable[[bool], None], step: int) -> tuple[LostState, ...]:
    """Return what the program lost that `train` resumes, given True."""

    def run(*, goes_on: bool) -> Run:
        def program() -> None:
            train(goes_on)

        trace, _ = record(folder, program, Level.BOUNDARY, state=True)
        return Run(0, (("", trace),))

    through = run(goes_on=False)
    return find_lost_state(through, through, run(goes_on=True), step)


def make_model() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    model = nn.Linear(3, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


class Shuffled:
    """Trains on shuffled samples, and puts its stream right when it goes on mid-epoch."""

    def __init__(self, folder: Path, samples: Dataset[Any], *, draws_anew: bool) -> None:
        self._file = folder / "checkpoint.pt"
        self._samples = samples
        self._draws_anew = draws_anew

    def train(self, goes_on: bool) -> None:
        model, optimizer = make_model()
        saved: dict[str, Any] = {}
        if goes_on:
            saved = torch.load(self._file)
            model.load_state_dict(saved["model"])
            torch.set_rng_state(saved["now" if self._draws_anew else "began"])
        began = torch.get_rng_state()
        for number, batch in enumerate(DataLoader(self._samples, batch_size=2, shuffle=True)):
            if goes_on and number < _SAVED_AT:
                continue
            if goes_on and number == _SAVED_AT:
                torch.set_rng_state(saved["now"])
            x = batch[0] if isinstance(batch, list) else batch
            # Noise that is drawn in the loop needs the stream that the checkpoint has.
            loss = model(x + torch.rand_like(x)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if number + 1 == _SAVED_AT and not goes_on:
                now = torch.get_rng_state()
                state = {"model": model.state_dict(), "began": began, "now": now}
                torch.save(state, self._file)


def make_samples() -> Dataset[Any]:
    generator = torch.Generator().manual_seed(5)
    return TensorDataset(torch.randn(8, 3, generator=generator))


def test_an_order_that_is_drawn_anew_mid_epoch_is_lost_though_the_stream_was_right(
    tmp_path: Path,
) -> None:
    def train(goes_on: bool) -> None:
        program = Shuffled(tmp_path, make_samples(), draws_anew=True)
        program.train(goes_on)

    (lost,) = find(tmp_path, train, _SAVED_AT)
    assert (lost.kind, lost.name) == (StateKind.SAMPLER_EPOCH, "order of the epoch")
    assert lost.location is not None
    assert lost.location.function == "train"


def test_a_stream_put_back_to_the_beginning_of_the_epoch_gives_its_order_again(
    tmp_path: Path,
) -> None:
    program = Shuffled(tmp_path, make_samples(), draws_anew=False)
    assert find(tmp_path, program.train, _SAVED_AT) == ()


@pytest.mark.parametrize("skipped", [1, 2])
def test_gradients_of_the_parts_of_a_batch_that_came_before_the_checkpoint_are_lost(
    tmp_path: Path, skipped: int
) -> None:
    parts = 3
    data = torch.randn(4, parts, 2, 3, generator=torch.Generator().manual_seed(5))

    def train(goes_on: bool) -> None:
        model, optimizer = make_model()
        file = tmp_path / "checkpoint.pt"
        start = (1, skipped) if goes_on else (0, 0)
        if goes_on:
            model.load_state_dict(torch.load(file))
        for step in range(start[0], 3):
            first = start[1] if step == start[0] else 0
            for part in range(first, parts):
                model(data[step, part]).square().mean().backward()
                if (step, part + 1) == (1, skipped) and not goes_on:
                    torch.save(model.state_dict(), file)
            optimizer.step()
            optimizer.zero_grad()

    (lost,) = find(tmp_path, train, 1)
    assert (lost.kind, lost.found) == (StateKind.ACCUMULATION, "none")
    assert lost.expected == f"those of {skipped} parts of a batch"
