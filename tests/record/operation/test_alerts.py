"""Ops that the determinism flag refuses are all found, and the run goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from reproaudit.model.events import Unchecked
from reproaudit.record.operation import refusals
from tests.record.recording import operations, record


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))


@pytest.mark.seeded
def test_an_op_that_the_determinism_flag_refuses_is_caught_and_run_without_it(
    tmp_path: Path,
) -> None:
    pooled, where = torch.nn.functional.max_pool2d(torch.rand(1, 1, 4, 4), 2, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(pooled, where, 2)

    def program() -> torch.Tensor:
        return torch.nn.functional.max_unpool2d(pooled, where, 2)  # refused

    trace, result = record(tmp_path, program, alerts=True, digests=False)
    (alert,) = trace.alerts()
    assert alert.op.startswith("aten::max_unpool2d")
    assert alert.location.line == line_of("refused")
    assert "deterministic" in alert.message
    assert torch.equal(result, expected)
    assert not torch.are_deterministic_algorithms_enabled()


def train(steps: int) -> torch.Tensor:
    """Train with an op that is refused, with noise, and with state that no schema declares."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout())
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    places = torch.tensor([0, 5, 10, 15]).reshape(1, 1, 2, 2)
    for _ in range(steps):
        optimizer.zero_grad()
        out = model(torch.rand(4, 4))[0].reshape(1, 1, 2, 2)
        out = torch.nn.functional.max_unpool2d(out, places, 2)  # asked
        out.sum().backward()
        optimizer.step()
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


@pytest.mark.seeded
def test_ops_are_asked_on_copies_while_they_are_recorded_and_the_run_is_as_without(
    tmp_path: Path,
) -> None:
    plain, expected = record(tmp_path, lambda: train(2))
    asked, result = record(tmp_path, lambda: train(2), probes=True)
    assert torch.equal(result, expected)
    assert torch.equal(train(2), expected)
    assert [(op.name, op.inputs, op.outputs, op.flags) for op in operations(asked)] == [
        (op.name, op.inputs, op.outputs, op.flags) for op in operations(plain)
    ]
    assert list(plain.alerts()) == []
    # Once for each call, as the run of its own says it.
    alerts = [(alert.op, alert.location.line) for alert in asked.alerts()]
    assert alerts == [("aten::max_unpool2d.default", line_of("asked"))] * 2
    alone, _ = record(tmp_path, lambda: train(2), alerts=True, digests=False)
    assert [(alert.op, alert.location.line) for alert in alone.alerts()] == alerts
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.seeded
def test_what_cannot_be_asked_on_copies_is_noted(tmp_path: Path) -> None:
    @torch.library.custom_op("reproaudit_test::asked", mutates_args=())
    def asked(value: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return value + 1

    calls: list[int] = []
    trace, _ = record(tmp_path, lambda: asked(torch.ones(2)), probes=True)
    assert calls == [1]
    (note,) = [note for note in trace.notes if note.code is Unchecked.REFUSALS_CUT_SHORT]
    assert note.what.endswith("refuses reproaudit_test::asked.default")


@pytest.mark.seeded
def test_calls_of_one_line_are_asked_for_each_kind_of_their_arguments(tmp_path: Path) -> None:
    places = torch.arange(3)

    def program() -> None:
        for accumulate in (True, False, True):
            # Refused where it overwrites.
            torch.zeros(9).put_(places, torch.ones(3), accumulate=accumulate)

    asked, _ = record(tmp_path / "asked", program, probes=True)
    alone, _ = record(tmp_path / "alone", program, alerts=True, digests=False)
    assert [alert.op for alert in asked.alerts()] == ["aten::put_.default"]
    assert [alert.op for alert in alone.alerts()] == ["aten::put_.default"]


@pytest.mark.seeded
def test_an_op_that_raises_when_it_is_asked_is_recorded_all_the_same(tmp_path: Path) -> None:
    def program() -> None:
        with pytest.raises(IndexError):
            torch.ones(3)[torch.tensor([7])]

    plain, _ = record(tmp_path / "plain", program)
    asked, _ = record(tmp_path / "asked", program, probes=True)
    assert [op.name for op in operations(asked)] == [op.name for op in operations(plain)]
    (note,) = [one for one in asked.notes if one.code is Unchecked.REFUSALS_CUT_SHORT]
    assert note.what.endswith("refuses aten::index.Tensor")


@pytest.mark.seeded
def test_nothing_is_asked_once_two_threads_run_ops_which_the_flag_would_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(func: object, args: object, kwargs: object) -> str:
        asked.append(str(func))
        return ""

    monkeypatch.setattr(refusals, "ask_flag", ask)

    def program() -> None:
        value = torch.ones(3)
        value.exp()
        thread = threading.Thread(target=value.sin)
        thread.start()
        thread.join()
        value.cos()

    trace, _ = record(tmp_path, program, probes=True)
    assert asked == ["aten.ones.default", "aten.exp.default"]
    (note,) = [one for one in trace.notes if one.code is Unchecked.REFUSALS_CUT_SHORT]
    assert note.code is Unchecked.REFUSALS_CUT_SHORT
    assert note.what.endswith("refuses the ops of several threads")


@pytest.mark.seeded
@pytest.mark.parametrize(("is_brief", "steps"), [(True, 2), (False, 5)])
def test_a_brief_run_ends_with_a_step_that_brings_nothing_new(
    tmp_path: Path, is_brief: bool, steps: int
) -> None:
    trace, _ = record(tmp_path, lambda: train(5), alerts=True, digests=False, is_brief=is_brief)
    assert trace.header["steps"] == steps
    assert len(list(trace.alerts())) == steps


@pytest.mark.seeded
def test_a_brief_run_goes_on_while_steps_bring_other_ops(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for step in range(6):
            loss = weight.exp().sum() if step < 2 else weight.sin().sum()
            loss.backward()
            optimizer.step()
            if step == 1:
                torch.cumsum(weight.detach(), 0)

    trace, _ = record(tmp_path, program, alerts=True, digests=False, is_brief=True)
    assert trace.header["steps"] == 4


@pytest.mark.seeded
def test_an_op_of_another_thread_never_meets_the_flag_that_one_is_tried_with(
    tmp_path: Path,
) -> None:
    errors: list[RuntimeError] = []
    has_ended = threading.Event()

    def scatter() -> None:
        target, index, source = torch.zeros(64), torch.arange(64), torch.ones(64)
        while not has_ended.is_set():
            try:
                target.put_(index, source, accumulate=False)
            except RuntimeError as error:
                errors.append(error)

    def program() -> None:
        other = threading.Thread(target=scatter)
        other.start()
        values = torch.rand(300_000)
        for _ in range(20):
            values.sort()
        has_ended.set()
        other.join()

    trace, _ = record(tmp_path, program, alerts=True, digests=False)
    assert errors == []
    assert {alert.op for alert in trace.alerts()} == {"aten::put_.default"}
