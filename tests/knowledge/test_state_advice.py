"""What to write for each piece of state that a resumed run may lack."""

from __future__ import annotations

import pytest

from reproaudit.knowledge.state_advice import advise_restoring
from reproaudit.model.question import LostState, Restoration, StateKind


@pytest.mark.parametrize("restoration", list(Restoration))
@pytest.mark.parametrize("kind", list(StateKind))
def test_there_is_advice_for_each_kind_of_state(kind: StateKind, restoration: Restoration) -> None:
    advice = advise_restoring(LostState(kind, "name", restoration))
    assert advice
    assert not advice.endswith(".")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("torch CPU", "torch.set_rng_state(state)"),
        ("torch CUDA:1", "torch.cuda.set_rng_state_all(states)"),
        ("NumPy", "numpy.random.set_state(state)"),
        ("Python", "random.setstate(state)"),
        ("generator of RandomSampler", "generator.set_state(state)"),
    ],
)
def test_the_call_that_puts_back_a_stream_is_its_own(name: str, call: str) -> None:
    lost = LostState(StateKind.RANDOM_STREAM, name, Restoration.NOT_RESTORED)
    assert call in advise_restoring(lost)


def test_a_stream_that_was_restored_is_to_be_restored_later() -> None:
    lost = LostState(StateKind.RANDOM_STREAM, "torch CPU", Restoration.SHIFTED)
    assert "last thing before the first step" in advise_restoring(lost)
