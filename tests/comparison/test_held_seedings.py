"""What calls that seed are to be given so that a run draws what another one draws."""

from __future__ import annotations

import pytest

from reproaudit.comparison.seed_calls import SeedCall, SeedCalls, hold_seedings
from reproaudit.config.held_seed import SEEDED_SAMPLER, HeldSeed, read_given
from reproaudit.model.events import Location

SAMPLER = HeldSeed(SEEDED_SAMPLER, "(2,)", "(1,)")


def call(shown: str, line: int = 1, *, process: str = "", occurrence: int = 0) -> SeedCall:
    return SeedCall(
        process=process,
        event=line,
        name="torch.manual_seed",
        stream="torch",
        shown=shown,
        occurrence=occurrence,
        location=Location("train.py", line),
    )


def hold(base: list[SeedCall], other: list[SeedCall]) -> tuple[HeldSeed, ...] | None:
    return hold_seedings(SeedCalls(tuple(base)), SeedCalls(tuple(other)), (1, 2))


def test_what_follows_the_seed_is_given_what_the_first_run_had_and_a_constant_is_left() -> None:
    held = hold([call("(1,)"), call("(42,)", 2)], [call("(2,)"), call("(42,)", 2)])
    assert held == (HeldSeed("torch.manual_seed", "(2,)", "(1,)"), SAMPLER)


@pytest.mark.parametrize(
    ("base", "other"),
    [
        ([call("(1,)"), call("(2,)", 2)], [call("(2,)"), call("(2,)", 2)]),
        ([call("(1,)")], [call("(2,)"), call("(2,)", 2)]),
        ([call("(1,)"), call("(1,)", 2)], [call("(2,)")]),
        ([call("(tensor(1),)")], [call("(tensor(2),)")]),
        ([call("(1,)", occurrence=63)], [call("(2,)", occurrence=63)]),
    ],
    ids=["a constant is the other seed", "one more", "one less", "no numbers", "not all recorded"],
)
def test_where_it_cannot_be_said_nothing_is_held(
    base: list[SeedCall], other: list[SeedCall]
) -> None:
    assert hold(base, other) is None


def test_how_many_samples_a_worker_prepares_keeps_nothing_from_being_held() -> None:
    more = call("(7,)", 5, process="worker 0")
    assert hold([call("(1,)"), more], [call("(2,)")]) is not None
    assert hold([call("(1,)")], [call("(2,)"), more]) is not None


def test_arguments_are_read_from_their_text_also_numbers_of_numpy() -> None:
    assert read_given("([1, 5], 'a')") == ([1, 5], "a")
    assert read_given("(np.int64(-3),)") == (-3,)
    for text in ("(tensor(1),)", "3", "([1, 2, ", "(__import__('os'),)"):
        with pytest.raises(ValueError, match="arguments"):
            read_given(text)
