"""Digests of Python values: equal for equal values in all processes.

Addresses and the hash seed do not matter. The program's own code is never called: content is read
through the methods of the built-in types themselves, and attributes through the descriptors that
the interpreter made. What has no content to read so is known by its type.
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

from reproaudit.record.digest.attributes import keeps_private, qualname, read_attributes
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
_hash_of_types: Any = type.__hash__
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
        high, low = _halves(_Walk().node(value))
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
    """One walk through a value. A node's digest is that of its type and of its children's digests.

    An error ends the walk for good, so what is counted up on the way is not put back by `finally`.
    """

    __slots__ = ("_bytes", "_depth", "_left", "_objects", "_open")

    def __init__(self) -> None:
        self._left = MAX_LEAVES
        self._bytes = MAX_BYTES
        self._depth = 0  # containers around the node
        self._objects = 0  # objects around the node, within each other's attributes
        # Containers that the walk is inside of, by id, with their depth.
        self._open: dict[int, int] = {}

    def node(self, value: Any) -> bytes:
        self._left -= 1
        if self._left < 0 or self._depth > _MAX_DEPTH:
            return _digest_name(b"cut", "")
        kind = type(value)
        meta = type(kind)
        if meta.__hash__ is not _hash_of_types:
            # To look the type up in a table would call its metaclass.
            return _digest_name(b"opaque", qualname(kind))
        read_leaf = _LEAVES.get(kind)
        if read_leaf is not None:
            return _xxh128(kind.__name__.encode() + b"\0" + read_leaf(value))
        if kind is str or kind is bytes or kind is bytearray:
            return self._text(value, kind, kind)
        if id(value) in self._open:
            return _digest_name(b"cycle", str(self._depth - self._open[id(value)]))
        self._open[id(value)] = self._depth
        found = self._composite(value, kind)
        del self._open[id(value)]
        return found

    def _composite(self, value: Any, kind: type) -> bytes:
        if issubclass(kind, dict):
            return self._children(kind, dict.__len__(value), _dict_items(value, kind))
        for base in (list, tuple, deque):
            if issubclass(kind, base):
                return self._children(kind, base.__len__(value), _ends(value, base))
        for unordered in (set, frozenset):
            if issubclass(kind, unordered):
                return self._members(kind, list(unordered.__iter__(value)))
        if kind is slice:
            return self._children(kind, 3, (value.start, value.stop, value.step))
        if issubclass(kind, Enum):
            return self._enum_member(value, kind)
        # The program's NumPy, if it has imported one: the recorder imports none.
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.generic):
            return self._numpy_scalar(value, numpy)
        if numpy is not None and issubclass(kind, numpy.ndarray):
            return self._array(value, kind, numpy)
        if issubclass(kind, torch.Tensor):
            return self._tensor(value, kind)
        return self._subclass(value, kind)

    def _subclass(self, value: Any, kind: type) -> bytes:
        for base in (str, bytes, bytearray):
            if issubclass(kind, base):
                return self._text(value, kind, base)
        for number in (int, float, complex):
            if issubclass(kind, number):
                read_leaf = _LEAVES[number]
                return _xxh128(qualname(kind).encode() + b"\0" + read_leaf(value))
        for moment in _MOMENTS:
            if issubclass(kind, moment):
                state: Any = moment.__reduce__(value)[1]
                return self._children(kind, 1, state)
        if kind is datetime.timezone:
            return self._children(kind, 1, _timezone_arguments(value))
        return self._object(value, kind)

    # -- content

    def _children(self, kind: type, length: int, items: Iterable[Any]) -> bytes:
        self._depth += 1
        parts = [self.node(item) for item in items]
        self._depth -= 1
        head = qualname(kind).encode() + b"\0" + _size(length)
        return _xxh128(head + b"".join(parts))

    def _members(self, kind: type, members: list[Any]) -> bytes:
        """Digest a set, in any order.

        Each member may use an equal share of what is left. If the first ones could take more, the
        order would matter after all.
        """
        parts: list[bytes] = []
        nodes = self._left
        size = self._bytes
        if members and len(members) <= nodes:
            node_share = nodes // len(members)
            byte_share = size // len(members)
            self._depth += 1
            for member in members:
                self._left = node_share
                self._bytes = byte_share
                parts.append(self.node(member))
                nodes -= node_share - self._left
                size -= byte_share - self._bytes
            self._depth -= 1
            self._left = nodes
            self._bytes = size
        parts.sort()
        head = qualname(kind).encode() + b"\0" + _size(len(members))
        return _xxh128(head + b"".join(parts))

    def _enum_member(self, value: Any, kind: type) -> bytes:
        attributes = read_attributes(value, kind)
        objects = self._objects
        self._objects = _MAX_OBJECTS  # an object as a member's value is known by its type
        member = (attributes.get("_name_"), attributes.get("_value_"))
        found = self._children(kind, 1, member)
        self._objects = objects
        return found

    def _text(self, value: Any, kind: type, base: Any) -> bytes:
        """Digest a string or bytes by `base`'s own methods; by its ends if it is large."""
        length = base.__len__(value)
        if length <= self._bytes:
            parts = [slice(None)]
        else:
            half = self._bytes // 2
            parts = [slice(half), slice(length - half, None)]
        self._bytes -= min(length, self._bytes)
        data = b""
        for part in parts:
            piece = base.__getitem__(value, part)
            if base is str:
                piece = piece.encode("utf-8", "surrogatepass")
            data += piece
        head = qualname(kind).encode() + b"\0" + _size(length)
        return _xxh128(head + data)

    def _numpy_scalar(self, value: Any, numpy: Any) -> bytes:
        dtype = numpy.generic.dtype.__get__(value)
        content = numpy.generic.tobytes(value)
        return _xxh128(dtype.str.encode() + b"\0" + content)

    def _array(self, value: Any, kind: type, numpy: Any) -> bytes:
        # As a plain array, since a subclass may index itself by code of its own.
        plain = value
        if kind is not numpy.ndarray:
            plain = numpy.ndarray.view(value, numpy.ndarray)
        text = f"{qualname(kind)} {plain.dtype.str} {plain.shape}".encode()
        if plain.dtype == object:
            flat = plain.reshape(-1)
            rest = max(END_ITEMS, flat.size - END_ITEMS)
            first = flat[:END_ITEMS].tolist()
            last = flat[rest:].tolist()
            content = self._children(kind, plain.size, chain(first, last))
            return _xxh128(text + content)
        pieces: list[bytes] = []
        if plain.dtype.hasobject:
            pass  # a record with objects in it: their addresses are no content
        elif plain.nbytes <= self._bytes:
            self._bytes -= plain.nbytes
            pieces = [plain.tobytes()]
        elif plain.flags.c_contiguous:
            count = self._bytes // 2 // plain.itemsize
            self._bytes = 0
            flat = plain.reshape(-1)
            first = flat[:count]
            last = flat[plain.size - count :]
            pieces = [first.tobytes(), last.tobytes()]
        return _xxh128(text + b"\0" + b"".join(pieces))

    def _tensor(self, value: Any, kind: type) -> bytes:
        if kind not in PLAIN_TYPES:
            # What a subclass shows of itself may be made by code of its own.
            return _digest_name(b"tensor", qualname(kind))
        with DisableFunctionModes():
            size = value.numel() * value.element_size()
            is_small = value.is_cpu and value.numel() <= _MAX_ELEMENTS and size <= self._bytes
        found = tensor_digest(value) if is_small else None
        if found is None:
            return _digest_name(b"tensor", describe(value))
        self._bytes -= size
        return _xxh128(b"tensor\0" + struct.pack("<QQ", *found))

    def _object(self, value: Any, kind: type) -> bytes:
        if issubclass(kind, type):
            return _digest_name(b"class", qualname(value))
        read_name = _NAMES.get(kind)
        if read_name is not None:
            return _digest_name(qualname(kind).encode(), read_name(value))
        attributes: dict[str, Any] = {}
        if self._objects < _MAX_OBJECTS:
            attributes = read_attributes(value, kind)
        names = sorted(attributes)
        if attributes and keeps_private(kind):
            names = [name for name in names if not name.startswith("_")]
        # By name: the order in which attributes were first set is no content of an object.
        pairs = chain.from_iterable((name, attributes[name]) for name in names)
        self._objects += 1
        found = self._children(kind, len(names), pairs)
        self._objects -= 1
        return found


