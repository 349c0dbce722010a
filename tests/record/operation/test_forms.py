"""What is decided once for a list of types is what a look at each argument gives."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from reproaudit.record.operation.forms import Form, Forms, MetOp
from reproaudit.record.operation.operands import tensors_read
from reproaudit.record.operation.opinfo import describe_op
from reproaudit.record.operation.scalars import ScalarDigests
from tests.record.recording import record

ADD = describe_op(torch.ops.aten.add.Tensor)
COPY = describe_op(torch.ops.aten.copy_.default)
VALUES: list[Any] = [1, 0, 2.5, 0.0, -0.0, float("nan"), True, None, "a", torch.float32]
TENSORS = [torch.ones(2), torch.nn.Parameter(torch.ones(3))]


def form_of(args: tuple[Any, ...]) -> Form:
    form = Forms(ADD)[tuple(map(type, args))]
    assert form is not None
    return form


def test_the_same_tensors_are_read_as_by_a_look_at_each() -> None:
    for args in itertools.product([*TENSORS, *VALUES[:3]], repeat=3):
        read = list(form_of(args).read(args))
        expected = tensors_read(ADD, args, {})
        assert list(map(id, read)) == list(map(id, expected))


def test_scalars_have_the_digest_that_they_have_without_the_form() -> None:
    forms = Forms(ADD)
    scalars = ScalarDigests()
    # Each twice: the second time it is looked up.
    for args in [*itertools.product([TENSORS[0]], VALUES, VALUES), *itertools.product(VALUES)] * 2:
        form = forms[tuple(map(type, args))]
        assert form is not None
        assert form.find_scalars(scalars, ADD, args) == ScalarDigests().find(ADD, args, {}), args


def test_what_may_hold_tensors_or_is_only_overwritten_has_no_form() -> None:
    assert Forms(ADD)[torch.Tensor, list] is None
    assert Forms(COPY)[torch.Tensor, torch.Tensor] is None


def test_a_class_of_the_program_is_not_kept() -> None:
    class Own(torch.Tensor):
        pass

    forms = Forms(ADD)
    assert forms[torch.Tensor, Own] is None
    assert forms == {}


def _train() -> None:
    torch.manual_seed(0)
    table = torch.nn.Parameter(torch.rand(5, 4))
    frozen = torch.tensor([[1.0, -0.0], [float("nan"), 2.0]])
    optimizer = torch.optim.Adam([table], foreach=False)
    for scale in (0.0, -0.0, 0.5):
        rows = F.dropout(table[torch.tensor([1, 1, 3])] * scale, 0.5)
        total = torch.cat([rows.t().contiguous().t(), rows + 1], dim=1).sum(dim=[0])
        loss = (total.relu() @ torch.ones(8)) + frozen.nan_to_num().sum(0, keepdim=True).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.add(frozen, 1, alpha=2, out=torch.zeros(2, 2))
        frozen.mul_(2).add_(True)
    with pytest.raises(RuntimeError):
        torch.ones(3) @ torch.ones(4)


@pytest.mark.seeded
def test_ops_of_which_nothing_is_followed_leave_the_events_that_others_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, _ = record(tmp_path, _train)
    original = MetOp.__init__
    calls = 0

    def follow_all(op: MetOp, func: Any, info: Any) -> None:
        nonlocal calls
        original(op, func, info)
        calls += op.is_usual
        op.is_usual = False

    monkeypatch.setattr(MetOp, "__init__", follow_all)
    general, _ = record(tmp_path, _train)
    assert calls > 20
    events = [[replace(op, number=0) for op in trace.operations()] for trace in (usual, general)]
    assert events[0] == events[1]
