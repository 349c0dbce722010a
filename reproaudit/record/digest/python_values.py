"""Digests of Python values: equal in all processes for equal values, whatever their addresses and
the hash seed.

The program's own code is never called: content is read through the methods of the built-in types
themselves, and attributes through the descriptors that the interpreter made. What has no content to
read so is known by its type.
"""

from __future__ import annotations

import datetime
import decimal
import pathlib
import struct
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import chain, islice
from typing import Any

import torch
import xxhash

from reproaudit.record.digest.tensors import PLAIN_TYPES, Digest, describe
from reproaudit.record.digest.tensors import digest as tensor_digest
from reproaudit.record.torch_private import DisableFunctionModes

MAX_LEAVES = 2_000  # nodes of one value that are looked at
MAX_BYTES = 2 << 20  # of texts, arrays and tensors within one value
END_ITEMS = 32  # of a long container: its first and its last ones
_MAX_ELEMENTS = 1 << 20  # of a tensor
_MAX_DEPTH = 16  # of nested containers
_MAX_OBJECTS = 2  # of objects within each other's attributes
_MAX_ORDERED = 4_096  # keys of an OrderedDict whose own order is read
_LONGEST_INT = 1 << 15  # bits

_xxh128 = xxhash.xxh3_128_digest
_halves = struct.Struct(">QQ").unpack
_double = struct.Struct("<d").pack
_size = struct.Struct("<q").pack
_type_dict = type.__dict__
_hash_of_types: Any = type.__hash__
_mro: Callable[[type], tuple[type, ...]] = _type_dict["__mro__"].__get__
_namespace: Callable[[type], types.MappingProxyType[str, Any]] = _type_dict["__dict__"].__get__
_qualname: Callable[[type], str] = _type_dict["__qualname__"].__get__
_module: Callable[[type], Any] = _type_dict["__module__"].__get__

# Classes of the standard library whose attributes are the user's data. Those of others are
# machinery: thread numbers, caches, what a lock is made of.
_DATA_CLASSES = frozenset(
    {
        "argparse.Namespace",
        "types.SimpleNamespace",
        "fractions.Fraction",
        "uuid.UUID",
        "collections.UserDict",
        "collections.UserList",
        "collections.UserString",
    }
)
_NEUTRAL_BASES = frozenset({"builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC"})
_STANDARD = frozenset(sys.stdlib_module_names)
_SAFE_KEYS = frozenset((str, int, float, bool, bytes, types.NoneType))
_timezone_arguments: Any = vars(datetime.timezone)["__getinitargs__"]
_MOMENTS = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta)


def value_digest(value: Any) -> Digest | None:
    """Return the low and the high half of a structural digest; None if the value changed while it
    was read.

    Type, content and order count; of sets the order does not, as two equal sets may be iterated in
    any. Long containers count by their length and their ends, sets of more than MAX_LEAVES members
    by their length, large texts and arrays by their ends, tensors that are large or not on the CPU
    by dtype and shape. Modules, generators, iterators, locks and files count by their type,
    functions and classes by their name.
    """
    try:
        high, low = _halves(_Walk().node(value, 0, 0))
    except (
        RuntimeError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        MemoryError,
        BufferError,
    ):
        # Another thread changed it meanwhile, or an extension's type does not keep to its base's
        # contract.
        return None
    return low, high


