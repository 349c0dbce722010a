"""Whether a training step on parts of a batch is the step on the batch, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PROGRAMS, audit, line_of_source, reproaudit

PROGRAM = "steps_in_parts.py"
INPUTS = ("--inputs", f"{PROGRAM}::make_batch")


def vary(folder: Path, step: str, *values: str) -> tuple[int, dict[str, Any]]:
    shutil.copy(PROGRAMS / PROGRAM, folder)
    words = (*INPUTS, "--vary", f"batch_split={','.join(values)}")
    return audit(folder, f"{PROGRAM}::{step}", *words, question="vary")


def test_parts_that_add_up_differ_by_the_order_of_a_sum_alone(tmp_path: Path) -> None:
    code, result = vary(tmp_path, "step", "1", "64", "2", "5")
    assert code == 1
    whole, too_many, *parts = result["variations"]
    assert whole["dependence"] == "not-tried"
    assert too_many["why"] == "a batch of 32 rows has no 64 parts"
    assert {one["dependence"] for one in parts} <= {"none", "expected"}
    assert parts[1]["dependence"] == "expected"
    finding = result["findings"][parts[1]["finding"]]
    assert finding["variation"] in ("batch_split=5 against 1", "batch_split=2 against 1")
    assert any(row["name"] == "return.gradient.0.weight" for row in result["divergences"])


@pytest.mark.parametrize(
    ("step", "dependence", "rule", "op"),
    [
        ("step_with_norm", "bug", "RA604", "aten::native_batch_norm"),
        ("step_that_ignores", "unexplained", "RA604", "aten::nll_loss_forward"),
        ("step_with_dropout", "unexplained", "RA608", "aten::bernoulli_.float"),
    ],
)
def test_a_step_that_looks_at_its_batch_as_a_whole_is_named(
    tmp_path: Path, step: str, dependence: str, rule: str, op: str
) -> None:
    code, result = vary(tmp_path, step, "2")
    assert code == 1
    (outcome,) = result["variations"]
    assert outcome["dependence"] == dependence
    finding = result["findings"][outcome["finding"]]
    assert (finding["rule"], finding["op"]) == (rule, op)
    if step == "step_that_ignores":
        assert finding["location"]["line"] == line_of_source(PROGRAM)


def test_where_losses_add_up_and_gradients_do_not_the_loss_is_not_blamed(tmp_path: Path) -> None:
    code, result = vary(tmp_path, "step_that_scales_gradients", "2")
    assert code == 1
    (outcome,) = result["variations"]
    assert (outcome["dependence"], result["findings"]) == ("unexplained", [])
    assert "the gradients of the parts" in outcome["why"]
    assert "the losses of the parts" not in outcome["why"]


def test_what_is_no_step_on_a_batch_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    shutil.copy(PROGRAMS / PROGRAM, tmp_path)
    split = ("--vary", "batch_split=2")
    for words, said in (
        ((f"{PROGRAM}::step_that_steps", *INPUTS, *split), "makes a backward pass itself"),
        ((PROGRAM, *split), "is no step that is given a batch"),
        ((f"{PROGRAM}::step", *INPUTS, *split, "--vary", "batch=2"), "cannot be varied together"),
    ):
        done = reproaudit(tmp_path, "vary", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
