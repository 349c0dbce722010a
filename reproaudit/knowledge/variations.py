"""The table of variations: changes of a run that ought not to matter.

An entry stands here or in one of the tables that are joined here. If it has to act inside the
audited process, it names a module of `record/variations`. A new variation needs nothing else.
"""

from __future__ import annotations

from reproaudit.config.settings import Settings, bad_value
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.variation import Variation
from reproaudit.knowledge.variations_interpreter import INTERPRETER


def _set_threads(value: str) -> Settings:
    if not value.isdecimal():
        raise bad_value("threads", value, "a whole number from 1 on")
    return Settings(threads=int(value))


def _set_hash_seed(value: str) -> Settings:
    if not value.isdecimal():
        raise bad_value("hash_seed", value, "a whole number from 0 on")
    return Settings(hash_seed=int(value))


_PROCESS = (
    Variation(
        id="threads",
        what="the number of threads that compute an operator",
        values=("1", "2", "4"),
        change=_set_threads,
    ),
    Variation(
        id="hash_seed",
        what="the seed of string hashes, and so the order of sets",
        values=("0", "1", "2"),
        change=_set_hash_seed,
    ),
)

VARIATIONS: dict[str, Variation] = {entry.id: entry for entry in (*_PROCESS, *INTERPRETER)}


def find_variation(name: str) -> Variation:
    """Return the variation called `name`, or raise UsageError with the nearest names."""
    if name not in VARIATIONS:
        raise UsageError(
            f"there is no variation {name!r}",
            code="variation-unknown",
            hint=did_you_mean(name, VARIATIONS),
        )
    return VARIATIONS[name]
