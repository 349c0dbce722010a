"""Owns what counts as equal: tolerances by dtype and by tensor, and tensors that are ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reproaudit.errors import UsageError
from reproaudit.model.events import EventKind

KINDS = {
    "batch": EventKind.BATCH,
    "output": EventKind.OUTPUT,
    "gradient": EventKind.GRADIENT,
    "parameter": EventKind.PARAMETER,
    "saved": EventKind.SAVED,
    "final": EventKind.FINAL,
}
DEFAULT = "*"  # stands for the dtypes that have no tolerance of their own
# Those whose elements `comparison.elements` knows how to measure.
DTYPES = frozenset(
    "float64,float32,float16,bfloat16,float8_e4m3fn,float8_e5m2,float8_e4m3fnuz,float8_e5m2fnuz,"
    "complex128,complex64,complex32,uint8,int8,int16,int32,int64,uint16,uint32,"
    "uint64,bool".split(",")
)
_HINT = 'write "gradient:layers.*", or "*.bias" for all kinds; kinds: ' + ", ".join(KINDS)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What counts as equal for one dtype. Bitwise unless told otherwise: all three zero."""

    rtol: float = 0.0
    atol: float = 0.0
    ulp: int = 0

    @property
    def is_bitwise(self) -> bool:
        return self.rtol == 0.0 and self.atol == 0.0 and self.ulp == 0


@dataclass(frozen=True, slots=True)
class TensorPattern:
    """Names compared tensors: `gradient:layers.*` those of one kind, `*.bias` those of all kinds.

    `*` stands for any characters and `?` for one. Brackets stand for themselves, for names such as
    `batch[0]` have them. Upper and lower case differ.
    """

    text: str
    kind: EventKind | None = field(init=False)
    _name: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Only the first colon parts: names of tensors may hold others.
        prefix, colon, name = self.text.partition(":")
        if not colon:
            prefix = ""
            name = self.text
        if not name:
            raise _bad_pattern(self.text, "it names no tensor")
        if colon and prefix not in KINDS:
            raise _bad_pattern(self.text, f"there is no kind of tensor {prefix!r}")
        object.__setattr__(self, "kind", KINDS.get(prefix))
        object.__setattr__(self, "_name", _compile_wildcards(name))

    def matches(self, kind: EventKind, name: str) -> bool:
        if self.kind is not None and self.kind != kind:
            return False
        return self._name.fullmatch(name) is not None


def _compile_wildcards(name: str) -> re.Pattern[str]:
    # Not `fnmatch`: it gives brackets a meaning, and on Windows it ignores letter case.
    parts = []
    for letter in name:
        if letter == "*":
            parts.append(".*")
        elif letter == "?":
            parts.append(".")
        else:
            parts.append(re.escape(letter))
    return re.compile("".join(parts), re.DOTALL)


def _bad_pattern(text: str, found: str) -> UsageError:
    return UsageError(
        f"cannot understand the pattern {text!r}: {found}", code="pattern-invalid", hint=_HINT
    )


@dataclass(frozen=True, slots=True)
class Ignored:
    """Tensors that are not compared, and why not."""

    pattern: TensorPattern
    reason: str


TensorTolerances = tuple[tuple[TensorPattern, Tolerance], ...]  # the first that matches counts


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What counts as equal.

    The first pattern that matches decides, else the dtype, else the dtype "*".
    """

    by_dtype: Mapping[str, Tolerance] = field(default_factory=dict)
    by_tensor: TensorTolerances = ()

    def of(self, kind: EventKind, name: str, dtype: str) -> Tolerance:
        """Return the tolerance of one tensor; bitwise where nothing is said of it."""
        for pattern, tolerance in self.by_tensor:
            if pattern.matches(kind, name):
                return tolerance
        if dtype in self.by_dtype:
            return self.by_dtype[dtype]
        return self.by_dtype.get(DEFAULT, Tolerance())


def parse_tolerances(texts: Sequence[str]) -> Tolerances:
    """Read one or more of what `parse_tolerance` reads, and clauses `gradient:layers.*:ulp=4`.

    What stands before the limits is a pattern of names if it begins with a kind of tensor or holds
    `*`, `?` or a dot; `*` alone, a dtype and `torch.` with a dtype are none. Raises UsageError.
    """
    of_dtypes = []
    by_tensor = []
    for clause in ";".join(texts).split(";"):
        # The last colon stands before the limits: a pattern may hold others, limits hold none.
        name, _, limits = clause.rpartition(":")
        name = name.strip()
        if _is_pattern(name):
            tolerance = parse_tolerance(limits.strip())[DEFAULT]
            by_tensor.append((TensorPattern(name), tolerance))
        else:
            of_dtypes.append(clause)
    by_dtype: dict[str, Tolerance] = {}
    if of_dtypes:
        by_dtype = parse_tolerance(";".join(of_dtypes))
    return Tolerances(by_dtype=by_dtype, by_tensor=tuple(by_tensor))


def _is_pattern(name: str) -> bool:
    if name == DEFAULT or name.startswith("torch."):
        return False
    prefix = name.partition(":")[0]
    if prefix in KINDS:
        return True
    return any(mark in name for mark in "*?.:")


def parse_tolerance(text: str) -> dict[str, Tolerance]:
    """Read "bitwise", "rtol=1e-5,atol=1e-8", "ulp=4", or "float32:rtol=1e-5;bfloat16:ulp=2".

    The key "*" is always there: what a dtype gets that the text does not name. Raises UsageError.
    """
    tolerances: dict[str, Tolerance] = {}
    for clause in text.split(";"):
        dtype, colon, terms = clause.rpartition(":")
        dtype = dtype.strip().removeprefix("torch.")
        if not colon:
            dtype = DEFAULT
        if dtype != DEFAULT and dtype not in DTYPES:
            raise _refusal(text, f"{dtype!r} is no dtype that has a tolerance")
        if dtype in tolerances:
            raise _refusal(text, f"{dtype!r} has two tolerances")
        tolerances[dtype] = _parse_terms(text, terms.strip())
    tolerances.setdefault(DEFAULT, Tolerance())
    return tolerances


def _parse_terms(text: str, terms: str) -> Tolerance:
    if terms == "bitwise":
        return Tolerance()
    limits: dict[str, float] = {}
    for term in terms.split(","):
        name, _, value = term.partition("=")
        name = name.strip()
        if name not in ("rtol", "atol", "ulp") or name in limits:
            raise _refusal(text, f"{term.strip()!r} is not rtol=, atol= or ulp=, once each")
        limits[name] = _parse_limit(text, name, value.strip())
    return Tolerance(
        rtol=limits.get("rtol", 0.0),
        atol=limits.get("atol", 0.0),
        ulp=int(limits.get("ulp", 0)),
    )


def _parse_limit(text: str, name: str, value: str) -> float:
    kind = int if name == "ulp" else float
    try:
        limit = kind(value)
    except ValueError:
        raise _refusal(text, f"{value!r} is not a number that {name} can have") from None
    # NaN fails this too, for it compares with nothing.
    if not 0 <= limit < math.inf:
        raise _refusal(text, f"{name} must be finite and not negative, not {value}")
    return limit


def _refusal(text: str, found: str) -> UsageError:
    return UsageError(
        f"cannot read the tolerance {text!r}: {found}",
        code="tolerance-syntax",
        hint='write "bitwise", "rtol=1e-5,atol=1e-8", "ulp=4", by dtype '
        '"float32:rtol=1e-5;bfloat16:ulp=2", or by tensor "gradient:layers.*:ulp=4"',
    )
