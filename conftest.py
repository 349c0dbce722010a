"""Holds every test to leaving the process as it found it, to repeatable examples, and to a GPU
where it needs one."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# The same examples in each run, and none fails for being slow on a busy machine.
settings.register_profile(
    "same-everywhere", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same-everywhere")
SLOW_TIMEOUT_S = (
    600  # slow tests start processes, and a busy machine is many times slower than an idle one
)

ABSENT = object()  # the library is not imported, so there is nothing to look at
OTHERS_OWN = frozenset(
    {"PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR"}
)  # pytest, and torch at its first compile
TORCH_HOOKS = (
    ("torch.nn.modules.module", "_global_forward_hooks"),
    ("torch.nn.modules.module", "_global_forward_pre_hooks"),
    ("torch.nn.modules.module", "_global_backward_hooks"),
    ("torch.nn.modules.module", "_global_backward_pre_hooks"),
    ("torch.nn.modules.module", "_global_buffer_registration_hooks"),
    ("torch.nn.modules.module", "_global_module_registration_hooks"),
    ("torch.nn.modules.module", "_global_parameter_registration_hooks"),
    ("torch.optim.optimizer", "_global_optimizer_pre_hooks"),
    ("torch.optim.optimizer", "_global_optimizer_post_hooks"),
)
PATCHABLE = (
    ("builtins", ("open", "__import__")),
    ("os", ("urandom", "listdir", "scandir", "fork", "getpid", "_exit")),
    ("random", ("random", "seed", "shuffle", "randint")),
    ("time", ("time", "time_ns", "perf_counter", "monotonic")),
    ("uuid", ("uuid1", "uuid4")),
    ("threading.Thread", ("start", "run")),
    ("queue.Queue", ("get",)),
    ("numpy.random", ("rand", "seed", "default_rng")),
    (
        "torch",
        ("from_numpy", "frombuffer"),
    ),  # not `manual_seed`: torch replaces it itself when it imports Dynamo
    ("torch.utils.data.DataLoader", ("__iter__",)),
    ("torch.Tensor", ("backward", "numpy")),
)


@dataclass(frozen=True)
class Part:
    """One part of the process: how to read it, what a fresh import of its library shows, how to put
    it back."""

    name: str
    read: Callable[[], Any]
    pristine: Any = ABSENT  # compared with when torch was first imported by the test itself
    put_back: Callable[[Any], None] | None = None


def _torch_dispatch_modes() -> Any:
    if "torch" not in sys.modules:
        return ABSENT
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

    return tuple(type(mode).__name__ for mode in _get_current_dispatch_mode_stack())


def _pop_dispatch_modes(before: Any) -> None:
    from torch.utils._python_dispatch import _get_current_dispatch_mode_stack, _pop_mode

    while len(_get_current_dispatch_mode_stack()) > len(before):
        _pop_mode()


def _torch_function_modes() -> Any:
    if "torch" not in sys.modules:
        return ABSENT
    stack = sys.modules["torch"].overrides._get_current_function_mode_stack()
    return tuple(type(mode).__name__ for mode in stack)


def _pop_function_modes(before: Any) -> None:
    overrides = sys.modules["torch"].overrides
    while len(overrides._get_current_function_mode_stack()) > len(before):
        overrides._pop_mode()


def _torch_hooks() -> Any:
    if "torch" not in sys.modules:
        return ABSENT
    return tuple(
        f"{name}: {hook!r}"
        for module, name in TORCH_HOOKS
        if module in sys.modules
        for hook in getattr(sys.modules[module], name).values()
    )


def _torch_flags() -> Any:
    torch = sys.modules.get("torch")
    if torch is None:
        return ABSENT
    return (
        ("deterministic algorithms", torch.are_deterministic_algorithms_enabled()),
        ("deterministic warn only", torch.is_deterministic_algorithms_warn_only_enabled()),
        ("fill uninitialized memory", torch.utils.deterministic.fill_uninitialized_memory),
        ("cudnn benchmark", torch.backends.cudnn.benchmark),
        ("cudnn deterministic", torch.backends.cudnn.deterministic),
        ("default dtype", torch.get_default_dtype()),
        ("grad enabled", torch.is_grad_enabled()),
        ("anomaly mode", torch.is_anomaly_enabled()),
    )


def _put_back_torch_flags(flags: Any) -> None:
    torch, before = sys.modules["torch"], dict(flags)
    torch.use_deterministic_algorithms(
        before["deterministic algorithms"], warn_only=before["deterministic warn only"]
    )
    torch.utils.deterministic.fill_uninitialized_memory = before["fill uninitialized memory"]
    torch.backends.cudnn.benchmark = before["cudnn benchmark"]
    torch.backends.cudnn.deterministic = before["cudnn deterministic"]
    torch.set_default_dtype(before["default dtype"])
    torch.set_grad_enabled(before["grad enabled"])
    torch.autograd.set_detect_anomaly(before["anomaly mode"])


def _torch_threads() -> Any:
    return sys.modules["torch"].get_num_threads() if "torch" in sys.modules else ABSENT


def _put_back_torch_threads(count: int) -> None:
    sys.modules["torch"].set_num_threads(count)


def _torch_random() -> Any:
    return (
        sys.modules["torch"].get_rng_state().numpy().tobytes() if "torch" in sys.modules else ABSENT
    )


def _put_back_torch_random(state: bytes) -> None:
    torch = sys.modules["torch"]
    torch.set_rng_state(torch.tensor(list(state), dtype=torch.uint8))


def _numpy_random() -> Any:
    if "numpy.random" not in sys.modules:
        return ABSENT
    state = sys.modules["numpy.random"].get_state(legacy=False)
    inner = state["state"]
    return (
        state["bit_generator"],
        inner["key"].tobytes(),
        inner["pos"],
        state["has_gauss"],
        state["gauss"],
    )


def _put_back_numpy_random(state: Any) -> None:
    import numpy as np

    name, key, position, has_gauss, gauss = state
    np.random.set_state((name, np.frombuffer(key, dtype=np.uint32), position, has_gauss, gauss))


def _environment() -> Any:
    return {name: value for name, value in os.environ.items() if name not in OTHERS_OWN}


def _put_back_environment(before: Any) -> None:
    own = {name: os.environ[name] for name in OTHERS_OWN if name in os.environ}
    os.environ.clear()
    os.environ.update({**before, **own})


def _put_back_path(before: Any) -> None:
    sys.path[:] = before


def _put_back_finders(before: Any) -> None:
    sys.meta_path[:] = before


def _patchable() -> Any:
    """Return the functions that a recorder may replace while it records."""
    found = {}
    for owner_name, attributes in PATCHABLE:
        last = owner_name.rpartition(".")[2]
        module_name, type_name = (
            (owner_name[: -len(last) - 1], last) if last[0].isupper() else (owner_name, "")
        )
        owner: Any = sys.modules.get(module_name, ABSENT)
        if type_name and owner is not ABSENT:
            owner = getattr(owner, type_name, ABSENT)
        for name in attributes:
            found[f"{owner_name}.{name}"] = ABSENT if owner is ABSENT else vars(owner).get(name)
    return found


PARTS = (
    # First, because a mode that is left on would see how the other parts are read.
    Part("torch-modes", _torch_dispatch_modes, pristine=(), put_back=_pop_dispatch_modes),
    Part("torch-function-modes", _torch_function_modes, pristine=(), put_back=_pop_function_modes),
    Part("torch-hooks", _torch_hooks, pristine=()),
    Part("torch-flags", _torch_flags, put_back=_put_back_torch_flags),
    Part("torch-threads", _torch_threads, put_back=_put_back_torch_threads),
    Part("torch-random", _torch_random, put_back=_put_back_torch_random),
    Part("numpy-random", _numpy_random, put_back=_put_back_numpy_random),
    Part("python-random", random.getstate, put_back=random.setstate),
    Part("environment", _environment, put_back=_put_back_environment),
    Part("cwd", os.getcwd, put_back=os.chdir),
    Part("sys-path", lambda: tuple(sys.path), put_back=_put_back_path),
    Part("import-finders", lambda: tuple(sys.meta_path), put_back=_put_back_finders),
    Part(
        "trace-functions", lambda: (threading.gettrace(), threading.getprofile(), sys.getprofile())
    ),
    Part("patched-functions", _patchable),
)
RANDOM_PARTS = ("python-random", "numpy-random", "torch-random")


@pytest.fixture(autouse=True)
def process_is_left_as_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a part of the process changed; put back what can be, for the tests
    after it.

    `@pytest.mark.leaves("environment", reason="…")` allows it, `@pytest.mark.seeded` allows draws
    from seeded random states. Hypothesis seeds Python's and NumPy's states for each example and
    puts them back itself; torch's it leaves alone, so a property test that draws from torch uses a
    `torch.Generator` or `seeded`.
    """
    allowed = _allowed_parts(request.node)
    before = {part.name: part.read() for part in PARTS}
    seeded = request.node.get_closest_marker("seeded")
    if seeded is not None:
        _seed(*seeded.args, **seeded.kwargs)
    yield
    leaks = []
    for part in PARTS:
        left = part.read()
        expected = _expected(part, before[part.name], left)
        if left == expected:
            continue
        if part.put_back is not None:
            part.put_back(expected)
        if part.name not in allowed:
            leaks.append(f"{part.name}: {_change(expected, left)}")
    if leaks:
        hint = (
            "put it back (monkeypatch, a context manager), mark random tests `seeded`, "
            "or `leaves(part, reason=…)`"
        )
        pytest.fail(
            "the test left the process changed\n  " + "\n  ".join(leaks) + f"\n{hint}",
            pytrace=False,
        )


