"""Running the subject: a script as `__main__`, a callable as a step, or a step around a module."""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import os
import runpy
import sys
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from reproaudit.config.portions import Portions
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import UsageError
from reproaudit.record.process.inputs import make_inputs
from reproaudit.record.process.leading import pause_among_imports
from reproaudit.record.process.turn import Turn

if TYPE_CHECKING:
    import torch

    from reproaudit.record.session import Recorder

_MOST_NAMES_TOLD = 12
_BUILT_STEP_LEARNING_RATE = 0.01


def prepare_path(spec: SubjectSpec) -> None:
    """Make `sys.argv`, and what comes first in `sys.path`, what they would be without us."""
    name = "-m" if spec.kind is SubjectKind.MODULE else spec.path or spec.module
    sys.argv = [name, *spec.argv]
    if getattr(sys.flags, "safe_path", False):
        return
    if spec.path and spec.kind not in (SubjectKind.PYTEST, SubjectKind.NOTEBOOK):
        sys.path.insert(0, os.path.dirname(os.path.realpath(spec.path)))
    else:
        sys.path.insert(0, os.getcwd())


def run_pytest(spec: SubjectSpec) -> None:
    """Run one test as `python -m pytest` would."""
    sys.argv = ["pytest", f"{spec.path}::{spec.attribute}", *spec.argv]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


def run_script(spec: SubjectSpec, turn: Turn | None = None) -> None:
    """Execute the script in a fresh `__main__` module, as the interpreter would.

    With a `turn` it pauses among its first imports until that has come; one that fails before then
    is left to a process that does nothing before it.
    """
    try:
        main, codes = _enter_main(os.path.abspath(spec.path), turn)
        for code in codes:
            exec(code, main.__dict__)
    except BaseException:
        if turn is not None and not turn.has_come:
            turn.begin_anew()
        raise


def _enter_main(path: str, turn: Turn | None) -> tuple[ModuleType, Iterable[CodeType]]:
    """Return a fresh `__main__` for a script, and what is to be executed in it."""
    with io.open_code(path) as file:
        source = file.read()
    codes: Iterable[CodeType]
    if turn is None:
        # What holds for this file holds for no other: our annotations are never evaluated.
        codes = [compile(source, path, "exec", dont_inherit=True)]
    else:
        codes = pause_among_imports(source, path, turn)
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
    return main, codes


def run_module(spec: SubjectSpec) -> None:
    """Execute the module in a fresh `__main__`, as `python -m` would.

    Raises UsageError if it is not there, or is a package without a `__main__`.
    """
    found = _find_module(spec.module)
    assert found.loader is not None
    code = found.loader.get_code(found.name)  # type: ignore[attr-defined]
    if code is None:
        raise UsageError(f"{spec.module} has no code to run", code="subject-import")
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=found.origin,
        __builtins__=builtins,
        __cached__=found.cached,
        __spec__=found,
        __loader__=found.loader,
        __package__=found.parent,
        __annotations__={},
    )
    sys.argv[0] = found.origin or spec.module
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _find_module(name: str) -> importlib.machinery.ModuleSpec:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        # A parent that is there may fail to find what it imports: that is the program's error.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        found = None
    if found is not None and found.submodule_search_locations is not None:
        found = _find_module(f"{name}.__main__")
    if found is None:
        raise UsageError(
            f"there is no module {name!r}",
            code="subject-import",
            hint=f"is it a file below {os.getcwd()}, or installed for {sys.executable}?",
        )
    return found


def load_attribute(spec: SubjectSpec) -> Any:
    """Import the subject's module and return the named attribute.

    Dots reach into classes and objects.
    """
    module = _import_file(spec.path) if spec.path else importlib.import_module(spec.module)
    return _find_attribute(module, spec.path or spec.module, spec.attribute)


def _find_attribute(module: ModuleType, path: str, attribute: str) -> Any:
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise UsageError(
                f"{path!r} has no {attribute!r}",
                code="subject-attribute",
                hint="it has: " + ", ".join(_public_callables(module)[:_MOST_NAMES_TOLD]),
            ) from None
    return value


def _load_from(path: str, attribute: str) -> Any:
    """Return an attribute of a file, which may be that of the subject and is then loaded once."""
    name = os.path.splitext(os.path.basename(path))[0]
    loaded = sys.modules.get(name)
    is_loaded = getattr(loaded, "__file__", None) == os.path.abspath(path)
    module = loaded if loaded is not None and is_loaded else _import_file(path)
    return _find_attribute(module, path, attribute)


def _import_file(path: str) -> ModuleType:
    name = os.path.splitext(os.path.basename(path))[0]
    found = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if found is None or found.loader is None:
        raise UsageError(f"cannot import {path!r}", code="subject-import")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


def _public_callables(module: ModuleType) -> list[str]:
    public = [name for name in vars(module) if not name.startswith("_")]
    return sorted(name for name in public if callable(getattr(module, name)))