class _Walk:
    """One walk through a value. A node's digest is that of its type and of its children's digests."""

    __slots__ = ("_bytes", "_left", "_open")

    def __init__(self) -> None:
        self._left = MAX_LEAVES
        self._bytes = MAX_BYTES
        self._open: dict[
            int, int
        ] = {}  # containers that the walk is inside of, by id, with their depth

    def node(self, value: Any, depth: int, objects: int) -> bytes:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            return _named(b"cut", "")
        kind = type(value)
        meta = type(kind)
        if (
            meta.__hash__ is not _hash_of_types
        ):  # looking the type up in a table would call its metaclass
            return _named(b"opaque", _qualname(kind))
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            return _xxh128(kind.__name__.encode() + b"\0" + leaf(value))
        if kind is str or kind is bytes or kind is bytearray:
            return self._text(value, kind, kind)
        if id(value) in self._open:
            return _named(b"cycle", str(depth - self._open[id(value)]))
        self._open[id(value)] = depth
        try:
            return self._composite(value, kind, depth, objects)
        finally:
            del self._open[id(value)]

    def _composite(self, value: Any, kind: type, depth: int, objects: int) -> bytes:
        if issubclass(kind, dict):
            return self._children(
                kind, dict.__len__(value), _dict_items(value, kind), depth, objects
            )
        for base in (list, tuple, deque):
            if issubclass(kind, base):
                return self._children(kind, base.__len__(value), _ends(value, base), depth, objects)
        for unordered in (set, frozenset):
            if issubclass(kind, unordered):
                return self._members(kind, list(unordered.__iter__(value)), depth, objects)
        if kind is slice:
            return self._children(kind, 3, (value.start, value.stop, value.step), depth, objects)
        if issubclass(kind, Enum):
            attributes = _attributes(value, kind)
            member = attributes.get("_name_"), attributes.get("_value_")
            return self._children(kind, 1, member, depth, _MAX_OBJECTS)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic)):
            return self._array(value, kind, numpy, depth, objects)
        if issubclass(kind, torch.Tensor):
            return self._tensor(value, kind)
        return self._subclass(value, kind, depth, objects)

    def _subclass(self, value: Any, kind: type, depth: int, objects: int) -> bytes:
        for base in (str, bytes, bytearray):
            if issubclass(kind, base):
                return self._text(value, kind, base)
        for number in (int, float, complex):
            if issubclass(kind, number):
                return _xxh128(_qualname(kind).encode() + b"\0" + _LEAVES[number](value))
        for moment in _MOMENTS:
            if issubclass(kind, moment):
                state: Any = moment.__reduce__(value)[1]
                return self._children(kind, 1, state, depth, objects)
        if kind is datetime.timezone:
            return self._children(kind, 1, _timezone_arguments(value), depth, objects)
        return self._object(value, kind, depth, objects)

    # -- content
    # -----------------------------------------------------------------------------------------------------

    def _children(
        self, kind: type, length: int, items: Iterable[Any], depth: int, objects: int
    ) -> bytes:
        parts = [self.node(item, depth + 1, objects) for item in items]
        return _xxh128(_qualname(kind).encode() + b"\0" + _size(length) + b"".join(parts))

    def _members(self, kind: type, members: list[Any], depth: int, objects: int) -> bytes:
        """Digest a set. Each member may use an equal share of what is left, so that the first ones
        take no more."""
        parts: list[bytes] = []
        left, room = self._left, self._bytes
        if members and len(members) <= left:
            share, part_room = left // len(members), room // len(members)
            for member in members:
                self._left, self._bytes = share, part_room
                parts.append(self.node(member, depth + 1, objects))
                left, room = left - (share - self._left), room - (part_room - self._bytes)
            self._left, self._bytes = left, room
        return _xxh128(
            _qualname(kind).encode() + b"\0" + _size(len(members)) + b"".join(sorted(parts))
        )

    def _text(self, value: Any, kind: type, base: Any) -> bytes:
        length = base.__len__(value)
        half = self._bytes // 2
        parts = (
            (slice(None),) if length <= self._bytes else (slice(half), slice(length - half, None))
        )
        self._bytes -= min(length, self._bytes)
        pieces = [base.__getitem__(value, part) for part in parts]
        data = b"".join(
            piece.encode("utf-8", "surrogatepass") if base is str else piece for piece in pieces
        )
        return _xxh128(_qualname(kind).encode() + b"\0" + _size(length) + data)

    def _array(self, value: Any, kind: type, numpy: Any, depth: int, objects: int) -> bytes:
        if issubclass(kind, numpy.generic):
            content = numpy.generic.tobytes(value)
            return _xxh128(numpy.generic.dtype.__get__(value).str.encode() + b"\0" + content)
        plain = value if kind is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)
        text = f"{_qualname(kind)} {plain.dtype.str} {plain.shape}"
        if plain.dtype == object:
            flat = plain.reshape(-1)
            items = chain(
                flat[:END_ITEMS].tolist(), flat[max(END_ITEMS, flat.size - END_ITEMS) :].tolist()
            )
            return _xxh128(text.encode() + self._children(kind, plain.size, items, depth, objects))
        pieces: list[bytes] = []
        if not plain.dtype.hasobject and plain.nbytes <= self._bytes:
            self._bytes -= plain.nbytes
            pieces = [plain.tobytes()]
        elif not plain.dtype.hasobject and plain.flags.c_contiguous:
            count = self._bytes // 2 // plain.itemsize
            self._bytes = 0
            flat = plain.reshape(-1)
            pieces = [flat[:count].tobytes(), flat[plain.size - count :].tobytes()]
        return _xxh128(text.encode() + b"\0" + b"".join(pieces))

    def _tensor(self, value: Any, kind: type) -> bytes:
        if kind not in PLAIN_TYPES:
            return _named(
                b"tensor", _qualname(kind)
            )  # what it shows of itself may be made by code of its own
        with DisableFunctionModes():
            size = value.numel() * value.element_size()
            is_small = value.is_cpu and value.numel() <= _MAX_ELEMENTS and size <= self._bytes
        found = tensor_digest(value) if is_small else None
        if found is None:
            return _named(b"tensor", describe(value))
        self._bytes -= size
        return _xxh128(b"tensor\0" + struct.pack("<QQ", *found))

    def _object(self, value: Any, kind: type, depth: int, objects: int) -> bytes:
        name = _qualname(kind)
        if issubclass(kind, type):
            return _named(b"class", _qualname(value))
        getter = _NAMES.get(kind)
        if getter is not None:
            return _named(name.encode(), getter(value))
        attributes = _attributes(value, kind) if objects < _MAX_OBJECTS else {}
        if attributes and _keeps_private(kind):
            attributes = {key: item for key, item in attributes.items() if not key.startswith("_")}
        # By name: the order in which attributes were first set is no content of an object.
        pairs = chain.from_iterable((key, attributes[key]) for key in sorted(attributes))
        return self._children(kind, len(attributes), pairs, depth, objects + 1)


