"""Owns the order that the runner gives to the recorder, PLAN.json, and how a subject's name is
understood."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from reproaudit.config.settings import Settings, did_you_mean, from_dict, to_dict
from reproaudit.errors import UsageError
from reproaudit.model.events import Level, Phase

PLAN_FORMAT = 1

_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
)
_ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "int": "int32",
    "long": "int64",
}
_INPUT = re.compile(r"\s*([A-Za-z_]\w*)\s*\[([0-9\s,]*)\]\s*")


class SubjectKind(str, Enum):
    """SCRIPT runs as `__main__`; ATTRIBUTE is a callable or an `nn.Module`, told apart only where
    it is loaded.

    PYTEST is a test: `path::attribute` is its node id, `argv` are further options of pytest.
    """

    SCRIPT = "script"
    ATTRIBUTE = "attribute"
    PYTEST = "pytest"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a module: the name of a torch dtype, and a shape."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """What to audit. One of `path` (as the user wrote it, relative to `cwd`) and `module`
    (importable) is not empty.

    `attribute` may be dotted. `argv` leaves out the program's own name.
    """

    kind: SubjectKind
    cwd: Path
    path: str = ""
    module: str = ""
    attribute: str = ""
    argv: tuple[str, ...] = ()
    inputs: tuple[InputSpec, ...] = ()

    @property
    def file(self) -> Path:
        """Where the source file is; without meaning for a subject given by module."""
        return self.cwd / self.path

    @property
    def folder(self) -> Path:
        """What locations are relative to: where the source file is, for a test where pytest was
        started."""
        return self.file.parent if self.path and self.kind is not SubjectKind.PYTEST else self.cwd

    def __str__(self) -> str:
        if self.kind is SubjectKind.SCRIPT:
            return self.path
        return f"{self.path}::{self.attribute}" if self.path else f"{self.module}:{self.attribute}"


@dataclass(frozen=True, slots=True)
class Target:
    """One call of an op whose values are wanted: the `occurrence`-th, from 0, of `name` with all
    else as given."""

    name: str
    location_path: str
    location_line: int
    phase: int
    step: int
    occurrence: int
    thread: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """All calls of one op at one line, in one phase: a source whose outputs later runs are given
    from a reference."""

    name: str
    location_path: str
    location_line: int
    phase: int


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything one run needs to know. `steps` None: to the program's end.

    `values_mb` bounds values.safetensors. `alerts`: find the ops that
    `use_deterministic_algorithms` refuses. `keep` chooses boundary tensors by (EventKind, name,
    step); empty keeps what fits. `lines`: follow the program's own lines and the Python values that
    each changes. `pins`: without a `reference` the outputs of these calls are kept; with one, the
    path of a trace that kept them, each call is given the reference's outputs. `outside`: at
    operation level, follow what brings the outside world in (clocks, generators, listings, files).
    """

    trace_dir: Path
    subject: SubjectSpec
    level: Level = Level.BOUNDARY
    steps: int | None = None
    settings: Settings = field(default_factory=Settings)
    values_mb: int = 0
    alerts: bool = False
    digests: bool = True
    targets: tuple[Target, ...] = ()
    keep: tuple[tuple[int, str, int], ...] = ()
    lines: bool = False
    pins: tuple[Pin, ...] = ()
    reference: str = ""
    outside: bool = True
    extra: dict[str, str] = field(default_factory=dict)


