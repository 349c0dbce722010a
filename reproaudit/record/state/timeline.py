"""Records when seeds and determinism flags are set, and what had already been built by then."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from reproaudit.model.events import Phase
from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.process.settings_watch import VARIABLES, Setting, SettingWatch
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import SET_CUBLAS_TF32, SET_PRECISION, LoaderIterator
from reproaudit.trace.schema import NO_LOCATION
from reproaudit.trace.words import CUDA_CONTEXT, MODEL_PREFIX, STARTED_LOADER, TORCH_IMPORTED

_MOST_SETTINGS = 256
_MOST_LOOKS = 48
_MOST_NAMED = 8
_FUNCTIONS = (
    "use_deterministic_algorithms",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_threads",
    "set_num_interop_threads",
    "set_default_dtype",
    "set_default_device",
)
_WORDS = {Optimizer: "optimizer", DataLoader: "loader"}
_ATTENTION = ("flash", "mem_efficient", "math", "cudnn")
_getpid = os.getpid


class Timeline:
    """Listens to what is set, in the process that trains."""

    def __init__(self, recorder: Recorder, patches: Patches, watch: SettingWatch) -> None:
        self._recorder = recorder
        self._patches = patches
        self._watch = watch
        self._pid = _getpid()
        self._settings = 0
        self._looks = 0
        self._looked_at: tuple[Any, ...] = ()
        self._made: tuple[str, ...] = ()

    def install(self) -> None:
        """Write what waits, and watch what torch has."""
        waiting = list(self._watch.waiting)
        self._watch.waiting.clear()
        for setting in waiting:
            self._write(setting, ())
        self._watch.listener = self._record
        for owner in (torch, torch.random):
            self._watch.watch(owner, "manual_seed", "torch.manual_seed")
            self._watch.watch(owner, "seed", "torch.seed")
        for name in ("manual_seed", "manual_seed_all", "seed", "seed_all"):
            self._watch.watch(torch.cuda, name, f"torch.cuda.{name}")
        for name in ("manual_seed", "seed"):
            original = getattr(torch.Generator, name)
            wrapper = self._watch.wrap(original, f"torch.Generator.{name}", skip=1)
            replace_member(self._patches, torch.Generator, name, wrapper)
        for name in _FUNCTIONS:
            self._watch.watch(torch, name, f"torch.{name}")
        for name in _ATTENTION:
            function = f"enable_{name}_sdp"
            self._watch.watch(torch.backends.cuda, function, f"torch.backends.cuda.{function}")
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32"):
            # The descriptor has bound the function that sets the flag.
            descriptor = vars(type(torch.backends.cudnn))[name]
            self._wrap_setter(descriptor, "setter", f"torch.backends.cudnn.{name}")
        tf32, precision = SET_CUBLAS_TF32, SET_PRECISION
        self._wrap_setter(tf32.owner, tf32.name, "torch.backends.cuda.matmul.allow_tf32")
        self._wrap_setter(precision.owner, precision.name, _name_precision, skip=2)

    def _wrap_setter(
        self, owner: Any, name: str, what: str | Callable[[Any], str], *, skip: int = 0
    ) -> None:
        wrapper = self._watch.wrap(getattr(owner, name), what, skip=skip, is_setter=True)
        self._patches.replace(owner, name, wrapper)

    def _record(self, setting: Setting) -> None:
        recorder = self._recorder
        if _getpid() != self._pid or not recorder.listens() or recorder.is_child:
            return
        self._write(setting, self._find_made(setting))

    def _write(self, setting: Setting, made: tuple[str, ...]) -> None:
        self._settings += 1
        if self._settings > _MOST_SETTINGS:
            return
        recorder = self._recorder
        site = NO_LOCATION
        if setting.place is not None:
            filename, line, function, cell = setting.place
            shown = recorder.sites.shown(filename)
            site = recorder.writer.location(shown, line, function, cell)
        recorder.writer.add_setting(
            at=recorder.moment(Phase.DATA, site),
            what=setting.what,
            value=setting.value,
            by="" if setting.below is None else setting.below.function,
            made=made,
        )

    def _find_made(self, setting: Setting) -> tuple[str, ...]:
        """Return what exists by now. A function that sets several things is looked at once."""
        looked_at = (setting.place, setting.below, self._recorder.step)
        if looked_at != self._looked_at and self._looks < _MOST_LOOKS:
            self._looks += 1
            self._looked_at = looked_at
            self._made = tuple(dict.fromkeys(_list_made()))[:_MOST_NAMED]
        # What a variable of the environment decides is mostly read when torch is imported.
        return (TORCH_IMPORTED, *self._made) if setting.what in VARIABLES else self._made


def _name_precision(args: Any) -> str:
    backend, op = args[:2]
    return f"torch.backends.{backend}.{op}.fp32_precision"


def _list_made() -> Iterator[str]:
    """Yield the classes of models, optimizers and loaders that exist, and the device's context.

    The garbage collector knows them all: nothing need be wrapped to follow what is built.
    """
    models: list[torch.nn.Module] = []
    others: list[str] = []
    kinds: dict[type, type | None] = {}
    for value in gc.get_objects():
        kind = type(value)
        if kind not in kinds:
            kinds[kind] = _find_base(kind)
        base = kinds[kind]
        if base is torch.nn.Module:
            models.append(value)
        elif base is LoaderIterator:
            others.append(STARTED_LOADER)
        elif base is not None:
            others.append(f"{_WORDS[base]} {kind.__name__}")
    inner = {id(child) for model in models for child in _list_children(model)}
    for model in models:
        if id(model) not in inner and _has_parameters(model):
            yield f"{MODEL_PREFIX}{type(model).__name__}"
    yield from others
    if torch.cuda.is_initialized():
        yield CUDA_CONTEXT


def _find_base(kind: type) -> type | None:
    for base in (torch.nn.Module, Optimizer, DataLoader, LoaderIterator):
        if base in kind.__mro__:
            return base
    return None


def _list_children(model: torch.nn.Module) -> Iterator[Any]:
    # By its own dictionary: a class of the program may answer otherwise.
    children = vars(model).get("_modules")
    return iter(children.values() if isinstance(children, dict) else ())


def _has_parameters(model: torch.nn.Module) -> bool:
    waiting: list[Any] = [model]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, torch.nn.Module) or id(one) in seen:
            continue
        seen.add(id(one))
        own = vars(one).get("_parameters") or {}
        if any(parameter is not None for parameter in own.values()):
            return True
        waiting += _list_children(one)
    return False
