"""What is said of a run in which no tensor could be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.experiment.nothing_compared import has_trained, make_nothing_compared_error
from reproaudit.model.events import EventFlag, EventKind
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.words import PROCESSES_FOLDER
from tests.comparison.traces import Row, make_run
from tests.trace.sample import DONE, new_writer


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("loss", kind=EventKind.OUTPUT), True),
        (Row("loss[1]", kind=EventKind.OUTPUT), True),
        (Row("loss.output", kind=EventKind.OUTPUT), False),
        (Row("loss", kind=EventKind.PARAMETER), False),
    ],
)
def test_a_run_without_a_step_has_trained_if_a_backward_pass_began_at_a_loss(
    tmp_path: Path, row: Row, expected: bool
) -> None:
    assert has_trained(make_run(tmp_path, 0, [row], steps=0)) is expected


def test_a_run_with_a_step_has_trained(tmp_path: Path) -> None:
    assert has_trained(make_run(tmp_path, 0, [Row("aten::mm.default")], steps=1))


def test_a_backward_pass_without_bytes_is_not_said_not_to_have_been_seen(tmp_path: Path) -> None:
    row = Row("gradient weight", kind=EventKind.GRADIENT, flags=EventFlag.UNDIGESTED)
    error = make_nothing_compared_error(make_run(tmp_path, 0, [row], steps=1))
    assert error.code == "nothing-has-bytes"
    assert "was seen" not in error.message


def test_a_run_without_training_is_told_how_to_name_a_step(tmp_path: Path) -> None:
    row = Row("linear.output", kind=EventKind.OUTPUT)
    error = make_nothing_compared_error(make_run(tmp_path, 0, [row], steps=0))
    assert error.code == "no-training-step"
    assert error.message.endswith("no backward pass and no optimizer step was seen")


def make_command(folder: Path, *entered: str) -> Run:
    """Return a run of a command that started these programs by Python."""
    process = ProcessFacts(is_launcher=True)
    writer = new_writer(folder, subject="bash", command=["-c", "a b"], process=process)
    writer.close(DONE, 0)
    (folder / PROCESSES_FOLDER).mkdir()
    for number, program in enumerate(entered):
        said = {"pid": 1, "python": "/usr/bin/python3", "command": ["python3", program]}
        (folder / PROCESSES_FOLDER / f"{number}.json").write_text(json.dumps(said))
    return open_run(folder, 0)


def test_a_command_without_python_is_told_what_was_run(tmp_path: Path) -> None:
    error = make_nothing_compared_error(make_command(tmp_path))
    assert error.code == "no-training-step"
    assert "bash -c 'a b'" in error.message
    assert error.message.endswith("no process of it imported torch: it started no Python program")


def test_a_command_whose_python_never_imported_torch_is_told_what_it_ran(tmp_path: Path) -> None:
    programs = [f"{name}.py" for name in "abcde"]
    error = make_nothing_compared_error(make_command(tmp_path, *programs))
    assert error.message.endswith(
        "the Python that it started was python3 a.py, python3 b.py, python3 c.py and 2 more"
    )


def test_a_command_that_imported_torch_and_did_not_train_is_told_so(tmp_path: Path) -> None:
    make_command(tmp_path, "a.py")
    new_writer(tmp_path / "child-python3-1").close(DONE, 0)
    error = make_nothing_compared_error(open_run(tmp_path, 0))
    assert error.message.endswith("no backward pass and no optimizer step was seen")
