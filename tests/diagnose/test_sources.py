"""From located sources to findings: what a source is called, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.files import CarriedFile
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

OWN = EventFlag.RANDOM | EventFlag.OWN_GENERATOR


def pair(folder: Path, rows: list[Row], others: list[Row]) -> tuple[Run, Run]:
    return make_run(folder, 0, rows), make_run(folder, 1, others)


def explained(
    runs: tuple[Run, Run], carried: tuple[CarriedFile, ...] = ()
) -> tuple[Explanation, ...]:
    sources = localise(*runs, Interned()).sources
    return explain_sources(sources, runs, [], carried=carried)


def draws(content: int, data: str = "aten::randperm.generator", line: int = 5) -> list[Row]:
    """A DataLoader's first words: a seed for its workers, taken out of its tensor, and then the
    order of the data."""
    return [
        Row("aten::random_.from", content, flags=OWN, aux=content, line=5),
        Row("aten::_local_scalar_dense.default", 0, content, line=5),
        Row(data, content + 1, flags=OWN, aux=content, line=line),
    ]


def test_the_op_that_draws_the_data_is_named_not_the_one_that_draws_a_seed_beside_it(
    tmp_path: Path,
) -> None:
    (first, *_) = explained(pair(tmp_path, draws(10), draws(20)))
    assert first.finding.op == "aten::randperm.generator"
    assert first.finding.cause is Cause.UNSEEDED_RNG


def test_a_seed_that_is_drawn_at_a_line_of_its_own_is_the_source(tmp_path: Path) -> None:
    (first, *_) = explained(pair(tmp_path, draws(10, line=9), draws(20, line=9)))
    assert first.finding.op == "aten::random_.from"


BORN = [Row("aten::lift_fresh.default", 10, flags=EventFlag.BIRTH, line=7)]
CHANGED = [Row("aten::lift_fresh.default", 20, flags=EventFlag.BIRTH, line=7)]
SEED = Row("torch.manual_seed", 4, kind=EventKind.ENTROPY, line=6, shown="(4,)")
OTHER_SEED = replace(SEED, outputs=5, shown="(5,)")
READ, WRITTEN = Location("train.py", 4, "main"), Location("train.py", 30, "main")


def test_content_that_an_earlier_run_left_in_a_file_is_carried_state_at_the_line_that_read_it(
    tmp_path: Path,
) -> None:
    (first,) = explained(
        pair(tmp_path, BORN, CHANGED), (CarriedFile("last.pt", READ, WRITTEN, True),)
    )
    assert (first.finding.cause, first.finding.location) == (Cause.CARRIED_STATE, READ)
    assert (
        first.finding.evidence.notes[-1]
        == "reads last.pt, which an earlier run wrote at train.py:30 in main"
    )
    assert first.has_exact_line


def test_a_seed_that_may_follow_from_an_earlier_source_is_no_source_of_its_own(
    tmp_path: Path,
) -> None:
    runs = pair(tmp_path, [SEED, *BORN], [OTHER_SEED, *CHANGED])
    calls = differing_calls(*runs, Interned())
    (alone,) = explain_sources(localise(*runs, Interned()).sources, runs, calls)
    assert (alone.finding.call, alone.finding.count) == ("torch.manual_seed", 1)
    runs = pair(
        tmp_path / "shuffled", [*draws(10), SEED, *BORN], [*draws(20), OTHER_SEED, *CHANGED]
    )
    calls = differing_calls(*runs, Interned())
    (first,) = explain_sources(localise(*runs, Interned()).sources, runs, calls)
    assert first.finding.op == "aten::randperm.generator"


@pytest.mark.parametrize("carried", [(), (CarriedFile("log.txt", READ, WRITTEN, False),)])
def test_a_file_that_reads_the_same_in_each_run_explains_nothing(
    tmp_path: Path, carried: tuple[CarriedFile, ...]
) -> None:
    (first,) = explained(pair(tmp_path, BORN, CHANGED), carried)
    assert first.finding.cause is Cause.UNKNOWN
    assert not first.has_exact_line


def test_sources_at_one_line_are_one_finding_with_a_count(tmp_path: Path) -> None:
    def kernels(content: int) -> list[Row]:
        return [
            Row("aten::index_put.default", content + number, 1, line=3) for number in range(4)
        ] + [Row("weight", content, kind=EventKind.GRADIENT)]

    (only,) = explained(pair(tmp_path, kernels(10), kernels(20)))
    assert (only.finding.cause, only.finding.count) == (Cause.KERNEL, 4)


def test_an_operator_that_made_a_parameter_is_in_the_phase_of_initialisation(
    tmp_path: Path,
) -> None:
    flags = EventFlag.RANDOM | EventFlag.INITIAL
    rows, others = ([Row("aten::normal_.default", at, flags=flags, aux=at)] for at in (1, 2))
    (first, *_) = explained(pair(tmp_path, rows, others))
    assert first.finding.phase is Phase.INITIALISATION


def test_a_tokenizer_that_learned_something_else_is_to_be_trained_once_as_it_takes_no_seed(
    tmp_path: Path,
) -> None:
    name = "tokenizers.Tokenizer.train_from_iterator"
    rows = [
        [Row(name, content, kind=EventKind.ENTROPY, line=4), *born]
        for content, born in ((1, BORN), (2, CHANGED))
    ]
    runs = pair(tmp_path, *rows)
    sources = localise(*runs, Interned()).sources
    (first,) = explain_sources(sources, runs, differing_calls(*runs, Interned()))
    assert first.finding.cause is Cause.EXTERNAL_LIBRARY
    assert first.finding.location is not None
    assert first.finding.location.line == 4
    assert first.finding.fix is not None
    assert "tokenizer.save()" in first.finding.fix.advice
