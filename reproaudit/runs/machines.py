"""Where runs were made: on which hardware, and which of them anew because a machine is gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from reproaudit.errors import SubjectError
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.runs.executors.protocol import Job, JobEnd


@dataclass(slots=True)
class Machines:
    """What the executor says of where its runs were made.

    `wanted`: later runs are compared with those that were made on such models; "": on any.
    """

    wanted: str = ""
    _hardware: dict[str, str] = field(default_factory=dict)  # by the name of the run
    _remade: list[NotChecked] = field(default_factory=list)

    def learn(self, name: str, job: Job, end: JobEnd) -> None:
        """Take down where a run was made. Raises SubjectError for one that can't be compared."""
        self._hardware[name] = end.hardware
        if end.remade:
            what = f"{name} as it was made at first"
            self._remade.append(
                NotChecked(Unchecked.RUN_REMADE, what, f"it was made again: {end.remade}")
            )
        if job.hardware and end.outcome is not None and end.hardware != job.hardware:
            raise SubjectError(
                f"{name} was made on {end.hardware or 'unknown hardware'}, and those that it is to "
                f"be compared with on {job.hardware}",
                code="other-hardware",
                hint="have the executor use machines of one kind only",
            )

    def hardware_of(self, name: str) -> str:
        """Return the models of processor and GPU that a run was made on; "" if they are unknown."""
        return self._hardware.get(name, "")

    def rename(self, name: str, to: str) -> None:
        """Know a run by another name."""
        if name in self._hardware:
            self._hardware[to] = self._hardware.pop(name)

    @property
    def notes(self) -> tuple[NotChecked, ...]:
        """What is to be said of runs that were made again."""
        return tuple(self._remade)
