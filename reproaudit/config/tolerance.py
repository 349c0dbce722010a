"""Owns what counts as equal: tolerances by dtype and by tensor name, and tensors that are not
compared at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reproaudit.errors import UsageError
from reproaudit.model.events import EventKind
from reproaudit.model.result import Tolerance

KINDS = {
    kind.name.lower(): kind
    for kind in (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
}
_HINT = 'write "gradient:layers.*", or "*.bias" for all kinds; kinds: ' + ", ".join(KINDS)


@dataclass(frozen=True, slots=True)
class TensorPattern:
    """Names compared tensors: `gradient:layers.*` those of one kind, `*.running_mean` those of all
    four.

    `*` stands for any characters and `?` for one. Brackets stand for themselves, for names such as
    `batch[0]` have them. Upper and lower case differ.
    """

    text: str
    kind: EventKind | None = field(init=False)
    _name: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        prefix, colon, name = self.text.partition(":") if ":" in self.text else ("", "", self.text)
        if not name or (colon and prefix not in KINDS):
            found = "it names no tensor" if not name else f"there is no kind of tensor {prefix!r}"
            raise UsageError(
                f"cannot understand the pattern {self.text!r}: {found}",
                code="pattern-invalid",
                hint=_HINT,
            )
        object.__setattr__(self, "kind", KINDS.get(prefix))
        parts = {"*": ".*", "?": "."}
        object.__setattr__(
            self, "_name", re.compile("".join(parts.get(c, re.escape(c)) for c in name), re.DOTALL)
        )

    def matches(self, kind: EventKind, name: str) -> bool:
        return self.kind in (None, kind) and self._name.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Tensors that are not compared, and why not."""

    pattern: TensorPattern
    reason: str


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What counts as equal. The first pattern that matches decides, else the dtype, else the dtype
    "*"."""

    by_dtype: Mapping[str, Tolerance] = field(default_factory=dict)
    by_tensor: tuple[tuple[TensorPattern, Tolerance], ...] = ()

    def of(self, kind: EventKind, name: str, dtype: str) -> Tolerance:
        """Return the tolerance of one tensor; bitwise where nothing is said of it."""
        for pattern, tolerance in self.by_tensor:
            if pattern.matches(kind, name):
                return tolerance
        return self.by_dtype.get(dtype, self.by_dtype.get("*", Tolerance()))
