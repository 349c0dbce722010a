"""What the documentation says an intervention does not repair, for kernels on a GPU.

Runs that are equal all the same may be equal by chance, and chance is then the likelier reason: so
many have to be made that it is none. On the CPU nothing is denied here, for there the flag's own
answer to each operator is known before it is tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.mechanisms import find_mechanism, read_base
from reproaudit.knowledge.traits import Part
from reproaudit.model.flag_use import FlagMode

_FLAG = "PyTorch docs: torch.use_deterministic_algorithms"
_ATTENTION = "PyTorch notes: Reproducibility, scaled_dot_product_attention"
_VERSION = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Denial:
    """An intervention that is documented not to repair an operator; `why` is a clause."""

    name: str
    why: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    """Operators that raise under the strict flag on a GPU, in versions of torch before `until`."""

    ops: tuple[str, ...]
    until: tuple[int, ...] | None = None


# Names as those of mechanisms. An operator whose answer depends on its arguments stands here only
# if all that are common raise: what the flag said to the call itself is asked first.
_REFUSED = (
    _Refused(
        ops=(
            "avg_pool3d_backward",
            "*adaptive_avg_pool?d_backward",
            "adaptive_max_pool2d_backward",
            "fractional_max_pool?d_backward",
            "max_unpool?d",
            "upsample_linear1d_backward",
            "upsample_bicubic2d_backward",
            "upsample_trilinear3d_backward",
            "reflection_pad?d_backward",
            "nll_loss2d_forward",
            "*ctc_loss_backward",
            "put",
            "histc",
        )
    ),
    # On the main branch of November 2026 it has a deterministic form; no release has.
    _Refused(ops=("grid_sampler_2d_backward", "grid_sampler_3d_backward")),
    _Refused(ops=("cumsum",), until=(2, 14, 1)),
)


def find_denial(
    op: str | None, name: str, *, flag: FlagMode, is_refused: bool | None, torch: str
) -> Denial | None:
    """Return what speaks against an intervention as the repair of a kernel on a GPU, if anything.

    `op` is the operator as traces show it, `flag` the mode of the determinism flag in the runs, and
    `is_refused` what the flag said to the operator; None if it was not asked. `torch` is a version,
    such as "2.13.0+cu130".
    """
    part = INTERVENTIONS[name].acts_on
    if part is Part.KERNELS:
        return _find_denial_of_flag(op, name, flag=flag, is_refused=is_refused, torch=torch)
    if part is Part.THREADS:
        why = "the number of threads is that of the CPU, and no kernel of a GPU depends on it"
        return Denial(name, why, "PyTorch docs: torch.set_num_threads")
    mechanism = find_mechanism(op)
    if mechanism is None or not part.is_inside_operators or part is Part.DEVICE:
        return None
    if part in mechanism.parts:
        return None
    why = f"it changes {part.value}, and {op} is none of them"
    return Denial(name, why, mechanism.references[0])


def is_fused_attention(op: str | None) -> bool:
    """Return True for the backward pass of attention by one of the fused kernels."""
    mechanism = find_mechanism(op)
    return mechanism is not None and mechanism.id == "attention-backward"


def write_strict_lines(refused: Sequence[str]) -> tuple[str, ...]:
    """Return what to write where the flag has to be strict although it refuses some operators."""
    products: list[str] = []
    others: list[str] = []
    for op in refused:
        mechanism = find_mechanism(op)
        is_product = mechanism is not None and mechanism.id == "matrix-product"
        (products if is_product else others).append(op)
    lines = ["torch.use_deterministic_algorithms(True)  # warn_only leaves fused attention alone"]
    if products:
        shown = ", ".join(products)
        lines.append(f"# start with CUBLAS_WORKSPACE_CONFIG=:4096:8, or it raises at {shown}")
    if others:
        shown = ", ".join(others)
        lines += (
            f"# around what calls {shown}, which it refuses:",
            "torch.use_deterministic_algorithms(True, warn_only=True)",
        )
    return tuple(lines)


def _find_denial_of_flag(
    op: str | None, name: str, *, flag: FlagMode, is_refused: bool | None, torch: str
) -> Denial | None:
    if is_fused_attention(op):
        # Under the strict flag its backward pass has an order.
        if flag is FlagMode.WARN:
            why = "a flag that only warns leaves the backward pass of fused attention as it is"
            return Denial(name, why, _ATTENTION)
        return None
    if is_refused is None:
        is_refused = _is_documented_as_refused(op, torch)
    if not is_refused:
        return None
    return Denial(name, f"{op} has no deterministic form: the flag refuses it", _FLAG)


def _is_documented_as_refused(op: str | None, torch: str) -> bool:
    if op is None:
        return False
    base = read_base(op)
    version = _read_version(torch)
    for entry in _REFUSED:
        if not any(fnmatchcase(base, pattern) for pattern in entry.ops):
            continue
        # Of a version that cannot be read the strictest is assumed.
        if entry.until is None or version is None or version < entry.until:
            return True
    return False


def _read_version(text: str) -> tuple[int, ...] | None:
    found = _VERSION.match(text)
    return None if found is None else tuple(map(int, found[0].split(".")))
