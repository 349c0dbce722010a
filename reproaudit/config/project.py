"""Owns [tool.reproaudit] of pyproject.toml, the REPROAUDIT_ variables, and which of them counts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reproaudit.codec import Malformed, parse_toml
from reproaudit.config.budget import Budget, parse_budget
from reproaudit.config.project_values import (
    is_amount,
    is_list_of_texts,
    parse_number,
    read_exclusions,
    read_texts,
    read_tolerance,
    read_tolerances,
    require_table,
    require_text,
)
from reproaudit.config.settings import (
    Settings,
    bad_value,
    from_dict,
    list_fields,
    refuse_unknown,
)
from reproaudit.config.tolerance import Ignored, TensorTolerances, Tolerance
from reproaudit.errors import UsageError
from reproaudit.files import Unreadable, read_text

BASELINE_FILE = "reproaudit-baseline.json"
_PREFIX = "REPROAUDIT_"
_MOST_BYTES = 4 << 20  # of a pyproject.toml


Presets = tuple[tuple[str, Settings], ...]  # by name


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line, the environment, a subject's entry and the project may each say.

    None: not said.
    """

    runs: int | None = None
    steps: int | Literal["all"] | None = None
    timeout_s: float | None = None
    preset: str | None = None
    budget: Budget | None = None
    baseline: Path | None = None
    track: tuple[str, ...] | None = None


DEFAULTS = Choices(runs=5, budget=(None, None))


@dataclass(frozen=True, slots=True)
class Subject:
    """One configured subject.

    `words` are its name and its arguments; `cwd` is the folder where it is started. `varies` is the
    name of the subject that this one is under variations; "" for one as it is.
    """

    name: str
    words: tuple[str, ...]
    cwd: Path
    inputs: tuple[str, ...] = ()
    seed: int | None = None
    choices: Choices = Choices()
    varies: str = ""


@dataclass(frozen=True, slots=True)
class ProjectConfig:
    """What [tool.reproaudit] says; None and empty: not said. `path` is the file that says it.

    `vary` is what ought not to matter, and `vary_tolerance` what counts as equal of it, each as the
    command line has it.
    """

    path: Path | None = None
    presets: Presets = ()
    choices: Choices = Choices()
    tolerance: Tolerance | None = None
    tolerances: TensorTolerances = ()
    ignored: tuple[Ignored, ...] = ()
    subjects: tuple[Subject, ...] = ()
    vary: tuple[str, ...] = ()
    vary_tolerance: tuple[str, ...] = ()


def resolve(*places: Choices) -> Choices:
    """Return for each choice what the first of `places` says that says anything.

    The order everywhere is command line, environment, subject's entry, project, `DEFAULTS`.
    """
    heard = {}
    for name in list_fields(Choices):
        for place in places:
            value = getattr(place, name)
            if value is not None:
                heard[name] = value
                break
    return Choices(**heard)


def read_environment_choices(environ: Mapping[str, str], folder: Path) -> Choices:
    """Read REPROAUDIT_RUNS, _STEPS, _TIMEOUT, _PRESET, _BUDGET, _BASELINE and _TRACK.

    An empty one says nothing. `folder` is what a relative path is relative to. Other variables with
    the prefix are not looked at.
    """
    variables = {key: _PREFIX + key.upper() for key in _CHOICES}
    said: dict[str, Any] = {}
    for key, variable in variables.items():
        text = environ.get(variable, "").strip()
        # A workflow often sets a variable from an input that was left out: it is then empty.
        if not text:
            continue
        said[key] = text
        if key in _NUMBERS:
            said[key] = parse_number(text)
    return _read_choices(said, names=variables, folder=folder)


