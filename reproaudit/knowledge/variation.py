"""What a variation is: a change of a run that ought not to matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.config.settings import Settings

_MODULES = "reproaudit.record.variations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One thing that ought not to matter, and how a run is given another value of it.

    `what` completes "depends on". `values` are tried where none are named; a program is compared
    with itself as it is, so none of them need be what it has. `change` returns the settings of a
    run that has the value, and raises UsageError for one that it cannot have. `record`: the module
    in `record/variations` that makes the change inside the process; it finds the value under the
    variation's id in `Settings.variations`. `find_python`: returns the interpreter that the value
    names; None: the run has that of all others. One without `values` is only made where it is
    asked for.
    """

    id: str
    what: str
    values: tuple[str, ...]
    change: Callable[[str], Settings]
    record: str = ""
    find_python: Callable[[str], str] | None = None

    @property
    def module(self) -> str:
        """The full name of the module that makes the change; empty if settings are enough."""
        return f"{_MODULES}.{self.record}" if self.record else ""

    def settings_for(self, value: str) -> Settings:
        """Return what a run is given. Raises UsageError for a value that it cannot have."""
        return self.change(value)
