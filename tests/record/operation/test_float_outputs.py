"""Values of every operator's floating-point outputs, for comparing devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from reproaudit.record.operation.float_outputs import OpValues

FOLDER = str(Path(__file__).parent)


def test_each_op_that_computes_is_kept_with_its_line_and_values() -> None:
    with OpValues(FOLDER, 1 << 20) as ops:
        x = torch.arange(4.0)
        x.view(2, 2).exp()  # here
        torch.arange(3).add(1)
    names = [found.op for found in ops.found]
    assert "aten::view" not in names
    exponential = ops.found[names.index("aten::exp")]
    assert exponential.values is not None
    (value,) = exponential.values
    assert (value.dtype, tuple(value.shape)) == ("float32", (2, 2))
    assert value.data.tobytes() == np.asarray(x.view(2, 2).exp()).tobytes()
    assert exponential.location is not None
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert lines[exponential.location.line - 1].endswith("# here")
    # Whole numbers are no floating-point outputs.
    assert ops.found[names.index("aten::add.Tensor")].values == ()


def test_past_the_budget_an_op_is_named_without_values() -> None:
    with OpValues(FOLDER, budget_bytes=16) as ops:
        torch.full((4,), 1.0)
        torch.full((4,), 2.0)
    assert [found.values is None for found in ops.found] == [False, True]
