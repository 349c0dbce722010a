"""Whether a run under a variation would be the program as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reproaudit.config.settings import Settings, make_environment
from reproaudit.knowledge.variations import VARIATIONS
from reproaudit.knowledge.wanted import Wanted
from reproaudit.trace.runs import Run


def is_own_value(
    wanted: Wanted, settings: Settings, plain: Run, argv: Sequence[str], *, python: str
) -> bool:
    """Return True if the program has the value already, as far as that is known.

    `settings` are those of the plain run, `argv` the program's arguments.
    """
    if wanted.option is not None:
        return find_argument(argv, wanted.option) == wanted.value
    if wanted.python is not None:
        return os.path.abspath(wanted.python) == os.path.abspath(python)
    entry = VARIATIONS.get(wanted.name)
    if entry is not None and entry.fact:
        return entry.is_value_of(plain.main.header["environment"], wanted.value)
    change = wanted.settings
    if change.variations or change.interventions or change == Settings():
        return False
    if change != Settings(env=change.env, hash_seed=change.hash_seed):
        return False
    before = {**os.environ, **make_environment(settings)}
    return _holds(make_environment(change), before)


def _holds(wanted: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    return all(environment.get(name) == value for name, value in wanted.items())


def find_argument(argv: Sequence[str], option: str) -> str | None:
    """Return the value of an option, the last one; None if it is not given."""
    found = None
    for number, word in enumerate(argv):
        if word == option and number + 1 < len(argv):
            found = argv[number + 1]
        elif word.startswith(f"{option}="):
            found = word.removeprefix(f"{option}=")
    return found


def put_argument(argv: Sequence[str], option: str, value: str) -> tuple[str, ...]:
    """Return the arguments with another value of an option; behind all if it is not given."""
    changed = list(argv)
    for number in range(len(argv) - 1, -1, -1):
        word = argv[number]
        if word == option and number + 1 < len(argv):
            changed[number + 1] = value
            return tuple(changed)
        if word.startswith(f"{option}="):
            changed[number] = f"{option}={value}"
            return tuple(changed)
    return (*argv, option, value)
