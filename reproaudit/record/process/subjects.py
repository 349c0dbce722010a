"""Running the subject: a script as `__main__`, a callable as a training step, or a step built
around a module."""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import os
import runpy
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reproaudit.config.subject import InputSpec, SubjectKind, SubjectSpec
from reproaudit.errors import UsageError

if TYPE_CHECKING:
    import torch

    from reproaudit.record.session import Recorder

_INTEGER_INPUTS_BELOW = 10
_BUILT_STEP_LEARNING_RATE = 0.01


def prepare_path(spec: SubjectSpec) -> None:
    """Make `sys.path[0]` and `sys.argv` what they would be without us."""
    sys.argv = [spec.path or spec.module, *spec.argv]
    is_in_folder = spec.path and spec.kind is not SubjectKind.PYTEST
    sys.path[0] = os.path.dirname(os.path.realpath(spec.path)) if is_in_folder else os.getcwd()


def run_pytest(spec: SubjectSpec) -> None:
    """Run one test as `python -m pytest` would."""
    sys.argv = ["pytest", f"{spec.path}::{spec.attribute}", *spec.argv]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


def run_script(spec: SubjectSpec) -> None:
    """Execute the script in a fresh `__main__` module, as the interpreter would."""
    path = os.path.abspath(spec.path)
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec")
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __cached__=None,
        __spec__=None,
        __loader__=importlib.machinery.SourceFileLoader("__main__", path),
        __annotations__={},
    )
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def load_attribute(spec: SubjectSpec) -> Any:
    """Import the subject's module and return the named attribute; dots reach into classes and
    objects."""
    if spec.path:
        name = os.path.splitext(os.path.basename(spec.path))[0]
        found = importlib.util.spec_from_file_location(name, os.path.abspath(spec.path))
        if found is None or found.loader is None:
            raise UsageError(f"cannot import {spec.path!r}", code="subject-import")
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)
    else:
        module = importlib.import_module(spec.module)
    value: Any = module
    for part in spec.attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            near = [
                name
                for name in vars(module)
                if not name.startswith("_") and callable(getattr(module, name))
            ]
            raise UsageError(
                f"{spec.path or spec.module!r} has no {spec.attribute!r}",
                code="subject-attribute",
                hint="it has: " + ", ".join(sorted(near)[:12]),
            ) from None
    return value


def run_attribute(
    spec: SubjectSpec, recorder: Callable[[], Recorder | None], device: str | None, seed: int | None
) -> None:
    """Call the named training step until the recorder has seen enough, or build a step around a
    module."""
    target = load_attribute(spec)
    import torch

    if isinstance(target, torch.nn.Module) or (
        isinstance(target, type) and issubclass(target, torch.nn.Module)
    ):
        step = _module_step(target, spec, device, 0 if seed is None else seed)
    elif callable(target):
        step = _callable_step(target, device)
    else:
        raise UsageError(
            f"{spec.attribute!r} is a {type(target).__name__}, not a callable or a module",
            code="subject-kind",
        )
    live = recorder()
    calls = 1 if live is None or live.plan.steps is None else live.plan.steps
    for _ in range(calls):
        before = live.step if live is not None else 0
        result = step()
        if live is not None:
            live.end_call(result, live.step > before)


def _callable_step(target: Callable[..., Any], device: str | None) -> Callable[[], Any]:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]
    required = [
        name
        for name, p in parameters.items()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and name != "device"
    ]
    if required:
        raise UsageError(
            f"the training step needs arguments that nobody gives: {', '.join(required)}",
            code="subject-arguments",
            hint="name a callable without required arguments, or with `device` alone",
        )
    if "device" in parameters:
        return lambda: target(device=device or "cpu")
    return target


def _module_step(
    target: Any, spec: SubjectSpec, device: str | None, seed: int
) -> Callable[[], torch.Tensor]:
    """Build a step: seeded weights and inputs, mean square of the floating outputs as loss,
    backward, SGD."""
    import torch

    torch.manual_seed(seed)
    module = target() if isinstance(target, type) else target
    module = module.to(device or "cpu")
    generator = torch.Generator().manual_seed(seed)
    inputs = [_input(wanted, generator).to(device or "cpu") for wanted in spec.inputs]
    if not inputs:
        raise UsageError(
            f"{spec.attribute!r} is a module: its inputs are not known",
            code="module-inputs",
            hint="give their dtypes and shapes, for example --inputs float32[8,3,32,32]",
        )
    parameters = list(module.parameters())
    optimizer = torch.optim.SGD(parameters, lr=_BUILT_STEP_LEARNING_RATE) if parameters else None

    def step() -> torch.Tensor:
        from reproaudit.record.boundary.watch import tensors_in

        if optimizer is not None:
            optimizer.zero_grad()
        outputs = [
            t
            for _, t in tensors_in(module(*inputs), "output")
            if t.is_floating_point() or t.is_complex()
        ]
        loss = torch.stack([output.abs().square().mean().double() for output in outputs]).sum()
        if loss.requires_grad:
            loss.backward()
            if optimizer is not None:
                optimizer.step()
        return loss.detach()

    return step


def _input(wanted: InputSpec, generator: torch.Generator) -> torch.Tensor:
    import torch

    dtype, shape = getattr(torch, wanted.dtype), wanted.shape
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=generator).bool()
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(
            shape, generator=generator, dtype=torch.complex64 if dtype.is_complex else torch.float32
        ).to(dtype)
    return torch.randint(
        0, _INTEGER_INPUTS_BELOW, shape, generator=generator, dtype=torch.int64
    ).to(dtype)
