"""The table of interventions, and the questions that it answers.

An entry stands in one of the two tables that are joined here. If it has to act inside the audited
process, it names a module of `record/repairs`. A new intervention needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from reproaudit.config.settings import Settings, merge
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge import interventions_outside, interventions_torch
from reproaudit.knowledge.traits import Clue, Intervention, Part
from reproaudit.model.result import Cause

SEED = interventions_outside.SEED
# The variable that names the byte which new memory is filled with, and a byte that is not zero.
FILL_VARIABLE = "REPROAUDIT_FILL"
ZERO_FILL, OTHER_FILL = "0", "90"

INTERVENTIONS: dict[str, Intervention] = {
    entry.id: entry for entry in (*interventions_outside.TABLE, *interventions_torch.TABLE)
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


def list_against(causes: Iterable[Cause], *, cuda: bool) -> tuple[str, ...]:
    """Return the ids of all interventions that remove one of the causes, in the table's order."""
    wanted = set(causes)
    return tuple(
        name
        for name, entry in INTERVENTIONS.items()
        if wanted.intersection(entry.causes) and (cuda or not entry.only_cuda)
    )


def list_for_call(call: str) -> tuple[str, ...]:
    """Return what makes a call into the outside world give the same in each run, by its name.

    The longest start of the name that the table holds counts, so that an exact name wins over that
    of its library.
    """
    starts = {start for entry in INTERVENTIONS.values() for start in entry.calls}
    fitting = [start for start in starts if call.startswith(start)]
    if not fitting:
        return ()
    longest = max(fitting, key=len)
    return _by_rank({name: entry.calls.get(longest) for name, entry in INTERVENTIONS.items()})


def list_for_clue(clue: Clue) -> tuple[str, ...]:
    """Return the ids of the interventions that answer the clue, the likeliest first."""
    return _by_rank({name: entry.clues.get(clue) for name, entry in INTERVENTIONS.items()})


def list_acting_on(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the ids of the interventions that act on these parts, in the order of the parts."""
    return tuple(
        name for part in parts for name, entry in INTERVENTIONS.items() if entry.acts_on is part
    )


def combine_settings(base: Settings, names: Sequence[str]) -> Settings:
    """Return `base` changed by the named interventions; what only `base` sets stays."""
    return reduce(merge, (find(name).settings for name in names), base)


def _by_rank(ranks: dict[str, int | None]) -> tuple[str, ...]:
    """Return the names that have a rank, the lowest first; equal ones in the table's order."""
    found = [(rank, name) for name, rank in ranks.items() if rank is not None]
    found.sort(key=lambda ranked: ranked[0])
    return tuple(name for _, name in found)
