"""What each step of a run was given: batches of its loaders, and inputs of its modules."""

from __future__ import annotations

from dataclasses import dataclass, field

from reproaudit.comparison.state_timeline import Timeline
from reproaudit.model.events import EventKind
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Digest, TensorEvent
from reproaudit.trace.words import StateMoment

_OF_LOADER = "batch"
Group = tuple[Digest, ...]
_KINDS = (EventKind.BATCH, EventKind.OUTPUT, EventKind.GRADIENT, EventKind.PARAMETER)


@dataclass(slots=True)
class StepTensors:
    """The tensors of one step, from its first forward pass on.

    `batches` are what loaders handed out since the step before, `inputs` what modules were given
    for each call, `results` all else by kind and in order.
    """

    batches: list[Group] = field(default_factory=list)
    inputs: list[Group] = field(default_factory=list)
    results: dict[EventKind, list[Digest]] = field(default_factory=dict)

    @property
    def given(self) -> list[Group]:
        """What the step was given, as a loader made it where there is one."""
        return self.batches or self.inputs


def read_steps(trace: Trace, timeline: Timeline) -> dict[int, StepTensors]:
    """Return the tensors of the steps of a run's main thread."""
    steps: dict[int, StepTensors] = {}
    names: dict[str, set[str]] = {}
    for event in trace.tensors():
        if event.kind not in _KINDS or event.is_in_thread:
            continue
        found = steps.setdefault(event.step, StepTensors())
        is_batch = event.kind is EventKind.BATCH
        if is_batch and _is_of_loader(event):
            _add(found.batches, event, names.setdefault(f"{event.step} batch", set()))
            continue
        start = timeline.mark(StateMoment.FORWARD, event.step)
        # Before the first forward pass of training, a model is evaluated.
        if start is not None and event.number < start:
            continue
        if is_batch:
            _add(found.inputs, event, names.setdefault(f"{event.step} input", set()))
        else:
            found.results.setdefault(event.kind, []).append(event.digest)
    return steps


def _is_of_loader(event: TensorEvent) -> bool:
    return event.name == _OF_LOADER or event.name.startswith((f"{_OF_LOADER}[", f"{_OF_LOADER}."))


def _add(groups: list[Group], event: TensorEvent, names: set[str]) -> None:
    """Add a tensor to the last group, or to a new one if that has one of its name."""
    if not groups or event.name in names:
        groups.append(())
        names.clear()
    names.add(event.name)
    groups[-1] = (*groups[-1], event.digest)


def find_first_difference(
    a: dict[int, StepTensors], c: dict[int, StepTensors], step: int
) -> EventKind | None:
    """Return the kind of the first tensor that differs between the steps of one run and those of
    another that goes on at `step`; None if all are equal that both have."""
    for number in sorted(c):
        mine = a.get(step + number)
        other = c[number]
        if mine is None:
            break
        if mine.inputs != other.inputs:
            return EventKind.BATCH
        for kind in _KINDS[1:]:
            if mine.results.get(kind) != other.results.get(kind):
                return kind
    return None
