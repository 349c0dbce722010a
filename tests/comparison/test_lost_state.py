"""Which state a resumed run lost, of a program that forgets one piece at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.lost_state import (
    find_lost_state,
    find_unused_state,
    list_checkpoints,
)
from reproaudit.model.events import Level
from reproaudit.model.question import LostState, Restoration, StateKind
from reproaudit.trace.runs import Run
from tests.comparison.resuming import SAVED_AT, go_on, run_through

_NOT_RESTORED = Restoration.NOT_RESTORED


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_through(tmp_path_factory.mktemp("through"))


def find(folder: Path, through: Run, forget: str = "") -> tuple[LostState, ...]:
    stopped, resumed = go_on(folder, forget)
    return find_lost_state(through, stopped, resumed, SAVED_AT)


def test_a_run_that_restores_all_of_its_state_lost_nothing(tmp_path: Path, through: Run) -> None:
    assert find(tmp_path, through) == ()


@pytest.mark.parametrize(
    ("forget", "kind", "name"),
    [
        ("scheduler", StateKind.SCHEDULER, "StepLR"),
        ("scaler", StateKind.SCALER, "GradScaler"),
        ("average", StateKind.AVERAGE, "Average.shadow"),
        ("optimizer", StateKind.OPTIMIZER, "Adam"),
        ("torch", StateKind.RANDOM_STREAM, "torch CPU"),
        ("numpy", StateKind.RANDOM_STREAM, "NumPy"),
        ("python", StateKind.RANDOM_STREAM, "Python"),
        ("noise", StateKind.RANDOM_STREAM, "NumPy generator Trainer.noise"),
        ("temperature", StateKind.PYTHON_VALUE, "Trainer.temperature"),
        ("buffers", StateKind.BUFFERS, "1.running_mean, 1.running_var"),
        ("epoch", StateKind.SAMPLER_EPOCH, "DistributedSampler"),
        ("position", StateKind.DATA_POSITION, "batches"),
    ],
)
def test_what_was_forgotten_is_named_and_nothing_that_follows_from_it(
    tmp_path: Path, through: Run, forget: str, kind: StateKind, name: str
) -> None:
    (lost,) = find(tmp_path, through, forget)
    assert (lost.kind, lost.name, lost.restoration) == (kind, name, _NOT_RESTORED)
    if kind is not StateKind.DATA_POSITION:
        assert lost.in_checkpoint is False


def test_state_that_no_tensor_depends_on_yet_is_lost_if_uninterrupted_runs_agree_about_it(
    tmp_path: Path, through: Run
) -> None:
    stopped, resumed = go_on(tmp_path, "average")
    (lost,) = find_unused_state((through, through), stopped, resumed, SAVED_AT)
    assert (lost.kind, lost.name) == (StateKind.AVERAGE, "Average.shadow")
    assert "no tensor that was compared depends on it" in lost.evidence[-1]
    # The second run has another average: which is right nobody knows.
    assert find_unused_state((through, resumed), stopped, resumed, SAVED_AT) == ()
    stopped, whole = go_on(tmp_path)
    assert find_unused_state((through, through), stopped, whole, SAVED_AT) == ()


def test_the_batches_that_came_are_told_with_those_that_should_have(
    tmp_path: Path, through: Run
) -> None:
    (lost,) = find(tmp_path, through, "position")
    assert lost.expected == "batches 2 to 3 of the epoch"
    assert lost.found == "batches 0 to 1 of the epoch"


def test_a_stream_that_an_iterator_draws_from_after_it_was_restored_is_shifted_there(
    tmp_path: Path, through: Run
) -> None:
    (lost,) = find(tmp_path, through, "iterator")
    assert (lost.kind, lost.name) == (StateKind.RANDOM_STREAM, "torch CPU")
    assert lost.restoration is Restoration.SHIFTED
    assert lost.in_checkpoint is True
    assert "draws a base seed" in lost.found
    assert lost.location is not None
    assert lost.location.function == "train"


def test_the_operator_that_shifts_a_stream_is_named_where_operators_are_recorded(
    tmp_path: Path,
) -> None:
    through = run_through(tmp_path, Level.OPERATION)
    stopped, resumed = go_on(tmp_path, "nothing drawn", Level.OPERATION)
    (lost,) = find_lost_state(through, stopped, resumed, SAVED_AT)
    assert lost.restoration is Restoration.SHIFTED
    assert lost.found == "moved on: aten::rand draws from it"
    assert lost.location is not None
    assert lost.location.function == "restore_streams"


def test_a_checkpoint_is_listed_with_the_kinds_of_state_that_it_holds(tmp_path: Path) -> None:
    stopped, _ = go_on(tmp_path, "scheduler")
    (checkpoint,) = list_checkpoints(stopped)
    assert checkpoint.path.endswith("checkpoint.pt")
    assert (checkpoint.writer, checkpoint.step) == ("torch.save", SAVED_AT)
    assert set(checkpoint.holds) == {
        StateKind.RANDOM_STREAM,
        StateKind.PARAMETERS,
        StateKind.BUFFERS,
        StateKind.OPTIMIZER,
        StateKind.SCALER,
        StateKind.AVERAGE,
        StateKind.PYTHON_VALUE,
    }
