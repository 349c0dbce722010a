"""The one way from strict JSON and TOML to frozen dataclasses and back, by their annotations.

What is written in a document follows from the type, so that nothing is listed twice:

    a dataclass                     an object with the names of its fields
    tuple[V, ...], tuple[A, B]      a list
    tuple[tuple[str, V], ...]       an object with names of its own, in its own order
    dict[str, V]                    the same
    an Enum, an IntEnum             its value, its name in lower case
    a Path                          its text
    float                           a number; "inf", "-inf" and "nan", which JSON has no numbers for
    Annotated[X, Wanted(...)]       X, which must also be as `Wanted` says

A class with `OMITS_DEFAULTS`, True or names of fields, leaves out those that have their default,
and takes it where a key is missing. One with `to_plain` and `from_plain` says itself what it is.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args, get_origin, get_type_hints

from reproaudit.bounds import has_too_deep_key, is_too_deep
from reproaudit.errors import ReproauditError, did_you_mean

NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
MAX_QUOTED = 60  # characters of a value that an error shows
Step = Callable[[Any], Any]


class Malformed(ValueError):
    """A document, or a value in it, is not what it should be.

    `where` is the place in the document, such as `.findings[3].line`, "" for the whole of it.
    `hint` says what would be right, "" if `fault` says so already.
    """

    def __init__(self, fault: str, hint: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.hint = hint
        self.where = ""

    def __str__(self) -> str:
        place = self.where.removeprefix(".")
        return f"{place}: {self.fault}" if place else self.fault

    def prepend(self, place: str) -> None:
        """Say that the place named so far lies below `place`."""
        self.where = place + self.where


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a value must be besides its type, with the words for it: "a number from 0"."""

    text: str
    holds: Callable[[Any], bool]


AtLeast0 = Wanted("a whole number from 0", lambda value: value >= 0)
AtLeast1 = Wanted("a whole number from 1", lambda value: value >= 1)


def parse_json(text: str, *, keys_once: bool = True) -> Any:
    """Return the JSON value in `text`. Raise Malformed for anything that is not strict JSON.

    `keys_once` False does not look for keys that stand twice: that costs a call for each object.
    """
    try:
        found = json.loads(
            text,
            object_pairs_hook=_refuse_repeated_keys if keys_once else None,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}" if "\n" in text else f"byte {error.pos:,}"
        raise Malformed(f"it is not JSON ({error.msg}, {place})") from None
    except Malformed:
        raise
    except (ValueError, RecursionError, MemoryError):  # or a number of thousands of digits
        raise Malformed("it is not JSON: nested too deeply, or a number too long") from None
    if is_too_deep(found):
        raise Malformed("it is nested too deeply")
    return found


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table that `text` is. Raise Malformed if it is no TOML."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    if has_too_deep_key(text):
        raise Malformed("it is nested too deeply")
    try:
        table: dict[str, Any] = toml.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"it is not TOML ({error})") from None
    if is_too_deep(table):
        raise Malformed("it is nested too deeply")
    return table


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise Malformed("an object holds a key twice")
    return table


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON number")


def encode(hint: Any, value: Any) -> Any:
    """Return `value`, which is of type `hint`, as `json.dumps` takes it."""
    return make_encoder(hint)(value)


@cache
def make_encoder(hint: Any) -> Step:
    """Return the function that turns a value of type `hint` into what `json.dumps` takes."""
    hint, is_optional = _split_optional(hint)
    write = _make_encoder(hint)
    return (lambda value: None if value is None else write(value)) if is_optional else write


