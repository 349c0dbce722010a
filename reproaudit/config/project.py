"""Owns [tool.reproaudit] of pyproject.toml, the REPROAUDIT_ variables, and which of the places that
speak is heard."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from reproaudit.codec import Malformed, parse_toml
from reproaudit.config.settings import Settings, bad_value, from_dict, refuse_unknown
from reproaudit.config.tolerance import Ignored, TensorPattern, Tolerance
from reproaudit.errors import UsageError

BASELINE_FILE = "reproaudit-baseline.json"
_PREFIX = "REPROAUDIT_"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line, the environment, a subject's entry and the project may each say. None:
    not said."""

    runs: int | None = None
    steps: int | Literal["all"] | None = None
    timeout_s: float | None = None
    preset: str | None = None
    budget: tuple[int | None, float | None] | None = None  # runs and seconds of the diagnosis
    baseline: Path | None = None


DEFAULTS = Choices(runs=5, steps=10, budget=(None, None))


@dataclass(frozen=True, slots=True)
class Subject:
    """One configured subject. `words` are its name and its arguments; `cwd` is the folder where it
    is started."""

    name: str
    words: tuple[str, ...]
    cwd: Path
    inputs: tuple[str, ...] = ()
    seed: int | None = None
    choices: Choices = Choices()


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What [tool.reproaudit] says; None and empty: not said. `path` is the file that says it."""

    path: Path | None = None
    presets: tuple[tuple[str, Settings], ...] = ()
    choices: Choices = Choices()
    tolerance: Tolerance | None = None
    tolerances: tuple[tuple[TensorPattern, Tolerance], ...] = ()
    ignored: tuple[Ignored, ...] = ()
    subjects: tuple[Subject, ...] = ()


def resolve(*places: Choices) -> Choices:
    """Return for each choice what the first of `places` says that says anything.

    The order everywhere is command line, environment, subject's entry, project, `DEFAULTS`.
    """
    heard = {
        name: next((value for place in places if (value := getattr(place, name)) is not None), None)
        for name in _names(Choices)
    }
    return Choices(**heard)


def choices_of_environment(environ: Mapping[str, str], folder: Path) -> Choices:
    """Read REPROAUDIT_RUNS, _STEPS, _TIMEOUT, _PRESET, _BUDGET and _BASELINE; an empty one says
    nothing.

    `folder` is what a relative path is relative to. Other variables with the prefix are not looked
    at.
    """
    table: dict[str, Any] = {}
    for key in _CHOICES:
        text = environ.get(_PREFIX + key.upper(), "").strip()
        if text:
            table[_PREFIX + key.upper()] = (
                _number(text) if key in ("runs", "steps", "timeout") else text
            )
    return _choices(table, "", folder, {_PREFIX + key.upper(): key for key in _CHOICES})


def load_project(start: Path) -> ProjectConfig:
    """Read the nearest pyproject.toml with a [tool.reproaudit] table, from `start` upwards; empty
    if there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            tool = _read_toml(path).get("tool")
            table = tool.get("reproaudit") if isinstance(tool, dict) else None
            if table is not None:
                return _project(path, table)
    return ProjectConfig()


def parse_budget(text: str, called: str = "--budget") -> tuple[int | None, float | None]:
    """Read "40", "runs=40", "minutes=10" or both with a comma; return runs and seconds, None for
    what is not said."""
    runs, seconds = None, None
    for part in text.split(","):
        name, equals, value = part.partition("=")
        amount = _number(value if equals else name)
        if (not equals or name == "runs") and type(amount) is int and amount > 0:
            runs = amount
        elif name == "minutes" and equals and _is_amount(amount) and amount > 0:
            seconds = 60.0 * float(amount)
        else:
            raise bad_value(called, text, '"runs=40,minutes=10", numbers above 0')
    return runs, seconds


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Malformed) as error:
        raise UsageError(
            f"cannot read {path}: {error}",
            code="config-invalid",
            hint="mend the file, or start in another folder",
        ) from error


def _project(path: Path, table: object) -> ProjectConfig:
    where = f"{path}: [tool.reproaudit]"
    table = _table(table, where, "a table")
    known = (*_CHOICES, "presets", "tolerance", "tolerances", "ignore", "subjects")
    refuse_unknown(table, known, where, "key")
    presets = table.get("presets", {})
    if not isinstance(presets, dict) or not all(
        isinstance(preset, dict) for preset in presets.values()
    ):
        raise bad_value(
            f"{where} presets", presets, "a table of tables, [tool.reproaudit.presets.NAME]"
        )
    tolerances = _table(
        table.get("tolerances", {}), f"{where} tolerances", '{"gradient:layers.*" = {ulp = 4}}'
    )
    ignore = _table(table.get("ignore", {}), f"{where} ignore", '{"gradient:layers.*" = "why"}')
    return ProjectConfig(
        path=path,
        presets=tuple(
            (name, from_dict(preset, f"{where} presets.{name}")) for name, preset in presets.items()
        ),
        choices=_choices(table, f"{where} ", path.parent),
        tolerance=_tolerance(table["tolerance"], f"{where} tolerance")
        if "tolerance" in table
        else None,
        tolerances=tuple(
            (_pattern(text, where), _tolerance(value, f"{where} tolerances.{text}"))
            for text, value in tolerances.items()
        ),
        ignored=tuple(
            Ignored(_pattern(text, where), _text(why, f"{where} ignore.{text} (the reason)"))
            for text, why in ignore.items()
        ),
        subjects=_subjects(table.get("subjects", []), f"{where} subjects", path.parent),
    )