def _expected(part: Part, before: Any, left: Any) -> Any:
    """Return what must be there now. What a library shows whose first import was in the test is
    taken as it is."""
    if left is ABSENT:
        return ABSENT
    if before is ABSENT:
        return left if part.pristine is ABSENT else part.pristine
    if part.read is _patchable:
        return {name: left[name] if value is ABSENT else value for name, value in before.items()}
    return before


def _allowed_parts(item: pytest.Item) -> frozenset[str]:
    names = {part.name for part in PARTS}
    allowed = set(RANDOM_PARTS) if item.get_closest_marker("seeded") else set()
    for marker in item.iter_markers("leaves"):
        if not marker.kwargs.get("reason") or not marker.args or not names.issuperset(marker.args):
            pytest.fail(
                f"leaves() takes parts out of {', '.join(sorted(names))} and a reason=",
                pytrace=False,
            )
        allowed.update(marker.args)
    return frozenset(allowed)


def _seed(seed: int = 0) -> None:
    random.seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _change(before: Any, after: Any) -> str:
    """Name what differs, in one line: keys of mappings, items of tuples, nothing of a random
    state's bytes."""
    if isinstance(before, dict):
        names = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
        return ", ".join(f"{name}: {before.get(name)!r} -> {after.get(name)!r}" for name in names)[
            :500
        ]
    if isinstance(before, tuple) and len(repr((before, after))) < 5000:
        gone = [item for item in before if item not in after]
        come = [item for item in after if item not in before]
        return f"{gone} -> {come}" if gone or come else "another order or count"
    return "another state" if isinstance(before, (bytes, tuple)) else f"{before!r} -> {after!r}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device, and torch sees none here")


@pytest.fixture(autouse=True)
def _backend_flags_may_be_set() -> None:
    """Undo what importing PyTorch's own op_db does to the whole process: it forbids to set flags of
    backends."""
    # Not by monkeypatch: it would be set up before, and undone after, the fixture that looks what a
    # test has left.
    frozen = getattr(sys.modules.get("torch.backends"), "flags_frozen", None)
    if frozen is not None:
        frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True
