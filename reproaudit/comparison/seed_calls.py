"""The calls of a run that seed a stream, and whether what they are given follows the seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.comparison.draw_sites import NUMPY, PYTHON, TORCH, TORCH_GENERATOR
from reproaudit.comparison.entropy import NO_SEED
from reproaudit.config.held_seed import SEEDED_SAMPLER, HeldSeed, read_given
from reproaudit.model.events import LibraryCall, Location
from reproaudit.trace.runs import Run, is_worker
from reproaudit.trace.words import CALLS_PER_LINE, NUMPY_GENERATOR, NUMPY_STATE, PYTHON_GENERATOR

# Which stream each call seeds.
_SEEDED = {
    "torch.manual_seed": TORCH,
    "torch.seed": TORCH,
    "torch.Generator.manual_seed": TORCH_GENERATOR,
    "torch.Generator.seed": TORCH_GENERATOR,
    "random.seed": PYTHON,
    "random.Random": PYTHON_GENERATOR,
    "random.Random.seed": PYTHON_GENERATOR,
    "numpy.random.seed": NUMPY,
    "numpy.random.RandomState": NUMPY_STATE,
    "numpy.random.default_rng": NUMPY_GENERATOR,
}
_ASKING = ("torch.seed", "torch.Generator.seed")  # which return the seed that they chose
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,20}(?![\w.])")


@dataclass(frozen=True, slots=True)
class SeedCall:
    """A call that seeds a stream. `shown` is what it was given, as text.

    `occurrence` numbers the calls of one name at one line from 0 on.
    """

    process: str
    event: int
    name: str
    stream: str
    shown: str
    occurrence: int
    location: Location | None
    below: LibraryCall | None = None

    @property
    def key(self) -> tuple[str, str, Location | None, int]:
        """What the same call of another run has, too."""
        return self.process, self.name, self.location, self.occurrence

    @property
    def has_seed(self) -> bool:
        """False if the operating system is asked for one."""
        return self.shown not in NO_SEED and self.name not in _ASKING

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, _NUMBER.findall(self.shown)))


@dataclass(frozen=True, slots=True)
class SeedCalls:
    """The seeding calls of one run, in order within each process."""

    calls: tuple[SeedCall, ...]

    def by_key(self) -> dict[tuple[str, str, Location | None, int], SeedCall]:
        return {call.key: call for call in self.calls}

    def of_stream(self, process: str, stream: str) -> list[SeedCall]:
        """Return those of one stream of one process."""
        return [call for call in self.calls if (call.process, call.stream) == (process, stream)]


def list_seed_calls(run: Run) -> SeedCalls:
    """Return the calls that seed, of all processes."""
    found: list[SeedCall] = []
    times: dict[tuple[str, str, Location | None], int] = {}
    for process, trace in run.traces:
        for call in trace.entropy_calls():
            stream = _SEEDED.get(call.name)
            if stream is None:
                continue
            if call.name == "numpy.random.seed":
                _drop_inner(found, call.known_location)
            place = (process, call.name, call.known_location)
            occurrence = times.get(place, 0)
            times[place] = occurrence + 1
            found.append(
                SeedCall(
                    process=process,
                    event=call.number,
                    name=call.name,
                    stream=stream,
                    shown=call.shown,
                    occurrence=occurrence,
                    location=call.known_location,
                    below=call.below,
                )
            )
    return SeedCalls(tuple(found))


def _drop_inner(found: list[SeedCall], location: Location | None) -> None:
    """Drop what NumPy's global seeding was recorded as just before: it is one of a RandomState."""
    if found and found[-1].stream == NUMPY_STATE and found[-1].location == location:
        found.pop()


def find_following(base: SeedCalls, others: Sequence[SeedCalls]) -> frozenset[SeedCall]:
    """Return the calls of `base` that are given something else in each of the others."""
    tables = [other.by_key() for other in others]
    following = []
    for call in base.calls:
        partners = [table.get(call.key) for table in tables]
        if call.has_seed and all(
            partner is not None and partner.shown != call.shown for partner in partners
        ):
            following.append(call)
    return frozenset(following)


def find_unlike(
    following: Sequence[tuple[SeedCall, SeedCall]],
    seeds: tuple[int, int],
    other: SeedCalls,
    seed: int,
) -> list[tuple[SeedCall, SeedCall | None]]:
    """Return calls that a third seed does not reach, though two others do.

    `following` are pairs of the same call under the two `seeds`. Such a call is not made at all
    under the third, or is given another number than the one that the first two lead to. With each
    stands what was called under it, None if nothing was.
    """
    table = other.by_key()
    found: list[tuple[SeedCall, SeedCall | None]] = []
    for a, b in following:
        partner = table.get(a.key)
        if partner is None:
            found.append((a, None))
        elif _expect(a.numbers, b.numbers, seeds, seed) not in (None, partner.numbers):
            found.append((a, partner))
    return found


def _expect(
    a: tuple[int, ...], b: tuple[int, ...], seeds: tuple[int, int], seed: int
) -> tuple[int, ...] | None:
    """Return the numbers that a third seed gives if each is a seed plus a constant; else None."""
    if len(a) != len(b) or not a:
        return None
    expected = []
    for one, other in zip(a, b, strict=True):
        if one == other:
            expected.append(one)
        elif one - seeds[0] == other - seeds[1]:
            expected.append(one - seeds[0] + seed)
        else:
            return None
    return tuple(expected)


def hold_seedings(
    base: SeedCalls, other: SeedCalls, seeds: tuple[int, int]
) -> tuple[HeldSeed, ...] | None:
    """Return what the calls of `other` are to be given so that they seed as those of `base`.

    `seeds` are those of the program in the two. None if it cannot be said: calls are missing, were
    given no plain numbers, or were given the same though those of `base` were not.
    """
    table = base.by_key()
    held: dict[tuple[str, str], str] = {}
    for call in other.calls:
        partner = table.pop(call.key, None)
        if call.occurrence >= CALLS_PER_LINE - 1:
            return None
        if partner is None:
            if is_worker(call.process):
                continue  # how many samples a worker prepares is chance
            return None
        if held.setdefault((call.name, call.shown), partner.shown) != partner.shown:
            return None
    if not all(is_worker(process) for process, *_ in table):
        return None
    differing = [HeldSeed(*key, given) for key, given in held.items() if key[1] != given]
    try:
        for one in differing:
            if len(read_given(one.found)) != len(read_given(one.given)):
                return None
    except ValueError:
        return None
    first, second = seeds
    return (*differing, HeldSeed(SEEDED_SAMPLER, repr((second,)), repr((first,))))
