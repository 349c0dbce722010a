"""The table of interventions, and the questions that it answers.

An entry stands in one of the two tables that are joined here. If it has to act inside the audited
process, it names a module of `record/repairs`. A new intervention needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reproaudit.config.settings import Settings, merge
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge import (
    interventions_outside,
    interventions_process,
    interventions_ranks,
    interventions_torch,
)
from reproaudit.knowledge.traits import Clue, Intervention, Part
from reproaudit.model.cause import Cause

SEED = interventions_outside.SEED
FLAG = interventions_torch.FLAG  # the determinism flag of torch

INTERVENTIONS: dict[str, Intervention] = {
    entry.id: entry
    for entry in (
        *interventions_outside.TABLE,
        *interventions_torch.TABLE,
        *interventions_ranks.TABLE,
        *interventions_process.TABLE,
    )
}


def find(name: str) -> Intervention:
    """Return the intervention called `name`, or raise UsageError with the nearest names."""
    if name not in INTERVENTIONS:
        raise UsageError(
            f"there is no intervention {name!r}",
            code="intervention-unknown",
            hint=did_you_mean(name, INTERVENTIONS),
        )
    return INTERVENTIONS[name]


def list_against(causes: Iterable[Cause], *, cuda: bool, compiles: bool = True) -> tuple[str, ...]:
    """Return the ids of all interventions that remove one of the causes, in the table's order.

    What does nothing without a GPU, or in a program that compiles nothing, is left out there.
    """
    wanted = set(causes)
    found: list[str] = []
    for name, entry in INTERVENTIONS.items():
        if (entry.only_cuda and not cuda) or (entry.only_compiled and not compiles):
            continue
        if not wanted.isdisjoint(entry.causes):
            found.append(name)
    return tuple(found)


def list_for_call(call: str) -> tuple[str, ...]:
    """Return what makes a call into the outside world give the same in each run, by its name.

    The longest start of the name that the table holds counts, so that an exact name wins over that
    of its library.
    """
    longest = ""
    for entry in INTERVENTIONS.values():
        for start in entry.calls:
            if call.startswith(start) and len(start) > len(longest):
                longest = start
    # The table holds no empty start, so nothing answers a call that none of its starts fits.
    ranks: dict[str, int] = {}
    for name, entry in INTERVENTIONS.items():
        rank = entry.calls.get(longest)
        if rank is not None:
            ranks[name] = rank
    return _sort_by_rank(ranks)


def list_for_clue(clue: Clue) -> tuple[str, ...]:
    """Return the ids of the interventions that answer the clue, the likeliest first."""
    ranks: dict[str, int] = {}
    for name, entry in INTERVENTIONS.items():
        rank = entry.clues.get(clue)
        if rank is not None:
            ranks[name] = rank
    return _sort_by_rank(ranks)


def list_acting_on(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the ids of the interventions that act on these parts, in the order of the parts."""
    found: list[str] = []
    for part in parts:
        for name, entry in INTERVENTIONS.items():
            if entry.acts_on is part:
                found.append(name)
    return tuple(found)


def list_with_fresh_files() -> tuple[str, ...]:
    """Return the ids of the interventions that give each run the files from before the audit."""
    return tuple(entry.id for entry in INTERVENTIONS.values() if entry.fresh_files)


def combine_settings(base: Settings, names: Sequence[str]) -> Settings:
    """Return `base` changed by the named interventions; what only `base` sets stays."""
    settings = base
    for name in names:
        change = find(name).settings
        settings = merge(settings, change)
    return settings


def _sort_by_rank(ranks: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names, the lowest rank first; equal ones in the table's order."""
    # Python's sort is stable, and the ranks came in the table's order.
    names = sorted(ranks, key=ranks.__getitem__)
    return tuple(names)