def load_project(start: Path) -> ProjectConfig:
    """Read the nearest pyproject.toml with a [tool.reproaudit] table, from `start` upwards.

    The configuration is empty if there is none.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        tool = _read_toml(path).get("tool")
        # A package inside a project may have a file of its own, which is not about us.
        if not isinstance(tool, dict) or tool.get("reproaudit") is None:
            continue
        return _read_project(path, tool["reproaudit"])
    return ProjectConfig()


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text(path, _MOST_BYTES))
    except (OSError, Unreadable, Malformed) as error:
        raise UsageError(
            f"cannot read {path}: {error}",
            code="config-invalid",
            hint="mend the file, or start in another folder",
        ) from error


def _read_project(path: Path, table: object) -> ProjectConfig:
    where = f"{path}: [tool.reproaudit]"
    table = require_table(table, where, "a table")
    refuse_unknown(table, (*_CHOICES, *_TABLES), where, "key")
    tolerance = None
    if "tolerance" in table:
        tolerance = read_tolerance(table["tolerance"], f"{where} tolerance")
    said = _select(table, _CHOICES)
    return ProjectConfig(
        path=path,
        presets=_read_presets(table.get("presets", {}), where),
        choices=_read_choices(said, names=_name_choices(where), folder=path.parent),
        tolerance=tolerance,
        tolerances=read_tolerances(table.get("tolerances", {}), where),
        ignored=read_exclusions(table.get("ignore", {}), where),
        subjects=_read_subjects(table.get("subjects", []), f"{where} subjects", path.parent),
        vary=read_texts(table.get("vary", []), f"{where} vary", '["threads=1,2", "hash_seed"]'),
        vary_tolerance=read_texts(
            table.get("vary_tolerance", []), f"{where} vary_tolerance", '["threads:ulp=4"]'
        ),
    )


def _read_presets(presets: object, where: str) -> Presets:
    wanted = "a table of tables, [tool.reproaudit.presets.NAME]"
    table = require_table(presets, f"{where} presets", wanted)
    # A lone setting here was meant to stand in a preset: its table is what is wrong.
    if not all(isinstance(preset, dict) for preset in table.values()):
        raise bad_value(f"{where} presets", presets, wanted)
    found = []
    for name, preset in table.items():
        settings = from_dict(preset, f"{where} presets.{name}")
        found.append((name, settings))
    return tuple(found)


# -- subjects

_SUBJECT_KEYS = ("subject", "name", "cwd", "inputs", "seed")  # besides choices


def _read_subjects(entries: object, where: str, folder: Path) -> tuple[Subject, ...]:
    if not isinstance(entries, list):
        wanted = '["train.py --epochs 1", {subject = "eval.py", seed = 0}]'
        raise bad_value(where, entries, wanted)
    found: dict[str, Subject] = {}
    for number, entry in enumerate(entries):
        subject = _read_subject(entry, f"{where}[{number}]", folder)
        if subject.name in found:
            raise UsageError(
                f"{where}: two subjects are called {subject.name!r}",
                code="subject-name",
                hint="give one of them another name = ...; baselines and reports tell them apart "
                "by it",
            )
        found[subject.name] = subject
    return tuple(found.values())


def _read_subject(entry: object, where: str, folder: Path) -> Subject:
    table = entry
    if isinstance(entry, str):
        table = {"subject": entry}
    if not isinstance(table, dict) or "subject" not in table:
        wanted = '"train.py --epochs 1" or {subject = "train.py --epochs 1", name = ..., ...}'
        raise bad_value(where, entry, wanted)
    own = [key for key in _CHOICES if key not in _FOR_ALL]
    refuse_unknown(table, (*_SUBJECT_KEYS, *own), where, "key")
    words = _split_words(table["subject"], f"{where} subject")
    inputs = table.get("inputs", [])
    if isinstance(inputs, str):
        inputs = [inputs]
    if not words or not is_list_of_texts(inputs):
        wanted = 'a subject that is not empty, and inputs = ["float32[8,3,32,32]"]'
        raise bad_value(where, entry, wanted)
    seed = None
    if "seed" in table:
        settings = from_dict({"seed": table["seed"]}, where)
        seed = settings.seed
    name = table.get("name", " ".join(words))
    name = require_text(name, f"{where} name")
    cwd = table.get("cwd", ".")
    cwd = require_text(cwd, f"{where} cwd")
    said = _select(table, own)
    return Subject(
        name=name,
        words=words,
        cwd=folder / cwd,
        inputs=tuple(inputs),
        seed=seed,
        choices=_read_choices(said, names=_name_choices(where), folder=folder),
    )


def _split_words(value: object, where: str) -> tuple[str, ...]:
    text = require_text(value, where)
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise bad_value(where, text, f"words as in a shell ({error})") from None


# -- choices

# What [tool.reproaudit] may hold besides choices.
_TABLES = (
    "presets",
    "tolerance",
    "tolerances",
    "ignore",
    "subjects",
    "vary",
    "vary_tolerance",
)
_CHOICES = ("runs", "steps", "timeout", "preset", "budget", "baseline", "track")
_FOR_ALL = ("baseline", "track")  # those that are the same for all subjects
_NUMBERS = ("runs", "steps", "timeout")  # those that the environment can only say as text


def _select(table: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return those of the keys that the table holds, with their values."""
    return {key: table[key] for key in keys if key in table}


def _name_choices(where: str) -> dict[str, str]:
    """Return what errors call the choices of a table."""
    return {key: f"{where} {key}" for key in _CHOICES}


def _read_choices(said: Mapping[str, Any], *, names: Mapping[str, str], folder: Path) -> Choices:
    """Read and check what may be said in several places; `names` is what errors call each."""
    for key, value in said.items():
        _check_choice(key, value, names[key])
    timeout_s = None
    if "timeout" in said:
        timeout_s = float(said["timeout"])
    budget = None
    if "budget" in said:
        budget = parse_budget(str(said["budget"]), names["budget"])
    baseline = None
    if "baseline" in said:
        baseline = folder / said["baseline"]
    track = None
    if "track" in said:
        track = _split_list(said["track"])
    return Choices(
        runs=said.get("runs"),
        steps=said.get("steps"),
        timeout_s=timeout_s,
        preset=said.get("preset"),
        budget=budget,
        baseline=baseline,
        track=track,
    )


def _split_list(value: str | list[str]) -> tuple[str, ...]:
    """Return the texts of a list, or of a text that has commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts)


def _check_choice(key: str, value: object, name: str) -> None:
    # `type(...) is int`, for True is an instance of int too.
    if key == "runs":
        # One run is equal to nothing.
        if type(value) is not int or value < 2:
            raise bad_value(name, value, "a whole number from 2")
    elif key == "steps":
        if value != "all" and (type(value) is not int or value < 1):
            raise bad_value(name, value, 'a whole number from 1, or "all"')
    elif key == "timeout":
        if not is_amount(value) or value == 0:
            raise bad_value(name, value, "a number of seconds above 0")
    elif key == "track" and is_list_of_texts(value):
        return  # what the texts may be is for those to say who know the trackers
    elif key == "budget" and type(value) is int:
        return  # a number of runs, written as those of `runs` are; it is checked where it is parsed
    else:
        require_text(value, name)
