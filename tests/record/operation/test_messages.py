"""When what other processes send counts as there, in a process group of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.distributed_c10d import Work
from torch.distributed.tensor import DTensor, Shard

from reproaudit.model.events import EventFlag
from reproaudit.record.digest.tensors import digest
from reproaudit.trace.views import NOTHING, OpEvent
from tests.record.recording import operations, record

functional = torch.ops._c10d_functional


@pytest.fixture
def group(tmp_path: Path) -> Iterator[str]:
    store = (tmp_path / "store").as_uri()
    dist.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        yield dist.group.WORLD.group_name  # type: ignore[union-attr]
    finally:
        dist.destroy_process_group()


@pytest.fixture
def slow_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing arrives before it is waited for."""

    def is_completed(work: Any) -> bool:
        return False

    monkeypatch.setattr(Work, "is_completed", is_completed)


def recorded(folder: Path, name: str, program: Any) -> list[OpEvent]:
    trace, _ = record(folder / "trace", program)
    return operations(trace, name)


def is_undigested(op: OpEvent) -> bool:
    return bool(op.flags & EventFlag.UNDIGESTED)


def test_what_arrives_is_compared_as_it_is_when_the_program_has_waited(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        dist.all_reduce(x, async_op=True).wait()
        x.add_(1)

    (op,) = recorded(tmp_path, "c10d::allreduce_", program)
    assert not is_undigested(op)
    assert op.outputs == digest(torch.arange(4.0))


def test_a_call_that_waits_itself_has_its_result(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)
    (op,) = recorded(tmp_path, "c10d::allreduce_", lambda: dist.all_reduce(x))
    assert (is_undigested(op), op.outputs) == (False, digest(x))


def test_each_of_two_messages_has_what_it_was_waited_for(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)
    y = torch.arange(6.0)

    def program() -> None:
        first = dist.all_reduce(x, async_op=True)
        second = dist.all_reduce(y, async_op=True)
        second.wait()
        first.wait()

    ops = recorded(tmp_path, "c10d::allreduce_", program)
    assert [op.outputs for op in ops] == [digest(x), digest(y)]


def test_what_nobody_waits_for_is_not_compared(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)
    kept: list[Any] = []
    (op,) = recorded(
        tmp_path, "c10d::allreduce_", lambda: kept.append(dist.all_reduce(x, async_op=True))
    )
    assert (is_undigested(op), op.outputs) == (True, NOTHING)
    kept[0].wait()


def test_what_was_done_before_the_step_ended_is_compared_without_a_wait(
    tmp_path: Path, group: str
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        work = dist.all_reduce(x, async_op=True)
        while not work.is_completed():
            pass

    (op,) = recorded(tmp_path, "c10d::allreduce_", program)
    assert (is_undigested(op), op.outputs) == (False, digest(x))


def test_an_op_that_reads_what_has_not_arrived_is_not_compared(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        work = dist.all_reduce(x, async_op=True)
        x.sum()
        work.wait()
        x.sum()

    early, late = recorded(tmp_path, "aten::sum", program)
    assert (is_undigested(early), is_undigested(late)) == (True, False)


def test_what_is_written_before_it_arrives_is_no_result(
    tmp_path: Path, group: str, slow_network: None
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        work = dist.all_reduce(x, async_op=True)
        x.add_(1)
        work.wait()

    (op,) = recorded(tmp_path, "c10d::allreduce_", program)
    assert is_undigested(op)


def test_a_functional_message_arrives_when_its_tensor_is_waited_for(
    tmp_path: Path, group: str
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        y = functional.all_reduce(x, "sum", group)
        functional.wait_tensor(y)

    trace, _ = record(tmp_path / "trace", program)
    (op,) = operations(trace, "_c10d_functional::all_reduce")
    assert (is_undigested(op), op.outputs) == (False, digest(x))
    # Waiting is no event of its own: whether it is needed may differ from run to run.
    assert operations(trace, "_c10d_functional::wait_tensor") == []


def test_a_functional_message_that_is_not_waited_for_is_not_compared(
    tmp_path: Path, group: str
) -> None:
    x = torch.arange(4.0)
    kept: list[torch.Tensor] = []
    (op,) = recorded(
        tmp_path,
        "_c10d_functional::all_reduce",
        lambda: kept.append(functional.all_reduce(x, "sum", group)),
    )
    assert is_undigested(op)
    functional.wait_tensor(kept[0])


def test_what_arrives_is_defined_and_what_it_overwrites_is_no_input(
    tmp_path: Path, group: str
) -> None:
    x = torch.arange(4.0)

    def program() -> None:
        gathered = torch.empty(4)
        dist.all_gather([gathered], x)
        gathered.sum()

    trace, _ = record(tmp_path / "trace", program)
    (op,) = operations(trace, "c10d::allgather_")
    assert not op.flags & EventFlag.READS_UNDEFINED
    (read,) = operations(trace, "aten::sum")
    assert not read.flags & EventFlag.READS_UNDEFINED
    assert (read.inputs, op.outputs) == (digest(x), digest(x))


def test_undefined_bytes_that_are_only_sent_are_no_evidence(tmp_path: Path, group: str) -> None:
    def program() -> None:
        dist.all_gather([torch.empty(4)], torch.empty(4))

    (op,) = recorded(tmp_path, "c10d::allgather_", program)
    assert op.flags == EventFlag.UNDEFINED


@pytest.mark.seeded
def test_gradients_that_are_reduced_by_pytorch_are_named_where_the_module_was_wrapped(
    tmp_path: Path, group: str
) -> None:
    def program() -> None:
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
        model(torch.ones(1, 2)).sum().backward()

    (op,) = recorded(tmp_path, "c10d::allreduce_", program)
    wrapped = program.__code__.co_firstlineno + 1
    assert (op.location.line, is_undigested(op)) == (wrapped, False)


@pytest.mark.seeded
def test_a_module_is_wrapped_by_name_as_without_the_recorder(tmp_path: Path, group: str) -> None:
    layer = torch.nn.Linear(2, 2)
    wrapped = []

    def program() -> None:
        wrapped.append(torch.nn.parallel.DistributedDataParallel(module=layer))

    record(tmp_path / "trace", program)
    assert wrapped[0].module is layer


def test_an_op_on_a_tensor_that_is_spread_over_ranks_says_so_and_reads_this_ranks_part(
    tmp_path: Path, group: str
) -> None:
    mesh = init_device_mesh("cpu", (1,))
    x = DTensor.from_local(torch.arange(4.0), mesh, [Shard(0)])
    trace, _ = record(tmp_path / "trace", lambda: x * 2)
    (op,) = operations(trace, "dtensor::aten::mul")
    y = DTensor.from_local(torch.arange(4.0) + 1, mesh, [Shard(0)])
    other, _ = record(tmp_path / "other", lambda: y * 2)
    (of_other,) = operations(other, "dtensor::aten::mul")
    assert op.outputs != of_other.outputs
    assert NOTHING not in (op.inputs, op.outputs)


def test_an_op_on_a_spread_tensor_that_has_not_arrived_is_not_compared(
    tmp_path: Path, group: str
) -> None:
    mesh = init_device_mesh("cpu", (1,))
    x = torch.arange(4.0)

    def program() -> None:
        part = functional.all_reduce(x, "sum", group)
        arrives = DTensor.from_local(part, mesh, [Shard(0)], run_check=False)
        arrives * 2
        functional.wait_tensor(part)
        arrives * 2

    early, late = recorded(tmp_path, "dtensor::aten::mul", program)
    assert (is_undigested(early), is_undigested(late)) == (True, False)
