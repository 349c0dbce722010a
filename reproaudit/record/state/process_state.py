"""The random streams and flags of this process: kept, put back and seeded between repetitions."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from reproaudit.record import torch_private
from reproaudit.record.state import flags

# Bound now: the program, and the recorder itself, may replace them.
_python_state = random.getstate
_set_python_state = random.setstate
_seed_python = random.seed
_torch_state = torch.default_generator.get_state
_set_torch_state = torch.default_generator.set_state
_set_num_threads = torch.set_num_threads
_PRECISIONS = (("cuda", "matmul"), ("mkldnn", "matmul"), ("cuda", "conv"), ("cuda", "rnn"))


def _flags() -> tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...]:
    """Return how to read and how to set each flag that numerics depend on."""
    cudnn = torch.backends.cudnn
    return (
        (flags.read_flag, flags.set_for_program),
        (torch.get_num_threads, _set_num_threads),
        (torch.get_default_dtype, torch_private.set_default_dtype),
        (_precision, _set_precision),
        (torch.is_grad_enabled, torch_private.set_grad_enabled),
        (lambda: cudnn.benchmark, lambda value: setattr(cudnn, "benchmark", value)),
        (lambda: cudnn.deterministic, lambda value: setattr(cudnn, "deterministic", value)),
    )


def _precision() -> tuple[str, ...]:
    """Return what is allowed instead of float32, by backend and op.

    Not by `allow_tf32` and `get_float32_matmul_precision`: they raise once code has used
    `fp32_precision`, and torch 2.9.0 warns of them.
    """
    return tuple(torch_private.get_precision(*where) for where in _PRECISIONS)


def _set_precision(values: tuple[str, ...]) -> None:
    """Set it by the old way and then by the new one: torch checks that both say the same."""
    matmul, cpu, *cudnn = values
    if matmul != "tf32":
        torch_private.set_matmul_precision("highest")
    else:
        torch_private.set_matmul_precision("medium" if cpu == "bf16" else "high")
    torch_private.set_cudnn_tf32(set(cudnn) == {"tf32"})
    for where, value in zip(_PRECISIONS, values, strict=True):
        torch_private.set_precision(*where, value)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """The random streams of Python, NumPy (legacy) and torch, and flags, as they were."""

    python: Any
    numpy: Any  # None: numpy.random was not imported
    cpu: torch.Tensor
    cuda: tuple[torch.Tensor, ...]
    flags: tuple[Any, ...]

    @classmethod
    def capture(cls, *, with_flags: bool = True) -> ProcessState:
        """Read the state; initialises no device and draws nothing.

        Without flags only the streams can be put back.
        """
        if with_flags and "numpy" in sys.modules:
            # Else its stream would start, unseeded, in the first repetition.
            importlib.import_module("numpy.random")
        numpy_stream = _numpy_stream()
        return cls(
            python=_python_state(),
            numpy=None if numpy_stream is None else numpy_stream.get_state(legacy=False),
            cpu=_torch_state(),
            cuda=tuple(generator.get_state() for generator in _cuda_generators()),
            flags=tuple(read() for read, _ in _flags()) if with_flags else (),
        )

    def restore(self) -> None:
        """Put everything back.

        A flag is set only if it differs: setting some has effects of its own.
        """
        self.restore_streams()
        for (read, write), value in zip(_flags(), self.flags, strict=True):
            if read() != value:
                write(value)

    def restore_streams(self) -> None:
        """Put the random streams back, and no flag."""
        _set_python_state(self.python)
        numpy_stream = _numpy_stream()
        if numpy_stream is not None and self.numpy is not None:
            numpy_stream.set_state(self.numpy)
        _set_torch_state(self.cpu)
        for generator, state in zip(_cuda_generators(), self.cuda, strict=False):
            generator.set_state(state)


def seed_streams(seed: int) -> None:
    """Seed Python, NumPy's legacy generator if it is imported, and torch on every device.

    NumPy takes the lowest 32 bits of the seed.
    """
    _seed_python(seed)
    numpy_stream = _numpy_stream()
    if numpy_stream is not None:
        numpy_stream.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    for generator in _cuda_generators():
        generator.manual_seed(seed)


def _numpy_stream() -> Any:
    """Return NumPy's legacy global generator.

    None while numpy.random is not imported, or only in part.
    """
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _cuda_generators() -> tuple[torch.Generator, ...]:
    """Return the generators of CUDA devices.

    There are none before the program itself has initialised CUDA: asking would do it.
    """
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return ()
    return tuple(torch.cuda.default_generators)