def _digest_name(tag: bytes, name: str) -> bytes:
    return _xxh128(tag + b"\0" + name.encode("utf-8", "surrogatepass"))


def _nothing(value: Any) -> bytes:
    return b""


def _bool(value: bool) -> bytes:
    return b"\1" if value else b"\0"


def _int(value: int) -> bytes:
    """Return the number of bits, then the two's complement of the lowest ones."""
    bits = int.bit_length(value)
    if bits > _LONGEST_INT:
        value = int.__and__(value, (1 << _LONGEST_INT) - 1)
    length = min(bits, _LONGEST_INT) // 8 + 1
    return _size(bits) + int.to_bytes(value, length, "little", signed=True)


def _complex(value: complex) -> bytes:
    real = complex.real.__get__(value)
    imaginary = complex.imag.__get__(value)
    return _double(real) + _double(imaginary)


def _range(value: range) -> bytes:
    return _int(value.start) + _int(value.stop) + _int(value.step)


def _decimal(value: decimal.Decimal) -> bytes:
    return repr(tuple(decimal.Decimal.as_tuple(value))).encode()


def _path(value: pathlib.PurePath) -> bytes:
    return pathlib.PurePath.__str__(value).encode("utf-8", "surrogatepass")


def _shown(value: torch.dtype | torch.device) -> bytes:
    return str(value).encode()


