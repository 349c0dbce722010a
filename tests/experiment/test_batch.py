"""Whether the answer for one row depends on its batch, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.auditing import PROGRAMS, audit, line_of_source, reproaudit

PROGRAM = "batches.py"


def vary(folder: Path, subject: str, *words: str) -> tuple[int, dict[str, Any]]:
    shutil.copy(PROGRAMS / PROGRAM, folder)
    return audit(folder, f"{PROGRAM}::{subject}", *words, question="vary")


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {f"{one['name']}={one['value']}": one["dependence"] for one in result["variations"]}


def finding_of(result: dict[str, Any], name: str) -> dict[str, Any]:
    outcome = next(
        one for one in result["variations"] if one["name"] == name and one["finding"] is not None
    )
    found: dict[str, Any] = result["findings"][outcome["finding"]]
    return found


INPUTS = ("--inputs", f"{PROGRAM}::make_tokens")


def test_a_product_that_rounds_by_the_batch_is_expected_and_padding_that_is_mixed_in_a_bug(
    tmp_path: Path,
) -> None:
    words = (*INPUTS, "--vary", "batch=1,12", "--vary", "padding=3")
    code, result = vary(tmp_path, "answer_with_wrong_mask", *words)
    assert code == 1
    found = outcomes(result)
    assert found["batch=1"] == "not-tried"
    assert found["neighbours=other"] == "none"
    assert found["padding=3"] == "bug"
    padding = finding_of(result, "padding")
    assert padding["op"].startswith("aten::_softmax")
    assert padding["location"]["line"] == line_of_source(PROGRAM)
    assert padding["rule"] == "RA607"
    assert found["batch=12"] == "expected"
    batch = finding_of(result, "batch")
    assert batch["op"] == "aten::addmm"
    assert batch["variation"] == "batch=12 against 1"
    assert batch["cause"] == "kernel"


def test_the_same_with_a_right_mask_is_no_bug(tmp_path: Path) -> None:
    _, result = vary(tmp_path, "answer", *INPUTS, "--vary", "padding=3")
    found = outcomes(result)
    assert found["padding=3"] in ("none", "expected")
    assert found["neighbours=other"] == "none"


def test_a_batch_norm_in_training_mode_is_named_though_it_refuses_a_row_that_is_alone(
    tmp_path: Path,
) -> None:
    words = ("--inputs", "float32[8,64]", "--vary", "batch=1,2,8")
    code, result = vary(tmp_path, "normalise", *words)
    assert code == 1
    found = outcomes(result)
    assert found["batch=8"] == "bug"
    assert found["neighbours=other"] == "bug"
    assert "batch_norm" in finding_of(result, "neighbours")["op"]
    assert finding_of(result, "neighbours")["rule"] == "RA606"


def test_a_place_that_matters_by_a_mean_over_the_rows_is_a_bug_and_no_rounding(
    tmp_path: Path,
) -> None:
    words = ("--inputs", "float32[16,64]", "--vary", "batch=16", "--vary", "place=1,5")
    code, result = vary(tmp_path, "centre", *words)
    assert code == 1
    found = outcomes(result)
    assert {found["neighbours=other"], found["batch=16"]} == {"bug"}
    assert "expected" not in found.values()
    places = {one for name, one in found.items() if name.startswith("place")}
    assert "bug" in places
    assert "mean" in finding_of(result, "place")["op"]


def test_what_no_order_of_a_sum_explains_is_not_documented_though_it_is_small(
    tmp_path: Path,
) -> None:
    words = ("--inputs", "float32[16,64]", "--vary", "batch=16")
    _, result = vary(tmp_path, "count_rows", *words)
    assert outcomes(result)["neighbours=other"] == "none"
    assert outcomes(result)["batch=16"] == "unexplained"
    assert finding_of(result, "batch")["op"] == "aten::mul.Tensor"
    assert finding_of(result, "batch")["rule"] == "RA609"


def test_a_batch_of_more_rows_than_there_are_is_told(tmp_path: Path) -> None:
    words = ("--inputs", "float32[4,6]", "--vary", "batch=2,64", "--no-diagnosis")
    shutil.copy(PROGRAMS / PROGRAM, tmp_path)
    (tmp_path / "plain.py").write_text("import torch\n\ndef double(rows):\n    return rows * 2\n")
    code, result = audit(tmp_path, "plain.py::double", *words, question="vary")
    assert code == 2
    missing = next(one for one in result["variations"] if one["value"] == "64")
    assert missing["why"] == "the inputs have 4 rows"


def test_what_cannot_be_asked_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    shutil.copy(PROGRAMS / PROGRAM, tmp_path)
    for words, said in (
        ((f"{PROGRAM}::answer", "--vary", "batch=2"), "batch-inputs"),
        ((f"{PROGRAM}::answer", *INPUTS, "--vary", "batch=2", "--vary", "threads=1"), "mixed"),
        ((f"{PROGRAM}::answer", *INPUTS, "--vary", "batch=0"), "setting-invalid"),
        ((f"{PROGRAM}::answer", "--inputs", "lost.pt", "--vary", "batch=2"), "inputs-missing"),
    ):
        done = reproaudit(tmp_path, "vary", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
