"""Reading --tolerance: limits for all tensors, for dtypes, and for the tensors that a pattern
names."""

from __future__ import annotations

from collections.abc import Sequence

from reproaudit.compare.elements import parse_tolerance
from reproaudit.config.tolerance import KINDS, TensorPattern, Tolerances
from reproaudit.model.result import Tolerance


def parse_tolerances(texts: Sequence[str]) -> Tolerances:
    """Read one or more of what `parse_tolerance` reads, where a clause may also be
    `gradient:layers.*:ulp=4`.

    What stands before the limits is a pattern of names if it begins with a kind of tensor or holds
    `*`, `?` or a dot; `*` alone, a dtype and `torch.` with a dtype are none. Raises UsageError.
    """
    of_dtypes: list[str] = []
    by_tensor: list[tuple[TensorPattern, Tolerance]] = []
    for clause in ";".join(texts).split(";"):
        name, _, limits = (part.strip() for part in clause.rpartition(":"))
        if _is_pattern(name):
            by_tensor.append((TensorPattern(name), parse_tolerance(limits)["*"]))
        else:
            of_dtypes.append(clause)
    return Tolerances(parse_tolerance(";".join(of_dtypes)) if of_dtypes else {}, tuple(by_tensor))


def _is_pattern(name: str) -> bool:
    if name == "*" or name.startswith("torch."):
        return False
    return name.partition(":")[0] in KINDS or any(c in name for c in "*?.:")