def _named(tag: bytes, name: str) -> bytes:
    return _xxh128(tag + b"\0" + name.encode("utf-8", "surrogatepass"))


def _int(value: int) -> bytes:
    bits = int.bit_length(value)
    if bits > _LONGEST_INT:
        value = int.__and__(value, (1 << _LONGEST_INT) - 1)
    return _size(bits) + int.to_bytes(
        value, min(bits, _LONGEST_INT) // 8 + 1, "little", signed=True
    )


def _decimal(value: decimal.Decimal) -> bytes:
    return repr(tuple(decimal.Decimal.as_tuple(value))).encode()


def _path(value: pathlib.PurePath) -> bytes:
    return pathlib.PurePath.__str__(value).encode("utf-8", "surrogatepass")


# Of exactly these types. Texts and containers are bounded, so the walk itself reads them.
_LEAVES: dict[type, Callable[[Any], bytes]] = {
    types.NoneType: lambda _: b"",
    types.EllipsisType: lambda _: b"",
    bool: lambda value: b"\1" if value else b"\0",
    int: _int,
    float: _double,
    complex: lambda value: (
        _double(complex.real.__get__(value)) + _double(complex.imag.__get__(value))
    ),
    range: lambda value: _int(value.start) + _int(value.stop) + _int(value.step),
    decimal.Decimal: _decimal,
    pathlib.PosixPath: _path,
    pathlib.WindowsPath: _path,
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
    torch.dtype: lambda value: str(value).encode(),
    torch.device: lambda value: str(value).encode(),
}

_NAMES: dict[type, Callable[[Any], str]] = {
    types.FunctionType: types.FunctionType.__dict__["__qualname__"].__get__,
    types.BuiltinFunctionType: types.BuiltinFunctionType.__dict__["__qualname__"].__get__,
    types.ModuleType: lambda _: "",
    types.MethodType: lambda _: "",
}


def _ends(value: Any, base: Any) -> Iterator[Any]:
    """Iterate over a list, tuple or deque: over its ends if it is long."""
    length = base.__len__(value)
    if length <= 2 * END_ITEMS:
        return base.__iter__(value)  # type: ignore[no-any-return]
    if base is deque:
        return chain(
            islice(deque.__iter__(value), END_ITEMS), islice(deque.__reversed__(value), END_ITEMS)
        )
    return chain(
        base.__getitem__(value, slice(END_ITEMS)),
        base.__getitem__(value, slice(length - END_ITEMS, None)),
    )


def _dict_items(value: Any, kind: type) -> Iterator[Any]:
    """Iterate over keys and values in turn, over those at the ends if there are many."""
    length = dict.__len__(value)
    if issubclass(kind, OrderedDict) and length <= _MAX_ORDERED:
        # Its own order is that of `move_to_end`. Following it hashes the keys, which may be the
        # program's code.
        if all(type(key) in _SAFE_KEYS for key in dict.__iter__(value)):
            ordered = list(OrderedDict.__iter__(value))
            ends = (
                ordered if length <= 2 * END_ITEMS else ordered[:END_ITEMS] + ordered[-END_ITEMS:]
            )
            return chain.from_iterable((key, dict.__getitem__(value, key)) for key in ends)
    items = dict.items(value)
    if length <= 2 * END_ITEMS:
        return chain.from_iterable(items)
    return chain.from_iterable(chain(islice(items, END_ITEMS), islice(reversed(items), END_ITEMS)))


def _attributes(value: Any, kind: type) -> dict[str, Any]:
    """Return what an object's `__dict__` and slots hold; nothing for objects that are no data of
    the program."""
    found: dict[str, Any] = {}
    if (
        _root(kind) in _STANDARD
        and _full_name(kind) not in _DATA_CLASSES
        and not issubclass(kind, Enum)
    ):
        return found
    for base in _mro(kind):
        names = _namespace(base)
        held = names.get("__dict__")
        if type(held) is types.GetSetDescriptorType:
            own = held.__get__(value)
            if type(own) is dict:
                found.update({key: item for key, item in own.items() if type(key) is str})
        if "__slots__" in names:
            for name, member in names.items():
                if type(member) is types.MemberDescriptorType:
                    try:
                        found[name] = member.__get__(value)
                    except AttributeError:  # the slot is empty
                        continue
    return found


def _keeps_private(kind: type) -> bool:
    """True if the standard library or PyTorch keeps state of its own in private attributes of the
    object."""
    for base in _mro(kind):
        if _full_name(base) in _DATA_CLASSES:
            return False
        if (_root(base) == "torch" or _root(base) in _STANDARD) and _full_name(
            base
        ) not in _NEUTRAL_BASES:
            return True
    return False


def _root(kind: type) -> str:
    module = _module(kind)
    return module.partition(".")[0] if type(module) is str else ""


def _full_name(kind: type) -> str:
    return f"{_module(kind)}.{_qualname(kind)}"
