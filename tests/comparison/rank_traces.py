"""Traces of ranks made by hand: what loaders hand out, what is drawn, and what copies there are."""

from __future__ import annotations

from pathlib import Path

from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Phase
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run
from reproaudit.trace.words import LoaderUse
from tests.trace.sample import new_writer

LOOP, EVALUATION, SEED, STEP = 5, 6, 2, 9  # lines of the program


class RankTrace:
    """The trace of one of the ranks, which hold copies of one model, while it is written."""

    def __init__(self, folder: Path, rank: int, world: int = 2) -> None:
        self._folder = folder / f"rank-{rank}"
        self._writer = new_writer(self._folder, level="operation")
        self._writer.identify(ProcessFacts(rank, world))
        self._step = 0
        self._writer.add_replica(
            at=self._now(),
            name="Net",
            ranks=",".join(map(str, range(world))),
            has_equal_buffers=True,
        )

    def _now(self, line: int = 0, phase: Phase = Phase.DATA) -> Moment:
        place = self._writer.location("train.py", line, "main") if line else 0
        return Moment(phase, self._step, place)

    def _tensor(self, kind: EventKind, name: str, content: int, line: int = 0) -> None:
        self._writer.add_tensor(
            kind, at=self._now(line), name=name, tensor="float32[2]", digest=(content, 0)
        )

    def hand_out(self, content: int, *, line: int = LOOP, name: str = "batch") -> None:
        self._tensor(EventKind.BATCH, name, content, line)

    def train_on(
        self,
        content: int,
        *,
        line: int = LOOP,
        given: int | None = None,
        names: tuple[str, ...] = ("batch",),
    ) -> None:
        """Hand out a batch, give it to a module, and compute a loss."""
        for name in names:
            self.hand_out(content, line=line, name=name)
        self._tensor(EventKind.BATCH, "Net.input", content if given is None else given)
        self._tensor(EventKind.OUTPUT, "loss", 1000 + content)
        self._step += 1

    def begin_epoch(
        self, *, state: int = 0, share: tuple[int, int] = (0, 0), line: int = LOOP
    ) -> None:
        self._writer.add_epoch(
            at=self._now(line),
            stream="DistributedSampler",
            state=(state, 0),
            use=LoaderUse.ORDER,
            iteration=(1, 1),
            share=share,
        )

    def seed(self, stream: str = "torch") -> None:
        self._writer.add_seed(at=self._now(SEED), stream=stream, state=(1, 0))

    def fetch(self, state: int, stream: str = "torch.cpu") -> None:
        self._writer.add_fetch(
            at=self._now(LOOP), stream=stream, state=(state, 0), iteration=(1, 1)
        )

    def draw(self, state: int, *, op: str = "aten::native_dropout", module: str = "drop") -> None:
        self._writer.add_draw(
            at=self._now(STEP, Phase.FORWARD),
            op=f"{op}.default",
            module=self._writer.string(module),
            state=state,
        )

    def allow_early_ends(self) -> None:
        self._writer.add_replica(
            at=self._now(),
            name="torch.distributed.algorithms.Join",
            ranks="",
            has_equal_buffers=False,
        )

    def close(self) -> Trace:
        self._writer.close(Outcome(OutcomeKind.COMPLETED, 0), self._step)
        return Trace.open(self._folder)


def make_run(*ranks: RankTrace) -> Run:
    return Run(0, tuple((f"rank-{number}", rank.close()) for number, rank in enumerate(ranks)))
