"""The determinism flag is set in all its parts and put back in all its parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from reproaudit.record.state import flags

STATES = [
    (is_on, only_warns, fills)
    for is_on in (False, True)
    for only_warns in (False, True)
    for fills in (False, True)
]


def public_state() -> flags.FlagState:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )


@pytest.fixture(autouse=True)
def flag_as_found() -> Iterator[None]:
    before = flags.read_flag()
    yield
    flags.set_for_program(before)


@pytest.mark.parametrize("state", STATES)
def test_what_is_put_back_is_what_the_program_reads(state: flags.FlagState) -> None:
    flags.put_back(state)
    assert public_state() == state
    assert flags.read_flag() == state


@pytest.mark.parametrize("state", STATES)
def test_strict_raises_and_fills_nothing_and_leaves_the_flag_as_it_was(
    state: flags.FlagState,
) -> None:
    flags.put_back(state)
    with flags.strict():
        assert public_state() == (True, False, False)
    assert public_state() == state


def test_the_flag_is_put_back_after_an_op_was_refused() -> None:
    flags.put_back((False, True, True))
    with pytest.raises(RuntimeError, match="refused"), flags.strict():
        raise RuntimeError("refused")
    assert public_state() == (False, True, True)


def test_the_flag_off_keeps_its_other_parts() -> None:
    flags.put_back((True, True, True))
    before = flags.set_off()
    assert before == (True, True, True)
    assert public_state() == (False, True, True)


def test_setting_it_as_a_program_does_reaches_inductor() -> None:
    import torch._inductor.config as inductor

    if not hasattr(inductor, "deterministic"):
        pytest.skip("Inductor of this torch has no deterministic mode")
    flags.set_for_program((True, True, False))
    assert inductor.deterministic
    flags.set_for_program((False, False, True))
    assert not inductor.deterministic
    assert public_state() == (False, False, True)
