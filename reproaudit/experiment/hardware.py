"""Runs of one hardware are judged; a difference from those of another is a variation.

Another model of processor or GPU may choose other kernels, and round otherwise: that runs of two
models differ says nothing of whether the program reproduces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.config.tolerance import Tolerance, Tolerances
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.model.result import OtherHardware
from reproaudit.runs.machines import Machines
from reproaudit.trace.runs import Run

_UNKNOWN = "unknown hardware"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """On which hardware the runs that decide were made, and how those on another came out."""

    hardware: str = ""
    others: tuple[OtherHardware, ...] = ()

    @property
    def notes(self) -> tuple[NotChecked, ...]:
        """What is to be said of runs that do not decide."""
        return tuple(_note(other, self.hardware or _UNKNOWN) for other in self.others)


NOT_KNOWN = Elsewhere()


class JudgeOfOneHardware:
    """Judges runs; where they were made on several kinds of hardware, those of one."""

    def __init__(
        self,
        machines: Machines,
        interned: Interned,
        tolerances: Tolerances | Mapping[str, Tolerance],
    ) -> None:
        self._machines = machines
        self._interned = interned
        self._tolerances = tolerances

    def choose(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Return the runs that decide: the most that are of one hardware.

        If these are equal and fewer others of one hardware are not, it is those: what differs on
        one machine differs.
        """
        groups = self._group(runs)
        if len(groups) < 2:
            return runs
        for group in groups:
            if not self._are_alike(group):
                return group
        return groups[0]

    def judge(self, runs: Sequence[Run]) -> Judged:
        """Judge the runs that decide."""
        chosen = self.choose(runs)
        comparison = compare_boundaries(chosen, self._interned)
        return judge(chosen, comparison, self._tolerances)

    def are_equal(self, runs: Sequence[Run]) -> bool:
        """Return True if those that decide are equal, and end alike."""
        return self._are_alike(self.choose(runs))

    def require_hardware(self, judged: Judged) -> None:
        """Have all later runs be made on the hardware of those that decided."""
        self._machines.wanted = self._hardware_of(judged.runs[0])

    def compare_others(self, judged: Judged, runs: Sequence[Run]) -> Elsewhere:
        """Compare the runs of other hardware with each other, and with those that decided."""
        first = judged.runs[0]
        hardware = self._hardware_of(first)
        others = []
        for group in self._group(runs):
            models = self._hardware_of(group[0])
            if models == hardware:
                continue
            classes = compare_boundaries(group, self._interned).classes
            equals_first = self._are_alike([first, group[0]])
            others.append(OtherHardware(models or _UNKNOWN, classes, equals_first))
        return Elsewhere(hardware, tuple(others))

    def _hardware_of(self, run: Run) -> str:
        return self._machines.hardware_of(run.name)

    def _group(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Group runs by their hardware, the largest group first; of equal ones the earlier one."""
        groups: dict[str, list[Run]] = {}
        for run in runs:
            groups.setdefault(self._hardware_of(run), []).append(run)
        return sorted(groups.values(), key=len, reverse=True)

    def _are_alike(self, runs: Sequence[Run]) -> bool:
        endings = {run.outcome.ending for run in runs}
        return len(endings) == 1 and len(compare_boundaries(runs, self._interned).classes) == 1


def _note(other: OtherHardware, hardware: str) -> NotChecked:
    numbers = sorted(number for group in other.classes for number in group)
    noun = "run" if len(numbers) == 1 else "runs"
    said = ["they decide nothing: a difference from those on another model may be its rounding"]
    if len(numbers) == 1:
        said = ["it decides nothing: a difference from those on another model may be its rounding"]
    elif len(other.classes) == 1:
        said.append("they are equal among themselves")
    else:
        said.append("they differ among themselves")
    relation = "equals" if other.equals_first else "differs from"
    said.append(f"the first of them {relation} the first one on {hardware}")
    return NotChecked(
        Unchecked.OTHER_HARDWARE,
        f"{noun} {', '.join(map(str, numbers))}, made on {other.models} (a variation of hardware)",
        "; ".join(said),
    )
