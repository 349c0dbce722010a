"""Digests of the random generators' states: Python, NumPy legacy, torch CPU and each CUDA device.

Nothing is drawn.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import torch
import xxhash

from reproaudit.record.torch_private import cuda_device

_getstate = random.getstate
_xxh128 = xxhash.xxh3_128_intdigest
_xxh64 = xxhash.xxh3_64_intdigest
_default_state = torch.default_generator.get_state
_MASK = (1 << 64) - 1


def _split(value: int) -> tuple[int, int]:
    return value & _MASK, value >> 64


def python_state() -> tuple[int, int]:
    """Return the digest of the state of Python's global generator."""
    return digest_python_state(_getstate())


def digest_python_state(state: object) -> tuple[int, int]:
    """Return the digest of what `random.getstate` gives."""
    return _split(_xxh128(repr(state).encode()))


def numpy_state() -> tuple[int, int] | None:
    """Return the digest of NumPy's legacy global state.

    None while the program has not imported numpy.random.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    return digest_numpy_state(numpy_random.mtrand._rand.get_state())


def digest_numpy_state(state: tuple[Any, ...]) -> tuple[int, int]:
    """Return the digest of what `numpy.random.get_state` gives."""
    name, keys, position, has_gauss, gauss = state
    rest = repr((str(name), int(position), int(has_gauss), float(gauss)))
    return _split(_xxh128(keys.tobytes() + rest.encode()))


def generator_state(generator: torch.Generator) -> tuple[int, int]:
    """Return the digest of one torch generator's state.

    On the CPU that is one of the Mersenne Twister, on CUDA a seed and a Philox offset.
    """
    return digest_state(generator.get_state())


def digest_state(state: torch.Tensor) -> tuple[int, int]:
    """Return the digest of the state of a torch generator, bytes on the CPU."""
    return _split(_xxh128(_read_bytes(state.contiguous())))


def generator_state64(generator: torch.Generator | None) -> int:
    """Return 64 bits of the state that a random op is about to consume.

    None stands for the default generator of the CPU. It is 0 while a CUDA graph is captured: there
    the state is only known when the graph is replayed, and asking for it raises
    (`CUDAGeneratorImpl::get_offset` and, in some versions of torch, `current_seed`).
    """
    if generator is None:
        return _xxh64(_read_bytes(_default_state()))
    if generator.device.type == "cuda" and is_capturing():
        return 0
    return _xxh64(_read_bytes(generator.get_state()))


def _read_bytes(state: torch.Tensor) -> bytes:
    import ctypes

    return ctypes.string_at(state.data_ptr(), state.numel())


def is_capturing(device: torch.device | None = None) -> bool:
    """Return True while the device's current stream is captured into a CUDA graph.

    None stands for the current device. The legacy stream may not even be asked while a stream that
    blocks it is captured: that is True, too.
    """
    if not torch.cuda.is_initialized():
        return False
    try:
        if device is None or device.index == cuda_device():
            return torch.cuda.is_current_stream_capturing()
        with torch.cuda.device(device):
            return torch.cuda.is_current_stream_capturing()
    except RuntimeError as error:
        if "captur" in str(error):
            return True
        raise


class Streams:
    """The global random streams of this process, in a fixed order."""

    def digests(self) -> Iterator[tuple[str, tuple[int, int]]]:
        yield "python", python_state()
        legacy = numpy_state()
        if legacy is not None:
            yield "numpy", legacy
        yield "torch.cpu", generator_state(torch.default_generator)
        # A CUDA generator is only looked at once the program has initialised CUDA: asking would
        # initialise it.
        if torch.cuda.is_available() and torch.cuda.is_initialized() and not is_capturing():
            for index, generator in enumerate(torch.cuda.default_generators):
                yield f"torch.cuda:{index}", generator_state(generator)
