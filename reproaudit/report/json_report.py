"""Owns result.json: an AuditResult as JSON and back, checked key by key on the way in.

Format history (the key "schema"; any key that is added, dropped or retyped is a new number)
  1  first version

`result_schema.json` describes it for others. JSON has no infinities and no NaN: they are the texts "inf", "-inf" and
"nan". Everything that is not printable ASCII is escaped, so the file can be shown in any terminal.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from reproaudit.errors import ReproauditError
from reproaudit.model import RESULT_SCHEMA, AuditResult, Level

_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_HINT = "give the file that --report json=result.json wrote, or audit again"


@dataclass(frozen=True, slots=True)
class JsonReport:
    def render(self, result: AuditResult) -> str:
        return to_json(result)


def to_json(result: AuditResult) -> str:
    """Return result.json, the same bytes for the same result."""
    body = _encode(result, AuditResult)
    document = {"schema": body.pop("schema")} | body | {"runs": _deciding_runs(result), "run_details": body["runs"]}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def from_json(text: str, name: str = "result") -> AuditResult:
    """Read what `to_json` wrote. Anything else is a ReproauditError that calls the text `name`.

    Codes: result-version for another schema number, result-corrupt for all other faults.
    """
    document = _parse(text, name)
    _check_version(document, name)
    runs = document.pop("runs", None)
    if "run_details" not in document:
        _refuse(name, "the result: no key 'run_details'")
    body = document | {"runs": document.pop("run_details")}
    try:
        result: AuditResult = _decode(body, AuditResult, "")
    except _Mistyped as fault:
        # In the document the model's `runs` is `run_details`; `runs` itself is checked below.
        place = "run_details" + fault.where[4:] if fault.where.partition("[")[0] == "runs" else fault.where
        _refuse(name, f"{place or 'the result'}: {fault.fault}")
    if type(runs) is not int or runs != _deciding_runs(result):
        _refuse(name, f"runs: expected the number of runs in classes, {_deciding_runs(result)}")
    return result


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of result.json."""
    return files("reproaudit.report").joinpath("result_schema.json").read_text(encoding="utf-8")


def _deciding_runs(result: AuditResult) -> int:
    """Count the runs that decided the verdict; without classes, those at the level that decides."""
    in_classes = sum(len(group) for group in result.classes)
    return in_classes or sum(run.level is Level.BOUNDARY for run in result.runs)


class _Mistyped(Exception):
    def __init__(self, where: str, fault: str) -> None:
        super().__init__(where, fault)
        self.where, self.fault = where, fault


def _refuse(name: str, fault: str, code: str = "result-corrupt", hint: str = _HINT) -> NoReturn:
    raise ReproauditError(f"cannot read {name!r}: {fault}", code=code, hint=hint) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except _Mistyped as fault:
        _refuse(name, fault.fault)
    except json.JSONDecodeError as error:
        _refuse(name, f"it is not JSON ({error.msg}, line {error.lineno})" if text.strip() else "it is empty")
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        _refuse(name, "it is not JSON that an audit writes")
    if not isinstance(document, dict) or not {"schema", "verdict"} <= document.keys():
        if isinstance(document, dict) and document.get("magic") == "reproaudit-trace":
            _refuse(name, "it is the header of a recorded run", hint="reproaudit compare reads recorded runs")
        _refuse(name, "it is JSON, but not the result of an audit")
    return document


def _check_version(document: Mapping[str, Any], name: str) -> None:
    schema = document["schema"]
    if type(schema) is not int:
        _refuse(name, f"schema: expected a whole number, found {_kind(schema)}")
    if schema != RESULT_SCHEMA:
        hint = "audit again, or use the reproaudit that wrote it"
        _refuse(name, f"its schema is {_shown(schema)}, this reproaudit reads {RESULT_SCHEMA}", "result-version", hint)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise _Mistyped("", "an object holds a key twice")
    return table