def _no_name(value: Any) -> str:
    return ""


# Of exactly these types. Texts and containers are bounded, so the walk itself reads them.
_LEAVES: dict[type, Callable[[Any], bytes]] = {
    types.NoneType: _nothing,
    types.EllipsisType: _nothing,
    bool: _bool,
    int: _int,
    float: _double,
    complex: _complex,
    range: _range,
    decimal.Decimal: _decimal,
    pathlib.PosixPath: _path,
    pathlib.WindowsPath: _path,
    pathlib.PurePosixPath: _path,
    pathlib.PureWindowsPath: _path,
    torch.dtype: _shown,
    torch.device: _shown,
}

# Through descriptors of the interpreter, as a program may give a function another `__getattr__`.
_NAMES: dict[type, Callable[[Any], str]] = {
    types.FunctionType: types.FunctionType.__dict__["__qualname__"].__get__,
    types.BuiltinFunctionType: types.BuiltinFunctionType.__dict__["__qualname__"].__get__,
    types.ModuleType: _no_name,
    types.MethodType: _no_name,
}


def _ends(value: Any, base: Any) -> Iterator[Any]:
    """Iterate over a list, tuple or deque: over its ends if it is long."""
    length = base.__len__(value)
    if length <= 2 * END_ITEMS:
        return base.__iter__(value)  # type: ignore[no-any-return]
    if base is deque:  # which has no slices
        first = islice(deque.__iter__(value), END_ITEMS)
        last = islice(deque.__reversed__(value), END_ITEMS)
        return chain(first, last)
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
            keys = list(OrderedDict.__iter__(value))
            if length > 2 * END_ITEMS:
                keys = keys[:END_ITEMS] + keys[-END_ITEMS:]
            return chain.from_iterable((key, dict.__getitem__(value, key)) for key in keys)
    items = dict.items(value)
    if length <= 2 * END_ITEMS:
        return chain.from_iterable(items)
    first = islice(items, END_ITEMS)
    last = islice(reversed(items), END_ITEMS)
    return chain.from_iterable(chain(first, last))
