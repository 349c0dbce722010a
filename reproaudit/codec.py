"""Owns how the model's types become JSON values and come back: by their annotations, so that
nothing is listed twice.

A dataclass is an object, a tuple a list, `tuple[tuple[str, V], ...]` an object with names of its
own, an enum its value, an IntEnum its name in lower case. Functions are made once per type and
kept, since a result may hold tens of thousands of findings.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}

_Step = Callable[[Any], Any]


class Mistyped(Exception):
    """A value is not of its type. `where` is its place below the value that was read, such as
    `.findings[3].line`."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault
        self.where = ""

    def lies_in(self, place: str) -> None:
        self.where = place + self.where


@cache
def writer(hint: Any) -> _Step:
    """Return the function that turns a value of type `hint` into what `json.dumps` takes."""
    hint, is_optional = _unwrapped(hint)
    write = _writer(hint)
    return (lambda value: None if value is None else write(value)) if is_optional else write


def _writer(hint: Any) -> _Step:
    if is_dataclass(hint):
        members = [(name, writer(inner)) for name, inner in _members(hint)]
        return lambda value: {name: write(getattr(value, name)) for name, write in members}
    if named := _named_values(hint):
        write_named = writer(named)
        return lambda value: {name: write_named(inner) for name, inner in value}
    if get_origin(hint) is tuple:
        # A tuple of fixed length is of one type in this model, as lists are in JSON.
        write_one = writer(get_args(hint)[0])
        return lambda value: [write_one(inner) for inner in value]
    if hint is float:
        return lambda value: float(value) if math.isfinite(value) else repr(float(value))
    if issubclass(hint, Enum):
        return _enum_text
    convert: _Step = hint  # `int(value)` also of a NumPy integer, which json.dumps refuses
    return convert


@cache
def reader(hint: Any) -> _Step:
    """Return the function that makes a value of type `hint` of what `json.loads` gives, or raises
    Mistyped."""
    hint, is_optional = _unwrapped(hint)
    read = _reader(hint)
    return (lambda value: None if value is None else read(value)) if is_optional else read


def _reader(hint: Any) -> _Step:
    if is_dataclass(hint):
        return _object_reader(hint)
    if named := _named_values(hint):
        read_named = reader(named)
        return lambda value: tuple(
            zip(expect(value, dict), _read_each(value.items(), read_named), strict=True)
        )
    if get_origin(hint) is tuple:
        return _list_reader(hint)
    if hint is float:
        return _read_float
    if issubclass(hint, Enum):
        return _enum_reader(hint)
    return lambda value: expect(value, hint)


def _object_reader(cls: Any) -> _Step:
    members = [(name, reader(inner)) for name, inner in _members(cls)]
    names = {name for name, _ in members}

    def read(value: Any) -> Any:
        if expect(value, dict).keys() != names:
            missing = [name for name, _ in members if name not in value]
            raise Mistyped(
                f"no key {missing[0]!r}"
                if missing
                else f"unknown key {quoted(min(value.keys() - names))}"
            )
        values = {}
        for name, read_one in members:
            try:
                values[name] = read_one(value[name])
            except Mistyped as fault:
                fault.lies_in(f".{name}")
                raise
        return cls(**values)

    return read


def _list_reader(hint: Any) -> _Step:
    parts = get_args(hint)
    read_one = reader(parts[0])

    def read(value: Any) -> Any:
        if parts[1:] != (Ellipsis,) and len(expect(value, list)) != len(parts):
            raise Mistyped(f"expected {len(parts)} values, found {len(value)}")
        return tuple(_read_each(enumerate(expect(value, list)), read_one))

    return read


def _read_each(values: Iterable[tuple[object, Any]], read: _Step) -> Iterator[Any]:
    for key, value in values:
        try:
            yield read(value)
        except Mistyped as fault:
            fault.lies_in(f"[{quoted(key)}]")
            raise


def _read_float(value: Any) -> float:
    if type(value) is str and value in NON_FINITE:
        return NON_FINITE[value]
    if type(value) not in (int, float):
        raise Mistyped(f"expected a number, found {kind_of(value)}")
    try:
        return float(value)
    except OverflowError:
        raise Mistyped("the number is too large") from None


def _enum_reader(cls: type[Enum]) -> _Step:
    choices = {_enum_text(choice): choice for choice in cls}

    def read(value: Any) -> Enum:
        if type(value) is not str or value not in choices:
            raise Mistyped(f"expected one of {', '.join(choices)}, found {quoted(value)}")
        return choices[value]

    return read


def _enum_text(member: Enum) -> str:
    # The numbers of an IntEnum are for the records of a trace; a document names its members.
    return member.name.lower() if isinstance(member, IntEnum) else str(member.value)


def _members(cls: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(cls)
    return [(field.name, hints[field.name]) for field in fields(cls)]


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """Return `X` and whether None is allowed, for `X` and for `X | None`."""
    if get_origin(hint) is not types.UnionType:
        return hint, False
    (inner,) = (part for part in get_args(hint) if part is not types.NoneType)
    return inner, True


def _named_values(hint: Any) -> Any:
    """Return `V` if `hint` is a table of named values, `tuple[tuple[str, V], ...]`; else None."""
    row, *rest = get_args(hint) or (None,)
    pair = get_args(row)
    is_table = rest == [Ellipsis] and len(pair) == 2 and pair[0] is str and pair[1] is not Ellipsis
    return pair[1] if is_table else None


_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def expect(value: Any, kind: type) -> Any:
    """Return `value` if it is of exactly this type: True is no number here."""
    if type(value) is not kind:
        raise Mistyped(f"expected {_KINDS[kind]}, found {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    return _KINDS.get(type(value), "something else")


def quoted(value: object) -> str:
    """Quote something from a file in an error, without its control characters and at a bearable
    length."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:59] + "…"
