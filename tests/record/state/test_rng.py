"""Which generator a random op is known to draw from, on devices as well, and when its state is not
asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reproaudit.record.operation.operands import find_generator
from reproaudit.record.operation.opinfo import describe_op
from reproaudit.record.state import rng

RAND = describe_op(torch.ops.aten.rand.default)
RANDPERM = describe_op(torch.ops.aten.randperm.generator)


@pytest.fixture
def two_devices(monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Generator, torch.Generator]:
    """Generators of the CPU stand in for those of two devices, of which the second is the current
    one."""
    generators = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    monkeypatch.setattr(torch.cuda, "default_generators", generators)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    return generators


def test_an_op_on_a_device_draws_from_that_device_s_generator(
    two_devices: tuple[torch.Generator, ...],
) -> None:
    first, second = two_devices
    assert find_generator(RAND, ([2],), {"device": torch.device("cuda:0")}) == (first, False)
    assert find_generator(RAND, ([2],), {"device": torch.device("cuda")}) == (second, False)
    assert find_generator(RAND, ([2],), {"device": torch.device("cpu")}) == (None, False)


def test_a_generator_that_is_given_wins_over_the_device_s(
    two_devices: tuple[torch.Generator, ...],
) -> None:
    own = torch.Generator()
    assert find_generator(RANDPERM, (4,), {"generator": own, "device": torch.device("cuda")}) == (
        own,
        True,
    )


def test_the_streams_of_all_devices_are_told_apart(
    two_devices: tuple[torch.Generator, ...],
) -> None:
    streams = dict(rng.Streams().digests())
    assert streams["torch.cuda:0"] != streams["torch.cuda:1"]
    assert streams["torch.cuda:0"] == rng.generator_state(two_devices[0])


def test_no_generator_of_a_device_is_asked_while_a_graph_is_captured(
    two_devices: tuple[torch.Generator, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)

    def refuse() -> None:
        raise RuntimeError("Cannot call CUDAGeneratorImpl::current_seed during CUDA graph capture")

    on_device: Any = SimpleNamespace(device=torch.device("cuda:0"), get_state=refuse)
    assert rng.generator_state64(on_device) == 0
    assert not any(name.startswith("torch.cuda") for name, _ in rng.Streams().digests())
    assert rng.generator_state64(None) != 0


@pytest.mark.gpu
def test_seed_and_offset_of_a_device_are_what_its_state_is() -> None:
    generator = torch.Generator(device="cuda")
    states = []
    for seed, draws in ((1, 0), (1, 1), (2, 0), (1, 0)):
        generator.manual_seed(seed)
        for _ in range(draws):
            torch.rand(4, device="cuda", generator=generator)
        states.append(rng.generator_state64(generator))
    assert states[0] == states[3]
    assert len(set(states)) == 3


@pytest.mark.parametrize(
    ("message", "known"),
    [
        ("operation would make the legacy stream depend on a capturing", True),
        ("an illegal access", False),
    ],
)
def test_a_stream_that_may_not_be_asked_because_another_is_captured_counts_as_captured(
    two_devices: tuple[torch.Generator, ...],
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    known: bool,
) -> None:
    def refuse() -> bool:
        raise RuntimeError(f"CUDA error: {message}")

    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", refuse)
    if known:
        assert rng.is_capturing()
    else:
        with pytest.raises(RuntimeError, match="illegal access"):
            rng.is_capturing()
