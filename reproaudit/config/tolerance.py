"""Owns what counts as equal: tolerances by dtype and by tensor, and tensors that are ignored."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reproaudit.errors import UsageError
from reproaudit.model.events import EventKind

KINDS = {
    kind.name.lower(): kind
    for kind in (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)
}
DEFAULT = "*"  # stands for the dtypes that have no tolerance of their own
# Those whose elements `compare.elements` knows how to measure.
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
    """Names compared tensors: `gradient:layers.*` those of one kind, `*.running_mean` those of all
    four.

    `*` stands for any characters and `?` for one. Brackets stand for themselves, for names such as
    `batch[0]` have them. Upper and lower case differ.
    """

    text: str
    kind: EventKind | None = field(init=False)
    _name: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        prefix, name = "", self.text
        if ":" in self.text:
            prefix, _, name = self.text.partition(":")
        if not name or (name != self.text and prefix not in KINDS):
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


def parse_tolerances(texts: Sequence[str]) -> Tolerances:
    """Read one or more of what `parse_tolerance` reads, and clauses `gradient:layers.*:ulp=4`.

    What stands before the limits is a pattern of names if it begins with a kind of tensor or holds
    `*`, `?` or a dot; `*` alone, a dtype and `torch.` with a dtype are none. Raises UsageError.
    """
    of_dtypes: list[str] = []
    by_tensor: list[tuple[TensorPattern, Tolerance]] = []
    for clause in ";".join(texts).split(";"):
        name, _, limits = (part.strip() for part in clause.rpartition(":"))
        if _is_pattern(name):
            by_tensor.append((TensorPattern(name), parse_tolerance(limits)[DEFAULT]))
        else:
            of_dtypes.append(clause)
    by_dtype = parse_tolerance(";".join(of_dtypes)) if of_dtypes else {}
    return Tolerances(by_dtype=by_dtype, by_tensor=tuple(by_tensor))


def _is_pattern(name: str) -> bool:
    if name == DEFAULT or name.startswith("torch."):
        return False
    return name.partition(":")[0] in KINDS or any(c in name for c in "*?.:")


def parse_tolerance(text: str) -> dict[str, Tolerance]:
    """Read "bitwise", "rtol=1e-5,atol=1e-8", "ulp=4", or "float32:rtol=1e-5;bfloat16:ulp=2".

    The key "*" is always there: what a dtype gets that the text does not name. Raises UsageError.
    """
    tolerances: dict[str, Tolerance] = {}
    for clause in text.split(";"):
        dtype, colon, terms = clause.rpartition(":")
        dtype = dtype.strip().removeprefix("torch.") if colon else DEFAULT
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
        name, _, value = (piece.strip() for piece in term.partition("="))
        if name not in ("rtol", "atol", "ulp") or name in limits:
            raise _refusal(text, f"{term.strip()!r} is not rtol=, atol= or ulp=, once each")
        try:
            limits[name] = int(value) if name == "ulp" else float(value)
        except ValueError:
            raise _refusal(text, f"{value!r} is not a number that {name} can have") from None
        if not 0 <= limits[name] < math.inf:
            raise _refusal(text, f"{name} must be finite and not negative, not {value}")
    return Tolerance(
        rtol=limits.get("rtol", 0.0), atol=limits.get("atol", 0.0), ulp=int(limits.get("ulp", 0))
    )


def _refusal(text: str, found: str) -> UsageError:
    return UsageError(
        f"cannot read the tolerance {text!r}: {found}",
        code="tolerance-syntax",
        hint='write "bitwise", "rtol=1e-5,atol=1e-8", "ulp=4", by dtype '
        '"float32:rtol=1e-5;bfloat16:ulp=2", or by tensor "gradient:layers.*:ulp=4"',
    )
