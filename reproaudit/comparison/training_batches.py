"""The batches that one process trains on, in order: what loaders handed out and a loss came of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from reproaudit.model.events import EventKind, Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.views import Digest, TensorEvent
from reproaudit.trace.words import is_loss

_BATCH = "batch"  # how the names of what loaders hand out begin


@dataclass(slots=True)
class TrainingBatch:
    """What a DataLoader handed out, and what modules were then given: the digests of all tensors.

    `loader` is the line that iterates over it. `event` is the number of the first of its tensors.
    """

    loader: Location
    step: int
    event: int
    content: tuple[Digest, ...] = ()
    inputs: tuple[Digest, ...] = ()
    losses: tuple[Digest, ...] = ()
    names: set[str] = field(default_factory=set)
    last_event: int = -1

    @property
    def is_trained_on(self) -> bool:
        return bool(self.losses)


def read_training_batches(trace: Trace) -> tuple[TrainingBatch, ...]:
    """Return the batches of loaders that are trained on.

    Most batches of such a loader are followed by a backward pass before the next one; those of an
    evaluation are not.
    """
    batches = list(_read_batches(trace))
    handed_out = Counter(batch.loader for batch in batches)
    trained_on = Counter(batch.loader for batch in batches if batch.is_trained_on)
    chosen = {loader for loader, count in trained_on.items() if 2 * count > handed_out[loader]}
    return tuple(batch for batch in batches if batch.is_trained_on and batch.loader in chosen)


def _read_batches(trace: Trace) -> Iterator[TrainingBatch]:
    batch: TrainingBatch | None = None
    for number in trace.columns.numbers(EventKind.BATCH, EventKind.OUTPUT).tolist():
        event = trace.tensor(number)
        if not event.is_digested:
            continue
        if event.kind is EventKind.BATCH and _is_handed_out(event):
            if batch is not None and not _belongs_to(event, batch):
                yield batch
                batch = None
            if batch is None:
                batch = TrainingBatch(event.location, event.step, number)
            batch.content += (event.digest,)
            batch.names.add(event.name)
            batch.last_event = number
        elif batch is not None and event.kind is EventKind.BATCH:
            batch.inputs += (event.digest,)
        elif batch is not None and is_loss(event.name):
            batch.losses += (event.digest,)
    if batch is not None:
        yield batch


def _is_handed_out(event: TensorEvent) -> bool:
    is_named_so = event.name.startswith(_BATCH) and event.name[len(_BATCH) :][:1] in ("", "[", ".")
    return is_named_so and event.known_location is not None


def _belongs_to(event: TensorEvent, batch: TrainingBatch) -> bool:
    """Return True for one more tensor of the same batch."""
    return event.number == batch.last_event + 1 and event.name not in batch.names