# -- subjects


def _subjects(entries: object, where: str, folder: Path) -> tuple[Subject, ...]:
    if not isinstance(entries, list):
        raise bad_value(where, entries, '["train.py --epochs 1", {subject = "eval.py", seed = 0}]')
    found: dict[str, Subject] = {}
    for number, entry in enumerate(entries):
        subject = _subject(entry, f"{where}[{number}]", folder)
        if subject.name in found:
            raise UsageError(
                f"{where}: two subjects are called {subject.name!r}",
                code="subject-name",
                hint="give one of them another name = ...; baselines and reports tell them apart "
                "by it",
            )
        found[subject.name] = subject
    return tuple(found.values())


def _subject(entry: object, where: str, folder: Path) -> Subject:
    table = {"subject": entry} if isinstance(entry, str) else entry
    if not isinstance(table, dict) or "subject" not in table:
        raise bad_value(
            where,
            entry,
            '"train.py --epochs 1" or {subject = "train.py --epochs 1", name = ..., ...}',
        )
    own = [key for key in _CHOICES if key != "baseline"]
    refuse_unknown(table, ("subject", "name", "cwd", "inputs", "seed", *own), where, "key")
    text = _text(table["subject"], f"{where} subject")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise bad_value(f"{where} subject", text, f"words as in a shell ({error})") from None
    inputs = table.get("inputs", [])
    inputs = [inputs] if isinstance(inputs, str) else inputs
    if not words or not isinstance(inputs, list) or not all(isinstance(one, str) for one in inputs):
        raise bad_value(
            where, entry, 'a subject that is not empty, and inputs = ["float32[8,3,32,32]"]'
        )
    seed = from_dict({"seed": table["seed"]}, where).seed if "seed" in table else None
    name = _text(table.get("name", " ".join(words)), f"{where} name")
    cwd = folder / _text(table.get("cwd", "."), f"{where} cwd")
    return Subject(name, words, cwd, tuple(inputs), seed, _choices(table, f"{where} ", folder))


# -- values

_CHOICES = ("runs", "steps", "timeout", "preset", "budget", "baseline")


def _choices(
    table: Mapping[str, Any], where: str, folder: Path, keys: Mapping[str, str] | None = None
) -> Choices:
    """Read and check what may be said in several places. `keys` maps the names in `table` to our
    own."""
    keys = keys or {key: key for key in _CHOICES}
    budget_name = where + next(called for called, key in keys.items() if key == "budget")
    said: dict[str, Any] = {}
    for called, key in keys.items():
        if called not in table:
            continue
        value = table[called]
        if key == "runs" and (type(value) is not int or value < 2):
            raise bad_value(f"{where}{called}", value, "a whole number from 2")
        if key == "steps" and value != "all" and (type(value) is not int or value < 1):
            raise bad_value(f"{where}{called}", value, 'a whole number from 1, or "all"')
        if key == "timeout" and not (_is_amount(value) and value > 0):
            raise bad_value(f"{where}{called}", value, "a number of seconds above 0")
        if key in ("preset", "budget", "baseline"):
            value = _text(value, f"{where}{called}")
        said[key] = value
    return Choices(
        runs=said.get("runs"),
        steps=said.get("steps"),
        timeout_s=float(said["timeout"]) if "timeout" in said else None,
        preset=said.get("preset"),
        budget=parse_budget(said["budget"], budget_name) if "budget" in said else None,
        baseline=folder / said["baseline"] if "baseline" in said else None,
    )


def _tolerance(table: object, where: str) -> Tolerance:
    table = _table(table, where, "a table, such as {rtol = 1e-5, atol = 1e-8}")
    refuse_unknown(table, _names(Tolerance), where, "key")
    for name, value in table.items():
        if name == "ulp" and type(value) is not int:
            raise bad_value(f"{where}.ulp", value, "a whole number from 0")
        if not _is_amount(value):
            raise bad_value(f"{where}.{name}", value, "a number from 0")
    return Tolerance(**table)


def _pattern(text: str, where: str) -> TensorPattern:
    try:
        return TensorPattern(text)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", code=error.code, hint=error.hint) from None


def _table(value: object, where: str, wanted: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_value(where, value, wanted)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise bad_value(where, value, "a text that is not empty")
    return value


def _number(text: str) -> Any:
    """Return the number that `text` is, or `text` itself: the check that follows says what it
    should be."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_amount(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )


def _names(record: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))
