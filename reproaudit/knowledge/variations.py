"""The table of variations: changes of a run that ought not to matter.

An entry stands here or in one of the tables that are joined here. If it has to act inside the
audited process, it names a module of `record/variations`. A new variation needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.config.settings import Settings, bad_value
from reproaudit.errors import UsageError, did_you_mean

_MODULES = "reproaudit.record.variations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One thing that ought not to matter, and how a run is given another value of it.

    `what` completes "depends on". `values` are tried where none are named; a program is compared
    with itself as it is, so none of them need be what it has. `change` returns the settings of a
    run that has the value, and raises UsageError for one that it cannot have. `record`: the module
    in `record/variations` that makes the change inside the process; it finds the value under the
    variation's id in `Settings.variations`.
    """

    id: str
    what: str
    values: tuple[str, ...]
    change: Callable[[str], Settings]
    record: str = ""

    @property
    def module(self) -> str:
        """The full name of the module that makes the change; empty if settings are enough."""
        return f"{_MODULES}.{self.record}" if self.record else ""

    def settings_for(self, value: str) -> Settings:
        """Return what a run is given. Raises UsageError for a value that it cannot have."""
        return self.change(value)


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

VARIATIONS: dict[str, Variation] = {entry.id: entry for entry in (*_PROCESS,)}


def find_variation(name: str) -> Variation:
    """Return the variation called `name`, or raise UsageError with the nearest names."""
    if name not in VARIATIONS:
        raise UsageError(
            f"there is no variation {name!r}",
            code="variation-unknown",
            hint=did_you_mean(name, VARIATIONS),
        )
    return VARIATIONS[name]
