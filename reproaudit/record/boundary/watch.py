"""The boundary level: batches, outputs of top-level module calls, losses, gradients, parameters,
random streams."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.modules import module as _module
from torch.optim import optimizer as _optimizer

from reproaudit.model.events import EventFlag, EventKind, Level, Phase, Unchecked
from reproaudit.record.boundary.names import Names
from reproaudit.record.digest.gather import DeviceDigests
from reproaudit.record.digest.tensors import describe, digest, raw_bytes
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.torch_private import HAS_GLOBAL_HOOKS, LoaderIterator, count_module_hooks
from reproaudit.trace.words import LOSS, RETURN

_getframe = sys._getframe
_is_compiling = torch.compiler.is_compiling
_Tensor = torch.Tensor
_OWN_HOOK_ENTRIES = 3  # one before modules, one after them, and that it is always called
_MAX_DEPTH = 8  # of nested containers in a batch or an output
_MAX_LEAVES = 100_000  # nodes of an autograd graph that are walked to find its leaves


def tensors_in(value: Any, prefix: str, depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor in nested tuples, lists, dicts and dataclass-like outputs, with a readable
    path."""
    if isinstance(value, _Tensor):
        yield prefix, value
    elif depth < _MAX_DEPTH:
        if isinstance(value, dict):
            for key, item in value.items():
                yield from tensors_in(
                    item,
                    f"{prefix}.{key}" if isinstance(key, str) else f"{prefix}[{key!r}]",
                    depth + 1,
                )
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                yield from tensors_in(item, f"{prefix}[{index}]", depth + 1)
        elif hasattr(value, "__dataclass_fields__"):
            for name in value.__dataclass_fields__:
                yield from tensors_in(getattr(value, name, None), f"{prefix}.{name}", depth + 1)