def _no_constant(name: str) -> NoReturn:
    raise _Mistyped("", f"{name} is not JSON; it is written as a text")


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


@cache
def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """Return `X` and whether None is allowed, for `X` and for `X | None`."""
    if get_origin(hint) is not types.UnionType:
        return hint, False
    (inner,) = (part for part in get_args(hint) if part is not types.NoneType)
    return inner, True


@cache
def _table_value(hint: Any) -> Any:
    """Return `V` if `hint` is a table of named values, `tuple[tuple[str, V], ...]`; else None."""
    row, *rest = get_args(hint) or (None,)
    pair = get_args(row)
    is_table = rest == [Ellipsis] and len(pair) == 2 and pair[0] is str and pair[1] is not Ellipsis
    return pair[1] if is_table else None


def _encode(value: Any, hint: Any) -> Any:
    hint, _ = _unwrapped(hint)
    if value is None:
        return None
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {name: _encode(getattr(value, name), inner) for name, inner in _hints(hint).items()}
    if isinstance(value, tuple):
        if named := _table_value(hint):
            return {name: _encode(inner, named) for name, inner in value}
        return [_encode(inner, part) for inner, part in zip(value, _parts(hint, len(value)), strict=True)]
    if hint is float:
        number = float(value)
        return number if math.isfinite(number) else repr(number)
    return hint(value)


def _parts(hint: Any, length: int) -> tuple[Any, ...]:
    """Return the type of each element of a tuple of `length`; as many as are declared if that number is fixed."""
    parts = get_args(hint)
    return (parts[0],) * length if parts[1:] == (Ellipsis,) else parts


def _decode(value: Any, hint: Any, where: str) -> Any:
    hint, is_optional = _unwrapped(hint)
    if value is None and is_optional:
        return None
    if is_dataclass(hint):
        return _decode_object(value, hint, where)
    if named := _table_value(hint):
        _expect(type(value) is dict, value, "an object", where)
        return tuple((name, _decode(inner, named, f"{where}[{_shown(name)}]")) for name, inner in value.items())
    if get_origin(hint) is tuple:
        _expect(type(value) is list, value, "a list", where)
        parts = _parts(hint, len(value))
        _expect(len(parts) == len(value), value, f"{len(parts)} values", where)
        return tuple(_decode(inner, parts[i], f"{where}[{i}]") for i, inner in enumerate(value))
    if hint is float:
        return _decode_float(value, where)
    if issubclass(hint, Enum):
        choices = [choice.value for choice in hint]
        _expect(type(value) is str and value in choices, value, f"one of {', '.join(choices)}", where)
        return hint(value)
    _expect(type(value) is hint, value, _EXPECTED[hint], where)
    return value


def _decode_object(value: Any, cls: Any, where: str) -> Any:
    _expect(type(value) is dict, value, "an object", where)
    hints = _hints(cls)
    for key in value:
        if key not in hints:
            raise _Mistyped(where, f"unknown key {_shown(key)}")
    for key in hints:
        if key not in value:
            raise _Mistyped(where, f"no key {key!r}")
    dot = "." if where else ""
    return cls(**{key: _decode(value[key], hint, f"{where}{dot}{key}") for key, hint in hints.items()})


def _decode_float(value: Any, where: str) -> float:
    if type(value) is str and value in _NON_FINITE:
        return _NON_FINITE[value]
    _expect(type(value) in (int, float), value, "a number", where)
    try:
        return float(value)
    except OverflowError:
        raise _Mistyped(where, "the number is too large") from None


_EXPECTED = {str: "a text", int: "a whole number", bool: "true or false"}


def _expect(is_right: bool, value: Any, expected: str, where: str) -> None:
    if not is_right:
        raise _Mistyped(where, f"expected {expected}, found {_kind(value)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return kinds.get(type(value), "an object")


def _shown(value: object) -> str:
    """Quote something from the file in an error, without its control characters and at a bearable length."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:59] + "…"
