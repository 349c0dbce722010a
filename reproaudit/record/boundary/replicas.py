"""What several ranks are compared by: what DistributedDataParallel keeps equal, buffers and the
state of optimizers.

Nothing of it is recorded where one process trains alone.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch.nn.parallel import DistributedDataParallel

from reproaudit.model.events import EventKind, Phase
from reproaudit.record.boundary.names import ByObject, Names
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.ranks import is_one_of_several
from reproaudit.record.session import Recorder
from reproaudit.record.state.modules import (
    children_of,
    state_of,
    walk_modules,
    walk_parameters,
)
from reproaudit.record.torch_private import is_flat
from reproaudit.trace.words import JOIN, OWN_SHARE, write_ranks

_Optimizer = torch.optim.Optimizer
_Tensor = torch.Tensor
_MOST_BUFFERED = 10_000  # modules with buffers that are looked at when an optimizer steps
# Optimizers of torch.distributed give each rank a part of the work, or average now and then.
_DISTRIBUTED = "torch.distributed."
_JOIN_MODULE = "torch.distributed.algorithms.join"
_SHARES_STATE = "ZeroRedundancyOptimizer"


class RecordTensor(Protocol):
    """Records one tensor of a step, by its name."""

    def __call__(
        self,
        kind: EventKind,
        phase: Phase,
        name: str,
        tensor: torch.Tensor,
        *,
        site: int = 0,
        ranks: str = "",
    ) -> None: ...


class Replicas:
    """Knows which tensors ranks hold copies of, and records what only ranks are asked for."""

    def __init__(self, recorder: Recorder, names: Names, record: RecordTensor) -> None:
        self._recorder = recorder
        self._names = names
        self._record = record
        self._parameters = ByObject[str]()
        # By the parts of modules that are kept equal; "" where their buffers are kept equal, too.
        self._buffers = ByObject[str]()
        self._buffered: list[tuple[weakref.ref[Any], str]] = []
        self._met = ByObject[bool]()  # optimizers that stepped before

    def install(self, patches: Patches) -> None:
        kind = DistributedDataParallel
        patches.replace(kind, "__init__", self._wrap_init(kind.__init__))
        join = getattr(sys.modules.get(_JOIN_MODULE), "Join", None)
        if join is not None:
            patches.replace(join, "__enter__", self._wrap_join(join.__enter__))
        self._names.on_root.append(self._watch_module)

    def ranks_of(self, parameter: torch.Tensor, optimizer: _Optimizer) -> str:
        """Return what to write of the ranks that hold copies of a parameter and its gradient."""
        if _is_share(parameter) or self._gives_shares(optimizer):
            return OWN_SHARE
        return self._parameters.get(parameter) or ""

    def record_before_step(self, optimizer: _Optimizer) -> None:
        """Record what an optimizer finds that is about to step, and the buffers of modules."""
        if not is_one_of_several() or len(self._recorder.state.open_steps) > 1:
            return
        with Guest(self._recorder, "what ranks are compared by"):
            site = self._recorder.sites.here()
            self._record_buffers(site)
            is_first = self._met.get(optimizer) is None
            self._met.add(optimizer, True)
            if type(optimizer).__name__ == _SHARES_STATE:
                return
            for name, tensor, ranks in self._list_state(optimizer, with_parameters=is_first):
                self._record(EventKind.STATE, Phase.OPTIMIZER, name, tensor, site=site, ranks=ranks)

    # -- modules

    def _wrap_init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(module: Any, /, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            if self._recorder.awake() and is_one_of_several():
                with Guest(self._recorder, "a module of DistributedDataParallel"):
                    self._learn(module)

        return __init__

    def _wrap_join(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def __enter__(context: Any, /) -> Any:
            recorder = self._recorder
            if recorder.awake():
                at = recorder.moment(Phase.DATA, recorder.sites.here())
                recorder.writer.add_replica(at=at, name=JOIN, ranks="", has_equal_buffers=False)
            return original(context)

        return __enter__

    def _learn(self, wrapper: Any) -> None:
        """Learn what a module of DistributedDataParallel keeps equal, and on which ranks."""
        ranks = torch.distributed.get_process_group_ranks(wrapper.process_group)
        inner = children_of(wrapper).get("module")
        if len(ranks) < 2 or inner is None:
            return
        text = write_ranks(ranks)
        ignored = set(getattr(wrapper, "parameters_to_ignore", ()))
        has_equal_buffers = _keeps_buffers_equal(wrapper)
        for path, parameter in walk_parameters(inner):
            if path not in ignored:
                self._parameters.add(parameter, text)
        for _, part in walk_modules(inner):
            self._buffers.add(part, "" if has_equal_buffers else text)
        recorder = self._recorder
        recorder.writer.add_replica(
            at=recorder.moment(Phase.DATA, recorder.sites.here(3)),
            name=type(inner).__name__,
            ranks=text,
            has_equal_buffers=has_equal_buffers,
        )

    def _watch_module(self, root: torch.nn.Module, label: str) -> None:
        if not is_one_of_several():
            return
        for path, module in walk_modules(root):
            found = state_of(module)
            if found is not None and found.buffers and len(self._buffered) < _MOST_BUFFERED:
                self._buffered.append((weakref.ref(module), f"{path or label}."))

    # -- steps

    def _record_buffers(self, site: int) -> None:
        self._buffered = [one for one in self._buffered if one[0]() is not None]
        for reference, prefix in self._buffered:
            module = reference()
            ranks = self._buffers.get(module)
            found = None if module is None else state_of(module)
            # What is sent to all ranks before each forward pass may differ after it.
            if found is None or ranks == "":
                continue
            for key, tensor in found.buffers.items():
                # What is not saved is a cache, or a rank's own.
                if tensor is not None and key not in found.transient:
                    name = f"{prefix}{key}"
                    self._record(
                        EventKind.BUFFER,
                        Phase.FORWARD,
                        name,
                        tensor,
                        site=site,
                        ranks=ranks or "",
                    )

    def _list_state(
        self, optimizer: _Optimizer, *, with_parameters: bool
    ) -> Iterator[tuple[str, torch.Tensor, str]]:
        """Yield the tensors of an optimizer's state: name, tensor, and the ranks that have copies.

        With `with_parameters` also the parameters themselves, by their own names.
        """
        for number, group in enumerate(optimizer.param_groups):
            for index, parameter in enumerate(group["params"]):
                ranks = self.ranks_of(parameter, optimizer)
                name = self._names.parameter(parameter) or f"group{number}[{index}]"
                if with_parameters:
                    yield name, parameter, ranks
                held = optimizer.state.get(parameter)
                if not isinstance(held, dict):
                    continue
                for key, value in held.items():
                    if isinstance(value, _Tensor):
                        yield f"{name}.{key}", value, ranks

    def _gives_shares(self, optimizer: _Optimizer) -> bool:
        """Return True if what an optimizer is given and leaves is, or may be, of one rank alone."""
        steps = self._recorder.state.open_steps
        outer = [step.optimizer for step in steps if step.optimizer is not optimizer]
        if any(map(_is_distributed, outer)):
            return True
        if not _is_distributed(optimizer):
            return False
        is_late = bool(vars(optimizer).get("_overlap_with_ddp"))
        return is_late or type(optimizer).__name__ != _SHARES_STATE


def _is_distributed(optimizer: _Optimizer) -> bool:
    return type(optimizer).__module__.startswith(_DISTRIBUTED)


def _is_share(parameter: torch.Tensor) -> bool:
    """Return True for what FSDP, fully_shard and tensor parallelism make of a parameter."""
    if is_flat(parameter):
        return True
    return any(kind.__name__ == "DTensor" for kind in type(parameter).__mro__)


def _keeps_buffers_equal(wrapper: Any) -> bool:
    """Return True if rank 0 sends its buffers to the others before each forward pass."""
    found = getattr(wrapper, "forward_sync_buffers", None)
    if found is None:  # as the setting was called before
        found = getattr(wrapper, "broadcast_buffers", True)
    return bool(found)
