"""The boundary level: what a program's modules, optimizers and loaders hand to one another.

Recorded are batches, outputs of top-level module calls, losses, gradients, parameters and the
states of random streams.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.modules import module as _module

from reproaudit.model.events import EventFlag, EventKind, Phase, Unchecked
from reproaudit.record.boundary.contents import find_leaves, find_named_tensors, is_being_traced
from reproaudit.record.boundary.distributed_backward import DistributedBackwards, Gradients
from reproaudit.record.boundary.kept_values import KeptValues
from reproaudit.record.boundary.names import Names
from reproaudit.record.boundary.optimizer_steps import OptimizerSteps
from reproaudit.record.boundary.replicas import Replicas
from reproaudit.record.digest.gather import DeviceDigest, DeviceDigests, Part
from reproaudit.record.digest.tensors import describe, digest
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.ranks import is_one_of_several
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.initialisation import Initialisation
from reproaudit.record.torch_private import HAS_GLOBAL_HOOKS, LoaderIterator, count_module_hooks
from reproaudit.trace.words import LOSS, RETURN

_getframe = sys._getframe
_is_compiling = torch.compiler.is_compiling
_OWN_HOOK_ENTRIES = 3  # one before modules, one after them, and that it is always called


class Boundaries:
    """Hooks on modules, optimizers, backward passes and DataLoaders.

    They are global: none of them touches an object of the program.
    """

    def __init__(self, recorder: Recorder, devices: DeviceDigests, patches: Patches) -> None:
        self.recorder = recorder
        self.devices = devices
        self.names = Names()
        # The operation level also wants the path of every module call.
        self.tracks_modules = False
        self._streams = rng.Streams()
        # At the operation level, until the first backward pass has ended.
        self.initialisation: Initialisation | None = None
        self.values = KeptValues(recorder)
        # Called before and after a module that the program calls at top level, with it.
        self.before_root: list[Callable[[torch.nn.Module], None]] = []
        self.after_root: list[Callable[[torch.nn.Module], None]] = []
        self._patches = patches
        self._replicas = Replicas(recorder, self.names, self._try_to_record)
        self._steps = OptimizerSteps(recorder, self._record_group_tensors, self._end_optimizer_step)

    def install(self) -> None:
        hooks = [
            _module.register_module_forward_pre_hook(self._before_module),
            _module.register_module_forward_hook(self._after_module, always_call=True),
        ]
        for handle in hooks:
            self._patches.on_undo(handle.remove)
        self._steps.install(self._patches)
        self._replicas.install(self._patches)
        # torch.compile warns of global hooks through this function, and its warning would be ours
        # to answer for.
        place = HAS_GLOBAL_HOOKS
        self._patches.replace(place.owner, place.name, self._has_hooks_of_the_program)
        replace = self._patches.replace
        autograd = torch.autograd
        replace(autograd, "backward", self._wrap_backward(autograd.backward))
        replace(autograd, "grad", self._wrap_grad(autograd.grad))
        distributed = DistributedBackwards(
            self.recorder,
            record_losses=self._record_losses,
            record_gradients=self._record_gradients,
            end_backward=self._end_backward,
            find_name=self.names.parameter,
        )
        distributed.install(self._patches)
        optimizer = torch.optim.Optimizer
        replace(optimizer, "__init__", self._wrap_optimizer_init(optimizer.__init__))
        replace(LoaderIterator, "__next__", self._wrap_next(LoaderIterator.__next__))

    # -- what is recorded

    def record(
        self,
        kind: EventKind,
        phase: Phase,
        name: str,
        tensor: torch.Tensor,
        *,
        site: int = 0,
        saved: tuple[int, int] = (0, 0),  # numbers of a file and of its save
        ranks: str = "",  # that hold copies of it
    ) -> None:
        """Record one named tensor: its digest now, and its bytes while the budget lasts."""
        recorder = self.recorder
        writer = recorder.writer
        found: Part | None
        if tensor.device.type == "cpu":
            found = digest(tensor)
        else:
            found = self.devices.later(tensor)
        flags = EventFlag(0)
        is_loss = name.startswith(LOSS)
        if kind == EventKind.OUTPUT and not is_loss and tensor.requires_grad:
            # The forward pass goes on from here; it ends where the loss is.
            flags |= EventFlag.INTERMEDIATE
        value = (0, 0)
        waiting: DeviceDigest | None = None
        if found is None:
            flags |= EventFlag.UNDIGESTED
            writer.note(
                Unchecked.NO_BYTES,
                f"{kind.name.lower()} {name}",
                f"{type(tensor).__name__} {describe(tensor)} has no bytes to digest",
            )
        elif isinstance(found, DeviceDigest):
            waiting = found
        else:
            value = found
        event = writer.add_tensor(
            kind,
            at=recorder.moment(phase, site),
            flags=flags,
            name=name,
            tensor=describe(tensor),
            digest=value,
            saved=saved,
            ranks=ranks,
        )
        if waiting is not None:
            self.devices.defer(event, [], [waiting])
        self.values.keep(event, kind, name, tensor)

    def record_all(
        self, kind: EventKind, phase: Phase, prefix: str, value: Any, *, site: int = 0
    ) -> None:
        """Record every tensor in `value`, by names that begin with `prefix`."""
        with self._guest(f"{kind.name.lower()} {prefix}"):
            for name, tensor in find_named_tensors(value, prefix):
                self._try_to_record(kind, phase, name, tensor, site=site)

    def _try_to_record(
        self,
        kind: EventKind,
        phase: Phase,
        name: str,
        tensor: torch.Tensor,
        *,
        site: int = 0,
        ranks: str = "",
    ) -> None:
        """Record one of several tensors: what one of them does is no loss of the others."""
        try:
            self.record(kind, phase, name, tensor, site=site, ranks=ranks)
        except Exception as error:
            self.recorder.note_failure(f"{kind.name.lower()} {name}", error)

    def record_return(self, result: Any) -> None:
        """Record what one call of a training step returned."""
        self.record_all(EventKind.OUTPUT, Phase.FORWARD, RETURN, result)

    # -- modules

    @staticmethod
    def _has_hooks_of_the_program() -> bool:
        """Return True if the program itself has registered global module hooks."""
        return count_module_hooks() > _OWN_HOOK_ENTRIES

    def _before_module(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        if _is_compiling():
            # Evaluated while Dynamo traces: the hook vanishes from the compiled program.
            return
        state = self.recorder.state
        state.depth += 1
        is_root = state.depth == 1
        if is_root and self.recorder.overtime is not None:
            self.recorder.end_overtime()
        if is_root and state.phase is Phase.OPTIMIZER:
            # An optimizer that evaluates the model itself: what runs is a forward pass.
            state.phase = None
            state.is_evaluating = True
        if is_root and self.recorder.active and not state.inside:
            # Global hooks are not given keyword arguments; the calling frame of torch.nn.Module has
            # them.
            caller = _getframe(1)
            kwargs = caller.f_locals.get("kwargs") or {}
            with self._guest(f"what {type(module).__name__} is given"):
                name = f"{self.names.root(module)}.input"
                for look in self.before_root:
                    look(module)
                given = args[0] if len(args) == 1 else args
                self.record_all(EventKind.BATCH, Phase.DATA, name, given)
                if self.initialisation is not None:
                    inputs = find_named_tensors((args, kwargs), name)
                    self.initialisation.enter(module, [tensor for _, tensor in inputs])
                if kwargs:
                    self.record_all(EventKind.BATCH, Phase.DATA, name, kwargs)
        if self.tracks_modules:  # always, so that `_after_module` takes off what was put on
            state.modules.append(self.names.path(module))

    def _after_module(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        if _is_compiling():
            return
        state = self.recorder.state
        state.depth = max(0, state.depth - 1)
        if self.tracks_modules and state.modules:
            state.modules.pop()
        is_root = state.depth == 0
        if is_root and state.is_evaluating:
            state.phase = Phase.OPTIMIZER
            state.is_evaluating = False
        if not is_root or output is None:
            return
        if self.recorder.active and not state.inside:
            with self._guest(f"what {type(module).__name__} returns"):
                name = f"{self.names.root(module)}.output"
                site = self.recorder.sites.here()
                self.record_all(EventKind.OUTPUT, Phase.FORWARD, name, output, site=site)
                for look in self.after_root:
                    look(module)

    # -- backward

    def _wrap_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if not recorder.awake():
                return original(tensors, *args, **kwargs)
            self._record_losses(tensors)
            leaves: list[torch.Tensor] = []
            with self._guest("some gradients"):
                # With an optimizer, they are recorded just before it steps: they may be clipped or
                # summed up until then.
                if not recorder.has_optimizer or self.initialisation is not None:
                    leaves = find_leaves([root for _, root in find_named_tensors(tensors, LOSS)])
                if self.initialisation is not None:
                    self.initialisation.own(leaves)
            if recorder.has_optimizer:
                leaves = []
            result = original(tensors, *args, **kwargs)
            self._record_leaves(leaves)
            self._end_backward()
            return result

        return backward

    def _wrap_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def grad(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = self.recorder
            if not recorder.awake() or self._is_being_traced(outputs):
                return original(outputs, *args, **kwargs)
            self._record_losses(outputs)
            result = original(outputs, *args, **kwargs)
            name = "autograd.grad"
            with self._guest(name):
                site = recorder.sites.here()
                self.record_all(EventKind.GRADIENT, Phase.BACKWARD, name, result, site=site)
            self._end_backward()
            return result

        return grad

    def _end_backward(self) -> None:
        self._end_initialisation()
        self._steps.end_backward()
        self.record_streams()
        self.recorder.end_backward()

    def _end_initialisation(self) -> None:
        if self.initialisation is not None:
            self.initialisation.end()
            self.initialisation = None

    def _is_being_traced(self, outputs: Any) -> bool:
        with self._guest(LOSS):
            return is_being_traced(outputs)
        return False

    def _record_losses(self, tensors: Any) -> None:
        with self._guest(LOSS):
            # One frame more than elsewhere: the wrapper calls this, and the program the wrapper.
            site = self.recorder.sites.here(3)
            self.record_all(EventKind.OUTPUT, Phase.FORWARD, LOSS, tensors, site=site)

    def _record_leaves(self, leaves: list[torch.Tensor]) -> None:
        self._record_gradients((leaf, leaf.grad) for leaf in leaves)

    def _record_gradients(self, gradients: Gradients) -> None:
        with self._guest("some gradients"):
            for index, (leaf, gradient) in enumerate(gradients):
                if gradient is None:
                    continue
                name = self.names.parameter(leaf)
                if name is None:
                    name = f"leaf[{index}]"
                self._try_to_record(EventKind.GRADIENT, Phase.BACKWARD, name, gradient)

    # -- optimizers

    def _wrap_optimizer_init(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def __init__(optimizer: Any, /, *args: Any, **kwargs: Any) -> None:
            self.recorder.has_optimizer = True
            original(optimizer, *args, **kwargs)

        return __init__

    def _end_optimizer_step(self) -> None:
        self._end_initialisation()
        self.record_streams()
        self.recorder.end_optimizer_step()

    def _record_group_tensors(self, optimizer: torch.optim.Optimizer, kind: EventKind) -> None:
        is_gradient = kind == EventKind.GRADIENT
        phase = Phase.BACKWARD if is_gradient else Phase.OPTIMIZER
        with self._guest(f"some {kind.name.lower()}s"):
            trains_with_others = is_one_of_several()
            for group_number, group in enumerate(optimizer.param_groups):
                for number, parameter in enumerate(group["params"]):
                    tensor = parameter.grad if is_gradient else parameter
                    if tensor is None:
                        continue
                    name = self.names.parameter(parameter)
                    if name is None:
                        name = f"group{group_number}[{number}]"
                    ranks = ""
                    if trains_with_others:
                        ranks = self._replicas.ranks_of(parameter, optimizer)
                    self._try_to_record(kind, phase, name, tensor, ranks=ranks)
        if is_gradient:
            self._replicas.record_before_step(optimizer)

    def record_initial(self, model: torch.nn.Module) -> None:
        """Learn the model's names, and record its parameters and buffers as they are now.

        Not in one of several ranks: there STATE says what an optimizer finds, and a rank may hold a
        share of its own.
        """
        self.names.root(model)
        if is_one_of_several():
            return
        with self._guest("the initial parameters"):
            for own, tensor in (*model.named_parameters(), *model.named_buffers()):
                name = self.names.parameter(tensor) or own
                self._try_to_record(EventKind.STATE, Phase.INITIALISATION, name, tensor)

    # -- data

    def _wrap_next(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(original)
        def __next__(iterator: Any) -> Any:
            recorder = self.recorder
            state = recorder.state
            if not recorder.active or state.inside:
                return original(iterator)
            if recorder.overtime is not None:
                recorder.end_overtime()
            outer = state.phase
            state.phase = Phase.DATA
            try:
                batch = original(iterator)
            finally:
                state.phase = outer
            with self._guest("a batch"):
                site = recorder.sites.here()
                self.record_all(EventKind.BATCH, Phase.DATA, "batch", batch, site=site)
            return batch

        return __next__

    # -- random streams

    def record_streams(self) -> None:
        """Record the states of the global random streams.

        They show which stream differed, and which was drawn from.
        """
        recorder = self.recorder
        writer = recorder.writer
        with self._guest("the states of random streams"):
            for name, state in self._streams.digests():
                at = recorder.moment(Phase.DATA)
                writer.add_stream_state(at=at, stream=name, state=state)

    def _guest(self, what: str) -> Guest:
        return Guest(self.recorder, what)