class Boundaries:
    """Hooks on modules, optimizers, backward passes and DataLoaders; none of them touches the
    program's objects."""

    def __init__(self, recorder: Recorder, devices: DeviceDigests, patches: Patches) -> None:
        self.recorder = recorder
        self.devices = devices
        self.names = Names()
        self.tracks_modules = False  # the operation level also wants the path of every module call
        self._streams = rng.Streams()
        self._keep = {(kind, name, step) for kind, name, step in recorder.plan.keep}
        # At the values level the budget belongs to the ops that were asked for.
        self._keeps = recorder.plan.values_mb > 0 and recorder.plan.level is not Level.VALUES
        self._patches = patches

    def install(self) -> None:
        hooks = [
            _module.register_module_forward_pre_hook(self._before_module),
            _module.register_module_forward_hook(self._after_module, always_call=True),
            _optimizer.register_optimizer_step_pre_hook(self._before_optimizer),
            _optimizer.register_optimizer_step_post_hook(self._after_optimizer),
        ]
        for handle in hooks:
            self._patches.on_undo(handle.remove)
        # torch.compile warns of global hooks through this function, and its warning would be ours
        # to answer for.
        place = HAS_GLOBAL_HOOKS
        self._patches.replace(place.owner, place.name, self._has_hooks_of_the_program)
        self._patches.replace(
            torch.autograd, "backward", self._wrap_backward(torch.autograd.backward)
        )
        self._patches.replace(torch.autograd, "grad", self._wrap_grad(torch.autograd.grad))
        self._patches.replace(
            torch.optim.Optimizer,
            "__init__",
            self._wrap_optimizer_init(torch.optim.Optimizer.__init__),
        )
        self._patches.replace(LoaderIterator, "__next__", self._wrap_next(LoaderIterator.__next__))

    # -- what is recorded
    # --------------------------------------------------------------------------------------------

    def record(
        self, kind: EventKind, phase: Phase, name: str, tensor: torch.Tensor, site: int = 0
    ) -> None:
        """Record one named tensor: its digest now, and its bytes while the budget lasts."""
        recorder, writer = self.recorder, self.recorder.writer
        found = self.devices.later(tensor) if tensor.device.type != "cpu" else digest(tensor)
        # The loss is where the forward pass ends; an output that requires a gradient is on the way
        # there.
        goes_on = kind == EventKind.OUTPUT and not name.startswith(LOSS) and tensor.requires_grad
        flags = int(EventFlag.INTERMEDIATE) if goes_on else 0
        if found is None:
            flags |= EventFlag.UNDIGESTED
            writer.note(
                Unchecked.NO_BYTES,
                f"{kind.name.lower()} {name}",
                f"{type(tensor).__name__} {describe(tensor)} has no bytes to digest",
            )
        event = writer.add(
            kind,
            phase,
            flags,
            recorder.step,
            writer.string(name),
            0,
            site,
            recorder.thread(),
            1,
            writer.string(describe(tensor)),
            0,
            0,
            *(found if isinstance(found, tuple) else (0, 0)),
        )
        if found is not None and not isinstance(found, tuple):
            self.devices.defer(event, [], [found])
        if self._keeps:
            self._keep_values(event, kind, name, tensor)

    def _keep_values(self, event: int, kind: EventKind, name: str, tensor: torch.Tensor) -> None:
        if self._keep and (int(kind), name, self.recorder.step) not in self._keep:
            return
        if tensor.is_cuda and rng.is_capturing():
            return  # a copy to the host would end the capture, and there are no values yet
        if (
            not self._keep
            and tensor.numel() * tensor.element_size() > self.recorder.writer.values_left
        ):
            return
        if (raw := raw_bytes(tensor)) is not None:
            self.recorder.writer.keep(event, 0, *raw)

    def record_all(
        self, kind: EventKind, phase: Phase, prefix: str, value: Any, site: int = 0
    ) -> None:
        for name, tensor in tensors_in(value, prefix):
            try:
                self.record(kind, phase, name, tensor, site)
            except (
                Exception
            ) as error:  # a subclass may run any code; its failure must not become the program's
                what = f"{kind.name.lower()} {name}"
                self.recorder.writer.note(
                    Unchecked.RECORDING_FAILED,
                    what,
                    f"recording it failed: {type(error).__name__}: {error}",
                )

    def record_return(self, result: Any) -> None:
        """Record what one call of a training step returned."""
        with self._inside():
            self.record_all(EventKind.OUTPUT, Phase.FORWARD, RETURN, result)

    # -- modules
    # -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _has_hooks_of_the_program() -> bool:
        """Tell whether the program itself has registered global module hooks; those of the recorder
        do not count."""
        return count_module_hooks() > _OWN_HOOK_ENTRIES

    def _before_module(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        if (
            _is_compiling()
        ):  # evaluated while Dynamo traces: the hook vanishes from the compiled program
            return
        state = self.recorder.state
        state.depth += 1
        if state.depth == 1 and self.recorder.active and not state.inside:
            state.inside = True
            label = self.names.root(module)
            # Global hooks are not given keyword arguments; the calling frame of torch.nn.Module has
            # them.
            kwargs = _getframe(1).f_locals.get("kwargs") or {}
            phase = Phase.DATA
            self.record_all(
                EventKind.BATCH, phase, f"{label}.input", args if len(args) != 1 else args[0]
            )
            if kwargs:
                self.record_all(EventKind.BATCH, phase, f"{label}.input", kwargs)
            state.inside = False
        if self.tracks_modules:  # always, so that `_after_module` takes off what was put on
            state.modules.append(self.names.path(module))

    def _after_module(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if _is_compiling():
            return
        state = self.recorder.state
        state.depth = max(0, state.depth - 1)
        if self.tracks_modules and state.modules:
            state.modules.pop()
        if state.depth == 0 and self.recorder.active and not state.inside and output is not None:
            state.inside = True
            self.record_all(
                EventKind.OUTPUT,
                Phase.FORWARD,
                f"{self.names.root(module)}.output",
                output,
                self.recorder.sites.here(),
            )
            state.inside = False

    # -- backward
    # ----------------------------------------------------------------------------------------------------

    def _wrap_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if not recorder.awake():
                return original(tensors, *args, **kwargs)
            roots = [tensor for _, tensor in tensors_in(tensors, LOSS)]
            self._record_losses(tensors)
            leaves = [] if recorder.has_optimizer else self._leaves(roots)
            result = original(tensors, *args, **kwargs)
            self._record_leaves(leaves)
            self.record_streams()
            recorder.end_backward()
            return result

        return backward

    def _wrap_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def grad(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if not recorder.awake():
                return original(outputs, *args, **kwargs)
            self._record_losses(outputs)
            result = original(outputs, *args, **kwargs)
            with self._inside():
                self.record_all(
                    EventKind.GRADIENT,
                    Phase.BACKWARD,
                    "autograd.grad",
                    result,
                    recorder.sites.here(),
                )
            self.record_streams()
            recorder.end_backward()
            return result

        return grad

    def _record_losses(self, tensors: Any) -> None:
        with self._inside():
            self.record_all(
                EventKind.OUTPUT, Phase.FORWARD, LOSS, tensors, self.recorder.sites.here(3)
            )

    def _leaves(self, roots: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the leaf tensors of the autograd graph below `roots`, in a fixed order."""
        seen: set[Any] = set()
        stack = [root.grad_fn for root in reversed(roots) if root.grad_fn is not None]
        leaves: list[torch.Tensor] = [
            root for root in roots if root.grad_fn is None and root.requires_grad
        ]
        while stack and len(seen) < _MAX_LEAVES:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if variable is not None:
                leaves.append(variable)
            stack.extend(
                parent for parent, _ in reversed(node.next_functions) if parent is not None
            )
        return leaves

    def _record_leaves(self, leaves: list[torch.Tensor]) -> None:
        with self._inside():
            for index, leaf in enumerate(leaves):
                if leaf.grad is not None:
                    name = self.names.parameter(leaf) or f"leaf[{index}]"
                    self.record(EventKind.GRADIENT, Phase.BACKWARD, name, leaf.grad)

    # -- optimizers
    # --------------------------------------------------------------------------------------------------

    def _wrap_optimizer_init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            self.recorder.has_optimizer = True
            original(optimizer, *args, **kwargs)

        return __init__

    def _before_optimizer(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        recorder = self.recorder
        if _is_compiling() or not recorder.awake():
            return
        with self._inside():
            self._record_group_tensors(optimizer, EventKind.GRADIENT)
        recorder.state.phase = Phase.OPTIMIZER

    def _after_optimizer(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        recorder = self.recorder
        if _is_compiling() or not recorder.active:
            return
        recorder.state.phase = None
        with self._inside():
            self._record_group_tensors(optimizer, EventKind.PARAMETER)
        self.record_streams()
        recorder.end_optimizer_step()

    def _record_group_tensors(self, optimizer: torch.optim.Optimizer, kind: EventKind) -> None:
        phase = Phase.BACKWARD if kind == EventKind.GRADIENT else Phase.OPTIMIZER
        for group_number, group in enumerate(optimizer.param_groups):
            for number, parameter in enumerate(group["params"]):
                tensor = parameter.grad if kind == EventKind.GRADIENT else parameter
                if tensor is not None:
                    name = self.names.parameter(parameter) or f"group{group_number}[{number}]"
                    self.record(kind, phase, name, tensor)

    # -- data
    # --------------------------------------------------------------------------------------------------------

    def _wrap_next(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(original)
        def __next__(iterator: Any) -> Any:
            recorder = self.recorder
            state = recorder.state
            if not recorder.active or state.inside:
                return original(iterator)
            outer, state.phase = state.phase, Phase.DATA
            try:
                batch = original(iterator)
            finally:
                state.phase = outer
            with self._inside():
                self.record_all(EventKind.BATCH, Phase.DATA, "batch", batch, recorder.sites.here())
            return batch

        return __next__

    # -- random streams
    # ----------------------------------------------------------------------------------------------

    def record_streams(self) -> None:
        """Record the states of the global random streams, for telling which differed, and which
        were drawn from."""
        recorder, writer = self.recorder, self.recorder.writer
        for name, state in self._streams.digests():
            writer.add(
                EventKind.RNG,
                Phase.DATA,
                0,
                recorder.step,
                writer.string(name),
                0,
                0,
                recorder.thread(),
                1,
                0,
                0,
                0,
                *state,
            )

    def _inside(self) -> _Inside:
        return _Inside(self.recorder)


class _Inside:
    """Marks the recorder's own use of torch, so that no hook records it."""

    def __init__(self, recorder: Recorder) -> None:
        self._state = recorder.state

    def __enter__(self) -> None:
        self._before, self._state.inside = self._state.inside, True

    def __exit__(self, *exc: object) -> None:
        self._state.inside = self._before
