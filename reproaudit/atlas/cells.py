"""The words of the atlas: what a cell is, what can become of it, and how a sweep is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from reproaudit.errors import UsageError

FORMAT = 1  # of the log and the document. 1: first version
DEVICES = ("cpu", "cuda")
SIZES = ("sample", "large")
PHASES = ("forward", "backward")
DTYPES = ("float32", "float64", "bfloat16", "int64", "complex64")
# Eight times the 32,768 elements from which ATen's CPU loops use a second thread.
LARGE_ELEMENTS = 1 << 18
_CELL = re.compile(
    rf"(?P<device>{'|'.join(DEVICES)})/(?P<op>[^/]*)/(?P<dtype>[^/]*)/(?P<size>{'|'.join(SIZES)})"
    rf"/t(?P<threads>\d+)/(?P<phase>{'|'.join(PHASES)})"
)


class Status(str, Enum):
    """What became of a cell. Only DIFFERS accuses."""

    STABLE = "stable"
    DIFFERS = "differs"
    UNCONFIRMED = "unconfirmed"  # it differed in the sweep and not once more in a fresh process
    UNDEFINED = "undefined memory"
    TIES = "ties"
    REPEATED = "repeated indices"
    ADDRESS = "memory address"
    RANDOM = "random"
    NAN_BITS = "bits of NaN"
    RAISES = "raises"
    NO_GRADIENT = "no gradient"
    NO_SAMPLES = "no samples"
    NOT_ENLARGED = "not enlarged"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"


# Differences that are told apart from nondeterminism.
APART = (
    Status.UNDEFINED,
    Status.TIES,
    Status.REPEATED,
    Status.ADDRESS,
    Status.RANDOM,
    Status.NAN_BITS,
    Status.UNCONFIRMED,
)
# Of cells whose calls were made and repeated.
COMPARED = (Status.STABLE, Status.DIFFERS, *APART)


class Declared(str, Enum):
    """What `torch.use_deterministic_algorithms(True)` does to the calls of a cell."""

    NOTHING = "nothing"
    RAISES = "raises"
    WORKSPACE = "raises unless CUBLAS_WORKSPACE_CONFIG is set"


class UnderFlag(str, Enum):
    """What a call that differs does under the flag."""

    RAISES = "raises"
    STABLE = "stable"  # the flag switches to a deterministic kernel without a word
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment: `device/op/dtype/size/tN/phase` when written."""

    device: str
    op: str
    dtype: str
    size: str
    threads: int
    phase: str

    def __str__(self) -> str:
        return f"{self.device}/{self.op}/{self.dtype}/{self.size}/t{self.threads}/{self.phase}"


def parse_cell(text: str) -> Cell:
    """Read what `str` of a cell wrote. Raises UsageError for anything else."""
    match = _CELL.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not the name of a cell",
            code="atlas-cell",
            hint="device/op/dtype/size/tN/phase, such as cpu/gather/float32/large/t2/backward",
        )
    return Cell(
        device=match["device"],
        op=match["op"],
        dtype=match["dtype"],
        size=match["size"],
        threads=int(match["threads"]),
        phase=match["phase"],
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What to sweep and how.

    `only` is a regular expression for op names, `seconds` is for all cells of one op, `limit` is
    the number of ops, None for all.
    """

    device: str = "cpu"
    only: str = ""
    dtypes: tuple[str, ...] = DTYPES
    sizes: tuple[str, ...] = SIZES
    threads: tuple[int, ...] = (1, 2)
    repeats: int = 10
    seconds: float = 2.5
    limit: int | None = None

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


def request_from(data: Mapping[str, Any]) -> Request:
    """Read what `Request.to_json` returned."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
    }
    return Request(**values)
