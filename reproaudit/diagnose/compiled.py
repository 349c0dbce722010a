"""What differs in a region that torch.compile compiled: its operator and line.

What runs in there is not recorded. So the program is run once without the compiler: operators that
only that run has are those of the regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproaudit.diagnose.candidates import may_be_compiled
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.sources import add_note
from reproaudit.errors import SubjectError
from reproaudit.knowledge.interventions import INTERVENTIONS, list_acting_on
from reproaudit.knowledge.mechanisms import COMPILED_SUM, is_summed_by_compiler
from reproaudit.knowledge.traits import Part
from reproaudit.model.cause import Cause
from reproaudit.model.events import Level, Location, Phase
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest, limit_steps_to
from reproaudit.trace.runs import Run
from reproaudit.trace.views import OpEvent

# What repairs a region acts on one of these.
_PARTS = (Part.KERNELS, Part.COMPILER, Part.THREADS)
_MOST_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Inner:
    """An operator of a region, and the line that asks for it."""

    op: str
    location: Location

    def __str__(self) -> str:
        return f"{self.op} at {self.location}"


class CompiledRegions:
    """Makes one run without the compiler, when it is first of use."""

    def __init__(self, lab: RunMaker) -> None:
        self._lab = lab
        self._eager: Run | None = None

    def place(self, finding: Finding, known: FoundSource | None) -> Finding | None:
        """Return the finding at the operator and line in the region; None if it is of none.

        The operator is named if it is the only one there that the compiler turns into sums without
        an order. Else the line is the region's first one.
        """
        if known is None or not _is_of_region(finding, known):
            return None
        event = known.pair.a.main.op(known.explained.source.event_a or 0)
        # Gradients are first compared where an optimizer takes them.
        is_backward = event.phase in (Phase.BACKWARD, Phase.OPTIMIZER)
        phase = Phase.BACKWARD if is_backward else finding.phase
        try:
            eager = self._run_without_compiler(finding.step)
        except SubjectError:
            # The program may not go without its compiler: then its lines are not known.
            return None
        inner = _list_inner_ops(eager, known.pair.a)
        if not inner:
            return None
        return _name_region(
            replace(finding, phase=phase, prepares_update=False), inner, is_backward=is_backward
        )

    def _run_without_compiler(self, step: int) -> Run:
        if self._eager is None:
            steps = limit_steps_to(max(step, 0) + 1, self._lab)
            self._eager = self._lab.run(
                RunRequest(
                    name="without-compiler",
                    index=0,
                    what="looking into what was compiled",
                    interventions=list_acting_on((Part.COMPILER,)),
                    level=Level.OPERATION,
                    steps=steps,
                    values_mb=0,
                )
            )
        return self._eager


def _is_of_region(finding: Finding, known: FoundSource) -> bool:
    """Return True if a proven fix shows that a compiled region computes what differs."""
    fix = finding.fix
    if finding.cause is not Cause.KERNEL or fix is None or not fix.verified:
        return False
    parts = {INTERVENTIONS[name].acts_on for name in fix.settings}
    return not parts.isdisjoint(_PARTS) and may_be_compiled(known.explained, known.pair.a)


def _list_inner_ops(eager: Run, compiled: Run) -> list[OpEvent]:
    """Return the ops at known lines that are seen only where nothing is compiled."""
    outer = {(op.name, op.location) for op in compiled.main.operations()}
    found: list[OpEvent] = []
    for op in eager.main.operations():
        if (op.name, op.location) not in outer and op.known_location is not None:
            found.append(op)
    return found


def _name_region(finding: Finding, inner: Sequence[OpEvent], *, is_backward: bool) -> Finding:
    suspects: dict[_Inner, None] = {}
    for op in inner:
        if is_summed_by_compiler(op.name) and (op.phase is Phase.BACKWARD) == is_backward:
            suspects[_Inner(op.shown_name, op.location)] = None
    if len(suspects) == 1:
        (only,) = suspects
        note = f"in a compiled region, {COMPILED_SUM}"
        return add_note(replace(finding, op=only.op, location=only.location), note)
    first = inner[0].location
    note = f"what differs is computed in a compiled region, which begins at {first}"
    if suspects:
        shown = ", ".join(str(one) for one in list(suspects)[:_MOST_SHOWN])
        note += f"; in there {COMPILED_SUM}: {shown}"
    return add_note(replace(finding, op=None, location=first), note)
