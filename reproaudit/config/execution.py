"""Where runs are made, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL = "local"
RAY = "ray"
SLURM = "slurm"
EXECUTORS = (LOCAL, RAY, SLURM)
OPTION_OF_EXECUTOR = (RAY, SLURM)  # those that have an option of their name


@dataclass(frozen=True, slots=True)
class Execution:
    """The executor by its name, and what it was given. `jobs` 0: nobody said how many."""

    executor: str = LOCAL
    jobs: int = 0
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_plain(self) -> bool:
        """True if runs are made on this machine, one after the other, in one folder."""
        return self.executor == LOCAL and self.jobs < 2
