"""Which variations are wanted, and how that is written.

`threads=1,2` names one variation and its values, `threads` one with the values of the table;
`+all,-timezone` adds and leaves out. `env.NAME=a,b` is a variable of the environment,
`arg.--lr=0.1,0.2` an option of the program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reproaudit.config.portions import Portions
from reproaudit.config.settings import Settings
from reproaudit.errors import UsageError, did_you_mean
from reproaudit.knowledge.variations import VARIATIONS, find_variation

ALL = "all"
ENVIRONMENT = "env."
ARGUMENT = "arg."
_COMMA = re.compile(r"(?<!\\),")  # one behind a backslash belongs to the value
_HINT = "write it as threads=1,2 or +all,-timezone; reproaudit vary --list names all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One value of one variation that is to be tried.

    `settings` are made on top of those of all runs. `option` is an option of the program that gets
    the value, `python` another interpreter; None: no such. `portions`: how a callable is given the
    rows of a batch; None: it is no question. `is_asked_for`: it was named, and is not only one of
    all.
    """

    name: str
    value: str
    settings: Settings = Settings()
    option: str | None = None
    python: str | None = None
    portions: Portions | None = None
    is_asked_for: bool = True

    @property
    def setting(self) -> str:
        """The variation as it is written."""
        return f"{self.name}={self.value}"


def read_wanted(texts: Sequence[str]) -> tuple[Wanted, ...]:
    """Read what is wanted, in the order in which it was named; no texts: all.

    The first text that only leaves out leaves out of all. Raises UsageError.
    """
    chosen: dict[str, tuple[Sequence[str] | None, bool]] = {}
    if not texts or texts[0].lstrip().startswith("-"):
        chosen = _choose_all()
    for text in texts:
        _read_text(text, chosen)
    if not chosen:
        raise UsageError(
            f"no variation is left of {' '.join(texts)!r}", code="variation-none", hint=_HINT
        )
    wanted = []
    for name, (values, is_asked_for) in chosen.items():
        wanted += _make_wanted(name, values, is_asked_for=is_asked_for)
    return tuple(dict.fromkeys(wanted))


def is_variation(name: str) -> bool:
    """Return True if variations may be called so."""
    return name in VARIATIONS or name.startswith((ENVIRONMENT, ARGUMENT))


def _choose_all() -> dict[str, tuple[Sequence[str] | None, bool]]:
    """Return all that have values to try."""
    return {name: (None, False) for name, entry in VARIATIONS.items() if entry.in_all}


def _read_text(text: str, chosen: dict[str, tuple[Sequence[str] | None, bool]]) -> None:
    """Add what a text names to what was chosen, and leave out what it says so of."""
    parts = [part.strip().replace(r"\,", ",") for part in _COMMA.split(text)]
    name, equals, value = parts[0].partition("=")
    if equals:
        _add_values(name.removeprefix("+"), [value, *parts[1:]], chosen)
        return
    for part in parts:
        name = part.removeprefix("+")
        if "=" in name:
            raise UsageError(
                f"cannot understand {text!r}: values stand behind one name alone",
                code="variation-syntax",
                hint=f"give {part!r} a --vary of its own",
            )
        if part.startswith("-"):
            name = part.removeprefix("-")
            if name == ALL:
                chosen.clear()
            elif chosen.pop(name, None) is None:
                find_variation(name)  # raises for one that does not exist
        elif name == ALL:
            for other, entry in _choose_all().items():
                chosen.setdefault(other, entry)
        else:
            _add_named(name, chosen)


def _add_named(name: str, chosen: dict[str, tuple[Sequence[str] | None, bool]]) -> None:
    """Add a variation with the values of the table."""
    if not name:
        raise UsageError("a variation has no name", code="variation-syntax", hint=_HINT)
    if name.startswith((ENVIRONMENT, ARGUMENT)) or not find_variation(name).values:
        raise UsageError(
            f"{name} has no values of its own",
            code="variation-value",
            hint=f"name them: --vary {name}=a,b",
        )
    chosen[name] = (None, True)


def _add_values(
    name: str, values: list[str], chosen: dict[str, tuple[Sequence[str] | None, bool]]
) -> None:
    """Add the values to those that were named before."""
    if not is_variation(name):
        known = [*VARIATIONS, f"{ENVIRONMENT}NAME", f"{ARGUMENT}--option"]
        raise UsageError(
            f"there is no variation {name!r}",
            code="variation-unknown",
            hint=did_you_mean(name, known),
        )
    if name in VARIATIONS and VARIATIONS[name].values:
        for value in values[1:]:
            if value.partition("=")[0] in VARIATIONS:
                raise UsageError(
                    f"{value!r} is no value of {name}: what follows {name}= are its values",
                    code="variation-syntax",
                    hint=f"give it a --vary of its own: --vary {value}",
                )
    before, is_asked_for = chosen.get(name, (None, False))
    chosen[name] = ([*((before or ()) if is_asked_for else ()), *values], True)


def _make_wanted(name: str, values: Sequence[str] | None, *, is_asked_for: bool) -> list[Wanted]:
    if values is None:
        values = VARIATIONS[name].values
    return [_make_one(name, value, is_asked_for=is_asked_for) for value in values]


def _make_one(name: str, value: str, *, is_asked_for: bool) -> Wanted:
    if name.startswith(ENVIRONMENT):
        variable = name.removeprefix(ENVIRONMENT)
        settings = Settings(env=((variable, value),))
        return Wanted(name=name, value=value, settings=settings)
    if name.startswith(ARGUMENT):
        option = name.removeprefix(ARGUMENT)
        if not option.startswith("-"):
            raise UsageError(
                f"{option!r} is no option of a program",
                code="variation-syntax",
                hint=f"write it with its dashes: --vary {ARGUMENT}--lr=0.1,0.2",
            )
        return Wanted(name=name, value=value, option=option)
    entry = VARIATIONS[name]
    if not value:
        raise UsageError(f"{name} has an empty value", code="variation-value", hint=_HINT)
    python = None
    if entry.find_python is not None:
        python = entry.find_python(value)
    portions = None
    if entry.find_portions is not None:
        portions = entry.find_portions(value)
    return Wanted(
        name=name,
        value=value,
        settings=entry.settings_for(value),
        python=python,
        portions=portions,
        is_asked_for=is_asked_for,
    )