def to_json(plan: RunPlan) -> str:
    """Return PLAN.json, the same bytes for the same plan."""
    subject = _values(plan.subject) | {
        "kind": plan.subject.kind.value,
        "cwd": str(plan.subject.cwd),
        "inputs": [str(wanted) for wanted in plan.subject.inputs],
    }
    document = _values(plan) | {
        "format": PLAN_FORMAT,
        "trace_dir": str(plan.trace_dir),
        "subject": subject,
        "level": plan.level.value,
        "settings": to_dict(plan.settings),
        "targets": [_values(target) for target in plan.targets],
        "pins": [_values(pin) for pin in plan.pins],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def from_json(text: str) -> RunPlan:
    """Read PLAN.json strictly: another format, a missing, unknown or mistyped key is a UsageError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _bad_plan(f"it is not JSON: {error}") from None
    version = document.pop("format", None) if isinstance(document, dict) else None
    if version != PLAN_FORMAT:
        raise _bad_plan(f"its format is {version!r}, this reproaudit reads {PLAN_FORMAT}")
    table = _checked(document, RunPlan, "plan")
    return RunPlan(
        trace_dir=Path(_typed(table, "trace_dir", str)),
        subject=_subject(table["subject"]),
        level=Level(_one_of(table, "level", [level.value for level in Level])),
        steps=None if table["steps"] is None else _number(table, "steps", 1),
        settings=from_dict(_typed(table, "settings", dict), "settings of the plan"),
        values_mb=_number(table, "values_mb", 0),
        alerts=_typed(table, "alerts", bool),
        digests=_typed(table, "digests", bool),
        targets=tuple(_target(row) for row in _typed(table, "targets", list)),
        keep=tuple(_kept(row) for row in _typed(table, "keep", list)),
        lines=_typed(table, "lines", bool),
        pins=tuple(_pin(row) for row in _typed(table, "pins", list)),
        reference=_typed(table, "reference", str),
        outside=_typed(table, "outside", bool),
        extra=_extra(_typed(table, "extra", dict)),
    )


def parse_subject(
    text: str, argv: Sequence[str] = (), inputs: str | Sequence[str] = (), cwd: Path | None = None
) -> SubjectSpec:
    """Understand `train.py`, `file.py::name` or `package.module:name`; nothing is imported or run.

    Raises UsageError if a named file is not there or is no Python file. Whether the attribute
    exists, and what it is, shows only when the recorder loads it.
    """
    cwd = (cwd or Path()).absolute()
    wanted = parse_inputs(inputs)
    path, separator, attribute = text.partition("::")
    if not separator and not (cwd / text).exists():
        path, separator, attribute = text.partition(":")
    if not separator:
        _require_file(text, cwd)
        if wanted:
            raise UsageError(
                f"inputs were given for the script {text!r}, which makes its own",
                code="inputs-without-module",
                hint=f"leave the inputs out, or name a module in the file: {text}::NAME",
            )
        return SubjectSpec(SubjectKind.SCRIPT, cwd, path=text, argv=tuple(argv))
    if separator == "::":
        _require_file(path, cwd)
    elif path.endswith(".py") or not _is_dotted_name(path):
        hint = (
            f"{path}::{attribute}"
            if path.endswith(".py")
            else "train.py, file.py::name or package.module:name"
        )
        raise _bad_subject(text, f"write {hint}")
    if not _is_dotted_name(attribute):
        raise _bad_subject(
            text, "name a function or an nn.Module after the colons, such as train.py::train_step"
        )
    path, module = (path, "") if separator == "::" else ("", path)
    return SubjectSpec(SubjectKind.ATTRIBUTE, cwd, path, module, attribute, tuple(argv), wanted)


def parse_inputs(texts: str | Sequence[str]) -> tuple[InputSpec, ...]:
    """Read inputs like `float32[8,3,32,32]`; several stand in one text, apart by spaces, or in
    several texts."""
    found: list[InputSpec] = []
    for text in [texts] if isinstance(texts, str) else texts:
        position = 0
        while position < len(text.rstrip()):
            match = _INPUT.match(text, position)
            sizes = (
                [size.strip() for size in match[2].split(",")] if match and match[2].strip() else []
            )
            if match is None or any(re.fullmatch(r"[0-9]{1,18}", size) is None for size in sizes):
                raise _bad_input(
                    text[position:], "write it as float32[8,3,32,32]; a scalar is float32[]"
                )
            dtype = _ALIASES.get(match[1], match[1])
            if dtype not in _DTYPES:
                raise _bad_input(match[0], did_you_mean(dtype, _DTYPES))
            found.append(InputSpec(dtype, tuple(map(int, sizes))))
            position = match.end()
    return tuple(found)


def _bad_input(text: str, hint: str) -> UsageError:
    return UsageError(
        f"cannot understand the input {text.strip()!r}", code="input-invalid", hint=hint
    )


def _bad_subject(text: str, hint: str) -> UsageError:
    return UsageError(f"cannot understand the subject {text!r}", code="subject-invalid", hint=hint)


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _require_file(path: str, folder: Path) -> None:
    file = folder / path
    if path and file.is_dir():
        raise UsageError(
            f"{path!r} is a folder", code="subject-is-folder", hint=_scripts_hint("", file)
        )
    if not path or not file.is_file():
        near = _scripts_hint(file.name, file.parent if path else folder)
        raise UsageError(
            f"there is no file {path!r} in {folder}", code="subject-missing", hint=near
        )
    if file.suffix != ".py":
        hint = (
            "export the notebook as a script"
            if file.suffix == ".ipynb"
            else "name a file that ends in .py"
        )
        raise UsageError(f"{path!r} is not a Python file", code="subject-not-python", hint=hint)


def _scripts_hint(name: str, folder: Path) -> str:
    scripts = sorted(entry.name for entry in folder.glob("*.py")) if folder.is_dir() else []
    if not scripts:
        return f"no Python file lies in {folder}"
    if name and (hint := did_you_mean(name, scripts)).startswith("did"):
        return hint
    more = f" and {len(scripts) - 8} more" if len(scripts) > 8 else ""
    return f"Python files in {folder}: {', '.join(scripts[:8])}{more}"


def _values(record: Any) -> dict[str, Any]:
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}


def _checked(document: object, record: type[Any], where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise _bad_plan(f"{where} is not a table")
    known = {entry.name for entry in fields(record)}
    for name in sorted(known ^ set(document)):
        state = "is missing" if name in known else f"is unknown ({did_you_mean(name, known)})"
        raise _bad_plan(f"{where}.{name} {state}")
    return document


def _typed(table: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = table[name]
    if type(value) is not kind:
        raise _bad_plan(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value


def _number(table: dict[str, Any], name: str, low: int) -> int:
    value: int = _typed(table, name, int)
    if value < low:
        raise _bad_plan(f"{name} is {value}, below {low}")
    return value


def _one_of(table: dict[str, Any], name: str, known: Sequence[str]) -> str:
    value: str = _typed(table, name, str)
    if value not in known:
        raise _bad_plan(f"there is no {name} {value!r} ({did_you_mean(value, known)})")
    return value


def _texts(table: dict[str, Any], name: str) -> tuple[str, ...]:
    values = _typed(table, name, list)
    if not all(type(value) is str for value in values):
        raise _bad_plan(f"{name} holds something that is not text")
    return tuple(values)


def _subject(document: object) -> SubjectSpec:
    table = _checked(document, SubjectSpec, "subject")
    kind = SubjectKind(_one_of(table, "kind", [kind.value for kind in SubjectKind]))
    path, module, attribute = (_typed(table, name, str) for name in ("path", "module", "attribute"))
    if (path and module) or (kind is SubjectKind.SCRIPT) != (not attribute):
        raise _bad_plan("its subject is neither a script nor an attribute of one file or module")
    inputs = parse_inputs(_texts(table, "inputs"))
    return SubjectSpec(
        kind,
        Path(_typed(table, "cwd", str)),
        path,
        module,
        attribute,
        _texts(table, "argv"),
        inputs,
    )


def _target(document: object) -> Target:
    table = _checked(document, Target, "target")
    return Target(**_call(table, ("location_line", "phase", "step", "occurrence", "thread")))


def _pin(document: object) -> Pin:
    table = _checked(document, Pin, "pin")
    return Pin(**_call(table, ("location_line", "phase")))


def _call(table: dict[str, Any], numbers: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _number(table, name, 0) for name in numbers}
    if values["phase"] not in tuple(Phase):
        raise _bad_plan(f"there is no phase {values['phase']}")
    return values | {name: _typed(table, name, str) for name in ("name", "location_path")}


def _kept(row: object) -> tuple[int, str, int]:
    if not isinstance(row, list) or [type(value) for value in row] != [int, str, int]:
        raise _bad_plan("keep holds something other than [kind, name, step]")
    return row[0], row[1], row[2]


def _extra(table: dict[str, Any]) -> dict[str, str]:
    if not all(type(value) is str for value in table.values()):
        raise _bad_plan("extra holds something that is not text")
    return table


def _bad_plan(why: str) -> UsageError:
    return UsageError(
        f"cannot read the run's plan: {why}",
        code="plan-invalid",
        hint="the audited Python must find the same version of reproaudit as the one that started it",
    )
