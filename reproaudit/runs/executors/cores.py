"""Which processor cores and GPUs each of several runs has for itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reproaudit.errors import UsageError
from reproaudit.runs.neighbours import list_processors

_TOPOLOGY = Path("/sys/devices/system/cpu")
Core = tuple[int, ...]  # the numbers that the system gives to its threads


def list_cores() -> list[Core]:
    """Return the cores that this process may use.

    Two threads of one core are not two cores: runs on them would slow each other.
    """
    by_place: dict[str, list[int]] = {}
    for number in list_processors():
        topology = _TOPOLOGY / f"cpu{number}" / "topology"
        try:
            package = (topology / "physical_package_id").read_text().strip()
            place = f"{package}/{(topology / 'core_id').read_text().strip()}"
        except OSError:
            place = f"alone/{number}"
        by_place.setdefault(place, []).append(number)
    return [tuple(numbers) for numbers in by_place.values()]


def share_cores(cores: Sequence[Core], jobs: int) -> list[Core]:
    """Return the processors of each of so many runs: neighbouring cores, equally many.

    What is left over is given to none. Raises UsageError for more runs than cores.
    """
    share = len(cores) // jobs
    if not share:
        raise UsageError(
            f"--jobs {jobs} asks for more runs at a time than there are cores ({len(cores)})",
            code="too-many-jobs",
            hint=f"--jobs {len(cores)} at most: two runs on one core would slow each other",
        )
    shares = []
    for number in range(jobs):
        own = cores[number * share : (number + 1) * share]
        shares.append(tuple(sorted(one for core in own for one in core)))
    return shares


def share_gpus(gpus: Sequence[str], jobs: int) -> list[str]:
    """Return CUDA_VISIBLE_DEVICES for each of so many runs; nothing where there is no GPU.

    Raises UsageError for more runs than GPUs.
    """
    if not gpus:
        return []
    share = len(gpus) // jobs
    if not share:
        raise UsageError(
            f"--jobs {jobs} asks for more runs at a time than there are GPUs ({len(gpus)})",
            code="too-many-jobs",
            hint=f"--jobs {len(gpus)} at most; for a program that uses none: "
            f"CUDA_VISIBLE_DEVICES= reproaudit --jobs {jobs} …",
        )
    return [",".join(gpus[number * share : (number + 1) * share]) for number in range(jobs)]
