"""The byte that new memory is filled with, the variables that ask for it, and ops that fill."""

from __future__ import annotations

Variables = tuple[tuple[str, str], ...]

# Read by the repair, which fills what torch allocates.
FILL_VARIABLE = "REPROAUDIT_FILL"
# The byte that is usual, and one that is not zero.
ZERO_FILL, OTHER_FILL = "0", "90"

# Read by glibc, which fills what any library allocates with the complement of this byte.
_PERTURB = "MALLOC_PERTURB_"
# Small blocks that a thread has freed come back from a cache, and are not filled. It is left out.
_TUNABLES = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
_LARGEST_BYTE = 255
# Their other tensor, if any, is only a pattern of shape and type, or is overwritten.
_FILLED_BY_NUMBER = frozenset(
    {
        "aten::fill.Scalar",
        "aten::fill_.Scalar",
        "aten::full",
        "aten::full_like",
        "aten::new_full",
        "aten::scalar_tensor",
    }
)


def name_fill(byte: str) -> Variables:
    """Return the environment in which new memory is filled with a byte; torch's variable is first.

    glibc takes a zero for "no fill", so that memory cannot be filled with 255.
    """
    complement = _LARGEST_BYTE - int(byte)
    return ((FILL_VARIABLE, byte), (_PERTURB, str(complement)), _TUNABLES)


def takes_number(op: str) -> bool:
    """Return True if all that the op writes is a number that it is given, and it reads no tensor.

    `op` is a name without a default overload.
    """
    return op in _FILLED_BY_NUMBER
