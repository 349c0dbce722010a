"""What is said of a call that is to blame."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.comparison.entropy import EntropyCall, strength_of
from reproaudit.diagnose.blame import describe_call, find_cause
from reproaudit.diagnose.candidates import find_for_call
from reproaudit.model.cause import Cause
from reproaudit.model.events import LibraryCall
from reproaudit.trace.runs import MAIN_PROCESS


def call(
    name: str,
    shown: tuple[str, str] = ("", ""),
    *,
    process: str = MAIN_PROCESS,
    drew: bool = False,
    below: LibraryCall | None = None,
) -> EntropyCall:
    first, second = shown
    return EntropyCall(name, process, 0, 0, strength_of(name), first, second, drew, below)


@pytest.mark.parametrize(
    ("blamed", "said"),
    [
        (call("time.time", ("1.5", "2.5")), "time.time returned 1.5 and 2.5"),
        (call("os.listdir"), "os.listdir gave another result in each run"),
        (call("queue.Queue.get"), "queue.Queue.get hands out results in order of arrival"),
        (
            call("random.random", drew=True, below=LibraryCall("lib.sample", "lib.sample", "seed")),
            "random.random drew from a generator whose state differed, called by lib.sample; "
            "lib.sample takes a seed as 'seed' and was given none",
        ),
    ],
    ids=["a value", "a digest", "an arrival", "a draw of a library"],
)
def test_what_the_call_did_is_said(blamed: EntropyCall, said: str) -> None:
    assert describe_call(blamed) == said


def test_a_process_that_trains_itself_is_no_worker() -> None:
    drawn = replace(call("numpy.random.randn", process="child-python-1"), is_in_trainer=True)
    assert find_cause(drawn) is Cause.UNSEEDED_RNG


def test_what_a_rank_draws_is_its_own() -> None:
    assert find_cause(call("numpy.random.randn", process="rank-1")) is Cause.UNSEEDED_RNG
    assert find_cause(call("random.random", process="rank-1/child-1")) is Cause.WORKER_SEED


def test_what_a_worker_draws_follows_the_seed_of_the_worker() -> None:
    assert find_cause(call("numpy.random.randn", process="child-1")) is Cause.WORKER_SEED
    assert find_cause(call("numpy.random.randn")) is Cause.UNSEEDED_RNG


@pytest.mark.parametrize(
    ("name", "repair"),
    [
        ("random.SystemRandom.random", "entropy.fixed"),
        ("numpy.random.SeedSequence", "seed.numpy_generators"),
        ("torch.Generator.seed", "seed.torch_generators"),
    ],
)
def test_no_seed_of_a_worker_decides_what_the_operating_system_draws(
    name: str, repair: str
) -> None:
    drawn = call(name, process="child-1")
    assert find_cause(drawn) is Cause.UNSEEDED_RNG
    assert find_for_call(drawn)[0] == repair