def _make_encoder(hint: Any) -> Step:
    if get_origin(hint) is Annotated:
        return make_encoder(get_args(hint)[0])
    if hasattr(hint, "to_plain"):
        return lambda value: value.to_plain()
    if is_dataclass(hint):
        return _make_object_encoder(hint)
    if named := _named_values(hint):
        write_named = make_encoder(named)
        return lambda value: {name: write_named(inner) for name, inner in dict(value).items()}
    if get_origin(hint) is tuple:
        return _make_list_encoder(hint)
    if hint is float:
        return lambda value: float(value) if math.isfinite(value) else repr(float(value))
    if hint is Path:
        return str
    if issubclass(hint, Enum):
        return _enum_text
    convert: Step = hint  # `int(value)` also of a NumPy integer, which json.dumps refuses
    return convert


def _make_object_encoder(cls: Any) -> Step:
    members = [(field.name, make_encoder(hint), field) for field, hint in _members(cls)]
    optional = _list_optional(cls)

    def write(value: Any) -> dict[str, Any]:
        document = {}
        for name, write_one, field in members:
            member = getattr(value, name)
            if not (name in optional and member == _default_of(field)):
                document[name] = write_one(member)
        return document

    return write


def _make_list_encoder(hint: Any) -> Step:
    parts = get_args(hint)
    if parts[1:] == (Ellipsis,):
        write_one = make_encoder(parts[0])
        return lambda value: [write_one(inner) for inner in value]
    writers = [make_encoder(part) for part in parts]
    return lambda value: [write(inner) for write, inner in zip(writers, value, strict=True)]


def decode(hint: Any, value: Any) -> Any:
    """Return the value of type `hint` that `value`, parsed from a document, is.

    Raise Malformed for a missing or unknown key and for a value of another type. True is no number.
    """
    return make_decoder(hint)(value)


@cache
def make_decoder(hint: Any) -> Step:
    """Return the function that makes a value of type `hint`, as `decode` does."""
    hint, is_optional = _split_optional(hint)
    read = _make_decoder(hint)
    return (lambda value: None if value is None else read(value)) if is_optional else read


def _make_decoder(hint: Any) -> Step:
    if get_origin(hint) is Annotated:
        return _make_checked_decoder(*get_args(hint))
    if hasattr(hint, "from_plain"):
        return _make_own_decoder(hint.from_plain)
    if is_dataclass(hint):
        return _make_object_decoder(hint)
    if named := _named_values(hint):
        return _make_named_decoder(named, dict if get_origin(hint) is dict else tuple)
    if get_origin(hint) is tuple:
        return _make_list_decoder(hint)
    if hint is float:
        return _decode_float
    if hint is Path:
        return lambda value: Path(expect(value, str))
    if issubclass(hint, Enum):
        return _make_enum_decoder(hint)
    return lambda value: expect(value, hint)


def _make_checked_decoder(hint: Any, wanted: Wanted) -> Step:
    read_one = make_decoder(hint)

    def read(value: Any) -> Any:
        found = read_one(value)
        if not wanted.holds(found):
            raise Malformed(f"expected {wanted.text}, found {quote(value)}")
        return found

    return read


def _make_own_decoder(from_plain: Step) -> Step:
    def read(value: Any) -> Any:
        try:
            return from_plain(value)
        except ReproauditError as error:
            raise Malformed(error.message, error.hint) from None

    return read


def _make_object_decoder(cls: Any) -> Step:
    members = [(field.name, make_decoder(hint)) for field, hint in _members(cls)]
    names = [name for name, _ in members]
    optional = _list_optional(cls)

    def read(value: Any) -> Any:
        if expect(value, dict).keys() != set(names):
            _refuse_keys(value, names, optional)
        values = {}
        for name, read_one in members:
            if name in value:
                values[name] = _decode_at(f".{name}", read_one, value[name])
        return cls(**values)

    return read


def _refuse_keys(value: dict[Any, Any], names: list[str], optional: set[str]) -> None:
    """Raise Malformed for the first key that is missing or unknown, if there is one."""
    unknown = sorted(key for key in value if key not in names)
    missing = [name for name in names if name not in value and name not in optional]
    # A misspelt key is both; the unknown one can be given a hint.
    if missing and not unknown:
        raise Malformed(f"no key {missing[0]!r}")
    if unknown:
        raise Malformed(f"unknown key {quote(unknown[0])}", did_you_mean(unknown[0], names))


