"""What is said of a call into the outside world that is to blame: what it did, and the cause."""

from __future__ import annotations

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.knowledge.rules import find_cause_of_call
from reproaudit.model.cause import Cause
from reproaudit.trace.runs import is_worker

# NumPy's is recorded where a generator is made without a seed.
_ASK_SYSTEM = ("random.SystemRandom", "numpy.random.SeedSequence", "torch.Generator.seed")


def is_drawn_by_worker(call: EntropyCall) -> bool:
    """Return True if the call draws from, or seeds, a generator in a process that loads data.

    What asks the operating system each time is none: no seed of a worker decides it.
    """
    if not is_worker(call.process) or call.is_in_trainer or call.name.startswith(_ASK_SYSTEM):
        return False
    return "random" in call.name or "seed" in call.name


def describe_call(call: EntropyCall) -> str:
    """Say what is different about the call."""
    if call.state_differed:
        drew = f"{call.name} drew from a generator whose state differed"
        return f"{drew}{_word_library(call)}"
    if call.strength is Strength.ARRIVAL:
        return word_arrival(call.name)
    if not call.shown_a and not call.shown_b:
        # Of some results only a digest is recorded.
        return f"{call.name} gave another result in each run{_word_library(call)}"
    first = call.shown_a or "another result"
    second = call.shown_b or "another"
    return f"{call.name} returned {first} and {second}{_word_library(call)}"


def word_arrival(name: str) -> str:
    """Say what has no order about a call that stands for an order of arrival."""
    if name.endswith("Lock"):
        return f"{name} lets in who comes first, and what it guards is shared by processes"
    return f"{name} hands out results in order of arrival"


def _word_library(call: EntropyCall) -> str:
    """Say what the program called, where a library made the call; with a comma in front."""
    below = call.below
    if below is None:
        return ""
    said = f", called by {below.function}"
    if below.seeded:
        said += f"; {below.seeded} takes a seed as {below.argument!r} and was given none"
    return said


def find_cause(call: EntropyCall) -> Cause:
    """Return the cause that the call is."""
    # Before the name: in a worker even a seeded library differs if the worker's seed does.
    if is_drawn_by_worker(call):
        return Cause.WORKER_SEED
    by_name = find_cause_of_call(call.name)
    if by_name is not None:
        return by_name
    if call.strength is Strength.ARRIVAL:
        return Cause.DATA_ORDER
    return Cause.UNSEEDED_RNG