def run_attribute(
    spec: SubjectSpec,
    recorder: Callable[[], Recorder | None],
    *,
    device: str | None,
    seed: int | None,
    portions: Portions | None = None,
) -> None:
    """Call the named training step until the recorder has seen enough.

    Around a module, or a class of modules, a step is built; with `portions` it is asked for a batch
    instead. A callable that inputs are given for is asked for them as a batch, too. `recorder` is
    asked only after the subject has imported torch.
    """
    target = load_attribute(spec)
    import torch

    is_class = isinstance(target, type) and issubclass(target, torch.nn.Module)
    is_module = is_class or isinstance(target, torch.nn.Module)
    if portions is not None or (spec.has_inputs and not is_module):
        step = _build_asking(
            target, spec, portions, recorder, device=device or "cpu", seed=seed or 0
        )
    elif is_module:
        step = _build_module_step(target, spec, device=device or "cpu", seed=seed or 0)
    elif callable(target):
        step = _build_callable_step(target, device)
    else:
        raise _refuse_kind(spec, target)
    live = recorder()
    if live is not None:
        live.begin_calls()
    calls = 1 if live is None or live.plan.steps is None else live.plan.steps
    for _ in range(calls):
        before = live.step if live is not None else 0
        result = step()
        if live is not None:
            live.end_call(result, stepped=live.step > before)


def _refuse_kind(spec: SubjectSpec, target: object) -> UsageError:
    return UsageError(
        f"{spec.attribute!r} is a {type(target).__name__}, not a callable or a module",
        code="subject-kind",
    )


def _build_callable_step(target: Callable[..., Any], device: str | None) -> Callable[[], Any]:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]
    required = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name != "device"
    ]
    if required:
        raise UsageError(
            f"the training step needs arguments that nobody gives: {', '.join(required)}",
            code="subject-arguments",
            hint="name a callable without required arguments, or with `device` alone",
        )
    if "device" in parameters:
        return functools.partial(target, device=device or "cpu")
    return target


def _build_asking(
    target: Any,
    spec: SubjectSpec,
    portions: Portions | None,
    recorder: Callable[[], Recorder | None],
    *,
    device: str,
    seed: int,
) -> Callable[[], Any]:
    """Return what asks a callable or a module for the answers to a batch."""
    import torch

    from reproaudit.record.process.answers import Asking
    from reproaudit.record.process.batches import gather_given
    from reproaudit.record.process.parts import Training

    if isinstance(target, type) and issubclass(target, torch.nn.Module):
        torch.manual_seed(seed)
        target = target()
    if not callable(target):
        raise _refuse_kind(spec, target)
    if isinstance(target, torch.nn.Module):
        target = target.to(device)
    parts = None if portions is None else portions.parts
    if parts is not None and isinstance(target, torch.nn.Module):
        target = _build_loss(target)
    args, kwargs = make_inputs(spec, _load_from, device=device, seed=seed)
    given = gather_given(args, kwargs)
    if parts is not None:
        return lambda: Training(target, given, parts, recorder()).train()

    def ask() -> Any:
        return Asking(target, given, portions or Portions(), recorder()).ask()

    return ask


def _build_loss(module: torch.nn.Module) -> Callable[..., torch.Tensor]:
    """Return what computes a loss: the sum, over all outputs of floating point, of their mean
    square."""
    import torch

    from reproaudit.record.boundary.contents import find_named_tensors

    def compute_loss(*inputs: Any, **named: Any) -> torch.Tensor:
        tensors = [tensor for _, tensor in find_named_tensors(module(*inputs, **named), "output")]
        outputs = [
            tensor for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()
        ]
        return torch.stack([output.abs().square().mean().double() for output in outputs]).sum()

    return compute_loss


def _build_module_step(
    target: Any, spec: SubjectSpec, *, device: str, seed: int
) -> Callable[[], torch.Tensor]:
    """Build a step: seeded weights and inputs, a loss, a backward pass, SGD."""
    import torch

    torch.manual_seed(seed)
    module = target() if isinstance(target, type) else target
    module = module.to(device)
    inputs, named = make_inputs(spec, _load_from, device=device, seed=seed)
    if not inputs and not named:
        raise UsageError(
            f"{spec.attribute!r} is a module: its inputs are not known",
            code="module-inputs",
            hint="give their dtypes and shapes, for example --inputs float32[8,3,32,32]",
        )
    parameters = list(module.parameters())
    optimizer = torch.optim.SGD(parameters, lr=_BUILT_STEP_LEARNING_RATE) if parameters else None

    compute_loss = _build_loss(module)

    def step() -> torch.Tensor:
        if optimizer is not None:
            optimizer.zero_grad()
        loss = compute_loss(*inputs, **named)
        if loss.requires_grad:
            loss.backward()
            if optimizer is not None:
                optimizer.step()
        return loss.detach()

    return step