def _make_named_decoder(hint: Any, kind: type) -> Step:
    read_one = make_decoder(hint)

    def read(value: Any) -> Any:
        table = expect(value, dict)
        return kind(zip(table, _decode_each(table.items(), read_one), strict=True))

    return read


def _make_list_decoder(hint: Any) -> Step:
    parts = get_args(hint)
    if parts[1:] == (Ellipsis,):
        read_one = make_decoder(parts[0])
        return lambda value: tuple(_decode_each(enumerate(expect(value, list)), read_one))
    readers = [make_decoder(part) for part in parts]

    def read(value: Any) -> Any:
        if len(expect(value, list)) != len(readers):
            raise Malformed(f"expected {len(readers)} values, found {len(value)}")
        return tuple(
            _decode_at(f"[{index}]", read_one, inner)
            for index, (read_one, inner) in enumerate(zip(readers, value, strict=True))
        )

    return read


def _decode_each(values: Iterable[tuple[object, Any]], read: Step) -> Iterator[Any]:
    for key, value in values:
        try:
            yield read(value)
        except Malformed as fault:
            fault.prepend(f"[{quote(key)}]")
            raise


def _decode_at(place: str, read: Step, value: Any) -> Any:
    try:
        return read(value)
    except Malformed as fault:
        fault.prepend(place)
        raise


def _decode_float(value: Any) -> float:
    if type(value) is str and value in NON_FINITE:
        return NON_FINITE[value]
    if type(value) not in (int, float):
        raise Malformed(f"expected a number, found {kind_of(value)}")
    try:
        return float(value)
    except OverflowError:
        raise Malformed("the number is too large") from None


def _make_enum_decoder(cls: type[Enum]) -> Step:
    choices = {_enum_text(member): member for member in cls}

    def read(value: Any) -> Enum:
        if type(value) is not str or value not in choices:
            raise Malformed(f"expected one of {', '.join(choices)}, found {quote(value)}")
        return choices[value]

    return read


def _enum_text(member: Enum) -> str:
    # The numbers of an IntEnum are for the records of a trace; a document names its members.
    return member.name.lower() if isinstance(member, IntEnum) else str(member.value)


def _members(cls: Any) -> list[tuple[Field[Any], Any]]:
    hints = get_type_hints(cls, include_extras=True)
    return [(field, hints[field.name]) for field in fields(cls)]


def _list_optional(cls: Any) -> set[str]:
    omitted = getattr(cls, "OMITS_DEFAULTS", ())
    wanted = [field for field in fields(cls) if omitted is True or field.name in omitted]
    return {field.name for field in wanted if _default_of(field) is not MISSING}


def _default_of(field: Field[Any]) -> Any:
    """Return the default value of a field; MISSING, which equals nothing, if it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def _split_optional(hint: Any) -> tuple[Any, bool]:
    """Return `X` and whether None is allowed, for `X` and for `X | None`."""
    parts = get_args(hint)
    if types.NoneType not in parts:
        return hint, False
    (inner,) = (part for part in parts if part is not types.NoneType)
    return inner, True


def _named_values(hint: Any) -> Any:
    """Return `V` for `dict[str, V]` and `tuple[tuple[str, V], ...]`, else None."""
    if get_origin(hint) is dict:
        return get_args(hint)[1]
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
        raise Malformed(f"expected {_KINDS[kind]}, found {kind_of(value)}")
    return value


def kind_of(value: object) -> str:
    """Return what a value of a document is, in words."""
    return _KINDS.get(type(value), "something else")


def quote(value: object) -> str:
    """Quote something from a file, without its control characters and at a bearable length."""
    text = ascii(value)
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…"
