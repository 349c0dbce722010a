"""Which line of a thread writes the NumPy array whose memory a tensor shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reproaudit.comparison.localise import Origin
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.sources import add_note
from reproaudit.errors import SubjectError
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level, Location
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest, limit_steps_to
from reproaudit.trace.runs import Run

_STEPS = 2  # enough for a thread to write, and few, for following lines is slow
_MOST_SHOWN = 4


class ArrayWriters:
    """Makes one run that follows lines, when it is first of use."""

    def __init__(self, lab: RunMaker) -> None:
        self._lab = lab
        self._writers: tuple[Location, ...] | None = None

    def place(self, finding: Finding, known: FoundSource | None) -> Finding | None:
        """Return the finding at the line that writes; None if no thread's array is raced for.

        Where several functions write arrays it is not known which array is that of the tensor, and
        the finding stays at the line that made the tensor.
        """
        if known is None or not _is_raced_array(finding, known):
            return None
        try:
            writers = self._find_writers(finding.step)
        except SubjectError:
            return None
        if not writers:
            return None
        functions = {(place.path, place.function) for place in writers}
        if len(functions) > 1:
            return add_note(finding, f"threads write arrays at {_show(writers)}")
        first, *others = writers
        note = f"a thread writes an array there, and its memory is read by {finding.op}"
        reader = known.explained.arrival
        if known.explained.source.origin is Origin.OP:
            reader = finding.location
        if reader is not None:
            note += f" at {reader}"
        if others:
            note += f"; it also writes at {_show(others)}"
        return add_note(replace(finding, op=None, location=first), note)

    def _find_writers(self, step: int) -> tuple[Location, ...]:
        if self._writers is None:
            steps = limit_steps_to(max(step, 0) + _STEPS, self._lab)
            run = self._lab.run(
                RunRequest(
                    name="array-writers",
                    index=0,
                    what="following lines of threads",
                    level=Level.OPERATION,
                    steps=steps,
                    values_mb=0,
                    lines=True,
                )
            )
            self._writers = list_array_writes(run)
        return self._writers


def list_array_writes(run: Run) -> tuple[Location, ...]:
    """Return the lines at which threads write a NumPy array in place, the first one first."""
    found: dict[Location, None] = {}
    for line in run.main.lines():
        if line.is_in_thread and line.is_array_write:
            found[line.location] = None
    return tuple(found)


def _is_raced_array(finding: Finding, known: FoundSource) -> bool:
    source = known.explained.source
    if finding.cause is not Cause.THREAD_RACE:
        return False
    if source.origin is Origin.OP:
        # It read equal inputs, which somebody wrote while it ran.
        return not _writes(finding.op or "")
    # An op that wrote is known by its line already.
    return source.made_at is not None and source.written_by is None


def _writes(op: str) -> bool:
    """Return True for an op that writes one of its arguments, by PyTorch's rules for names."""
    name, _, overload = op.partition(".")
    return name.endswith("_") or overload.endswith("out")


def _show(places: Sequence[Location]) -> str:
    return ", ".join(str(place) for place in places[:_MOST_SHOWN])
