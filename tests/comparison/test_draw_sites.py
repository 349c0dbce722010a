"""Which lines draw, from what, and for what."""

from __future__ import annotations

from pathlib import Path

from reproaudit.comparison.draw_sites import Site, list_sites
from reproaudit.model.events import EventFlag, EventKind, Phase
from reproaudit.model.question import StreamUse
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.runs import open_run
from reproaudit.trace.writer import TraceWriter
from tests.trace.sample import new_writer

ATTENTION = "aten::_scaled_dot_product_flash_attention_for_cpu.default"


def draw(
    writer: TraceWriter,
    name: str,
    state: int,
    *,
    line: int,
    phase: Phase = Phase.FORWARD,
    flags: EventFlag = EventFlag.RANDOM,
) -> None:
    at = Moment(phase, 0, writer.location("train.py", line, "main"))
    writer.append(
        EventKind.OP, at=at, flags=flags, name=writer.string(name), aux=state, outputs=(1, 1)
    )


def seed(writer: TraceWriter) -> None:
    at = Moment(Phase.DATA, 0, writer.location("train.py", 1, "main"))
    writer.add_entropy(
        at=at, call="torch.manual_seed", state=(0, 0), value=(1, 0), shown="(0,)", below=None
    )


def read(writer: TraceWriter, folder: Path) -> dict[int, Site]:
    """Return the lines that draw, by number."""
    writer.flush(1)
    return {site.key.location.line: site for site in list_sites(open_run(folder, 0)).values()}


def test_an_op_after_which_the_stream_is_as_it_was_has_drawn_nothing(tmp_path: Path) -> None:
    writer = new_writer(tmp_path, level="operation")
    for state in (11, 12):
        draw(writer, ATTENTION, state, line=5)
        draw(writer, "aten::bernoulli_.float", state, line=6)
    draw(writer, ATTENTION, 13, line=5)
    sites = read(writer, tmp_path)
    assert set(sites) == {6}
    assert sites[6].states == {"": [11, 12]}


def test_a_stream_that_is_seeded_alike_before_each_draw_is_drawn_from(tmp_path: Path) -> None:
    writer = new_writer(tmp_path, level="operation")
    for _ in range(3):
        seed(writer)
        draw(writer, "aten::bernoulli_.float", 11, line=6)
    assert read(writer, tmp_path)[6].draws == 3


def test_a_draw_that_is_made_again_from_the_state_before_it_counts(tmp_path: Path) -> None:
    """So checkpointed activations are computed again, without a seeding call."""
    writer = new_writer(tmp_path, level="operation")
    for state in (11, 11, 12, 12):
        draw(writer, "aten::bernoulli_.float", state, line=6)
    assert read(writer, tmp_path)[6].draws == 4


def test_what_a_line_draws_for_is_told_by_what_comes_of_it(tmp_path: Path) -> None:
    writer = new_writer(tmp_path, level="operation")
    initial = EventFlag.RANDOM | EventFlag.INITIAL
    draw(writer, "aten::uniform_.default", 1, line=2, flags=initial)
    draw(writer, "aten::randn.default", 2, line=3, phase=Phase.DATA)
    draw(writer, "aten::normal_.default", 6, line=7)
    at = Moment(Phase.DATA, 0, writer.location("train.py", 4, "main"))
    writer.add_tensor(EventKind.BATCH, at=at, name="batch", tensor="float32[2]", digest=(1, 1))
    draw(writer, "aten::bernoulli_.float", 3, line=4)
    own = EventFlag.RANDOM | EventFlag.OWN_GENERATOR
    draw(writer, "aten::randperm.generator", 4, line=5, phase=Phase.DATA, flags=own)
    sites = read(writer, tmp_path)
    assert [(sites[line].key.stream, sites[line].key.use) for line in (2, 7, 3, 4, 5)] == [
        ("torch", StreamUse.WEIGHTS),
        ("torch", StreamUse.WEIGHTS),
        ("torch", StreamUse.DATA),
        ("torch", StreamUse.FORWARD),
        ("torch.Generator", StreamUse.DATA),
    ]
