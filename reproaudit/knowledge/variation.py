"""What an entry in the tables of variations says about itself, and how entries are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings, bad_value
from reproaudit.model.cause import Cause
from reproaudit.trace.words import VARIATION_PREFIX

_MODULES = "reproaudit.record.variations"

Change = Callable[[str], Settings]


class Need(Enum):
    """What a program must have for a variation to mean anything; said where it has it not."""

    RANKS = "no ranks train together"
    COMMAND = "the number of ranks stands in no option of a launcher, such as --nproc-per-node=2"
    GPU = "the program uses no GPU"
    LOADER = "the program takes no batch from a DataLoader"
    WORKERS = "no DataLoader of the program has workers"
    OPTIMIZER = "no optimizer steps"
    COMPILED = "the program compiles nothing with torch.compile"
    EAGER = "the program compiles with torch.compile as it is"
    LOCALE = "no such locale is installed on this machine: `locale -a` lists those that are"


class Around(Enum):
    """What is done around a run; settings alone do not make the variation."""

    NOTHING = "nothing"
    NEIGHBOURS = "each core has a busy process beside the run"
    COMMAND = "the command of the launcher names another number of ranks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One thing that ought not to matter, and how a run is given another value of it.

    `what` completes "depends on". `values` are tried where none are named; a program is compared
    with itself as it is, so none of them need be what it has. `change` returns the settings of a
    run that has the value, and raises UsageError for one that it cannot have. `record`: the module
    in `record/variations` that makes the change inside the process; it finds the value under the
    variation's id in `Settings.variations`.

    `how` says in sentences what is done, and whose word counts where the program sets the same
    itself. `in_all`: it is one of those that "+all" stands for. `needs` must be met by the program,
    and for one value also what `needs_of` names.

    A run says in the environment of its trace which value it has, under the name `fact`: `reads`
    has what stands there for a value that is written otherwise, "" for nothing at all. Where no
    process of a varied run says so, the variation did not take hold, for the reason `unless`. An
    empty `fact`: nothing in a program can prevent it.

    `cause` is that of what depends on it, where no other can be.

    `find_python`: returns the interpreter that the value names; None: the run has that of all
    others. One without `values` is only made where it is asked for.
    """

    id: str
    what: str
    values: tuple[str, ...]
    change: Change
    how: str
    record: str = ""
    in_all: bool = True
    around: Around = Around.NOTHING
    needs: tuple[Need, ...] = ()
    needs_of: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)
    fact: str = ""
    reads: Mapping[str, str] = field(default_factory=dict)
    unless: str = ""
    cause: Cause | None = None
    find_python: Callable[[str], str] | None = None
    find_portions: Callable[[str], Portions] | None = None

    @property
    def module(self) -> str:
        """The full name of the module that makes the change; empty if settings are enough."""
        return f"{_MODULES}.{self.record}" if self.record else ""

    def settings_for(self, value: str) -> Settings:
        """Return what a run is given. Raises UsageError for a value that it cannot have."""
        return self.change(value)

    def list_needs(self, value: str) -> tuple[Need, ...]:
        """Return what a program must have for this value to mean anything."""
        return self.needs + self.needs_of.get(value, ())

    def is_value_of(self, environment: Mapping[str, str], value: str) -> bool:
        """Return True if a process with this environment in its trace has the value."""
        return bool(self.fact) and environment.get(self.fact, "") == self.reads.get(value, value)


def name_fact(variation: str) -> str:
    """Return under which name a process says that a variation took hold inside of it."""
    return f"{VARIATION_PREFIX}{variation}"


def choose(name: str, table: Mapping[str, Settings]) -> Change:
    """Return a change that takes one of the values of a table."""

    def change(value: str) -> Settings:
        if value not in table:
            raise bad_value(name, value, _list_words(tuple(table)))
        return table[value]

    return change


def choose_inside(name: str, *values: str) -> Change:
    """Return a change that is made inside the process and takes one of these values."""
    return choose(name, {value: Settings(variations=((name, value),)) for value in values})


def match_inside(name: str, pattern: str, wanted: str) -> Change:
    """Return a change that is made inside the process, for values that match the pattern."""

    def change(value: str) -> Settings:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise bad_value(name, value, wanted)
        return Settings(variations=((name, value),))

    return change


def set_variables(name: str, *variables: str) -> Change:
    """Return a change that sets each of the variables of the environment to the value."""

    def change(value: str) -> Settings:
        if not value:
            raise bad_value(name, value, "a text that is not empty")
        return Settings(env=tuple((variable, value) for variable in variables))

    return change


def change_nothing(value: str) -> Settings:
    """Return no settings: what is varied lies around the run."""
    return Settings()


def _list_words(words: tuple[str, ...]) -> str:
    if len(words) == 1:
        return f'"{words[0]}"'
    return ", ".join(f'"{word}"' for word in words[:-1]) + f' or "{words[-1]}"'
