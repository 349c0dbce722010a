"""What an operator is given, decided once for each list of types of its arguments.

Most calls of an operator give it arguments of the same types. Which of them are tensors that it
reads, and which enter the digest of the rest, is then known without a look at each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from reproaudit.record.digest.tensors import PLAIN_TYPES
from reproaudit.record.operation.opinfo import OpInfo
from reproaudit.record.operation.scalars import EXACT_TYPES, ScalarDigests
from reproaudit.record.torch_private import kernel_of
from reproaudit.trace.event_calls import PackedDigest

_MOST_REMEMBERED = 1000  # digests of one form
# Equal values of these types stand for the same; of floats, all but zeros do.
_TOLD_APART = EXACT_TYPES | {bool}
_SIMPLE = _TOLD_APART | PLAIN_TYPES | {float}
_Arguments = tuple[Any, ...]


class Form:
    """How positional arguments of certain types are looked at.

    `read` gives the tensors that the operator reads.
    """

    __slots__ = ("_known", "_pick", "_single_float", "has_scalars", "read")

    def __init__(self, types: tuple[type, ...]) -> None:
        tensors = [at for at, kind in enumerate(types) if kind in PLAIN_TYPES]
        scalars = [at for at, kind in enumerate(types) if kind not in PLAIN_TYPES]
        self.read: Callable[[_Arguments], Sequence[Any]] = _picker_of(tensors)
        self.has_scalars = bool(scalars)
        # A zero has a sign that no look-up sees. Among several arguments it is not looked for.
        self._single_float = len(scalars) == 1 and types[scalars[0]] is float
        self._pick: Callable[[_Arguments], Any] | None = None
        if self._single_float or all(types[at] in _TOLD_APART for at in scalars):
            self._pick = itemgetter(*scalars) if scalars else None
        self._known: dict[Any, PackedDigest] = {}

    def find_scalars(self, digests: ScalarDigests, info: OpInfo, args: _Arguments) -> PackedDigest:
        """Return what `digests` finds of the arguments that are no tensors."""
        if self._pick is None:
            return digests.find(info, args, {})
        key = self._pick(args)
        if self._single_float and not key:
            return digests.find(info, args, {})
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = self._known[key] = digests.find(info, args, {})
        return found


class Forms(dict[tuple[type, ...], Form | None]):
    """The forms of one operator by the types of its positional arguments.

    None: each argument has to be looked at, because one may hold tensors or is only overwritten.
    """

    def __init__(self, info: OpInfo) -> None:
        super().__init__()
        self._info = info

    def __missing__(self, types: tuple[type, ...]) -> Form | None:
        form = None
        has_simple_types = all(kind in _SIMPLE for kind in types)
        if has_simple_types and not self._info.write_only and self._info.message is None:
            form = Form(types)
        # A class that the program makes anew for each call must not be kept.
        if has_simple_types or all(kind in _SIMPLE or kind in (list, tuple) for kind in types):
            self[types] = form
        return form


class MetOp:
    """An operator that the program has called.

    `is_usual`: nothing of it but the digests of what it reads and writes has to be known.
    """

    __slots__ = ("call", "forms", "info", "is_usual")

    def __init__(self, func: Any, info: OpInfo) -> None:
        self.call: Callable[..., Any] = kernel_of(func)
        self.info = info
        self.forms = Forms(info)
        leaves_undefined = info.is_undefined or info.workspace or info.scratch
        sends = info.message is not None or info.is_wait
        is_special = leaves_undefined or sends or info.is_birth or info.is_random
        self.is_usual = not is_special


def _picker_of(positions: list[int]) -> Callable[[_Arguments], Sequence[Any]]:
    """Return what takes the values at `positions` out of a tuple."""
    if not positions:
        return _pick_none
    if len(positions) == 1:
        (at,) = positions
        return itemgetter(slice(at, at + 1))
    return itemgetter(*positions)


def _pick_none(args: _Arguments) -> Sequence[Any]:
    return ()
