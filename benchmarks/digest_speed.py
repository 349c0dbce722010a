"""Prints how fast digests are: a large tensor beside a plain read of its memory, and one call on a
small tensor.

    python benchmarks/digest_speed.py [--device cuda] [--mebibytes 64] [--repeat 9] [--seed 0]
        [--out FILE]

Every number is the best of --repeat, and the ratio compares two numbers measured in the same
process.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from figures import publish

from reproaudit.record.digest.device import device_digest, digest_into, sums_by_ops, why_no_kernel
from reproaudit.record.digest.gather import DeviceDigests
from reproaudit.record.digest.tensors import combine, digest
from reproaudit.trace.writer import TraceWriter

Work = Callable[[], object]


def best_seconds(work: Callable[[], object], repeat: int, calls: int = 1) -> float:
    """Return the shortest time of one call: the median also measures the neighbours on a shared
    machine."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - start) / calls)
    return best


def memory_reads(tensor: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return plain reads of the tensor's memory; the fastest of them is the baseline."""
    words, size = tensor.view(torch.int64), tensor.nbytes
    target = torch.empty_like(tensor)
    memchr = ctypes.CDLL(None).memchr
    memchr.argtypes, memchr.restype = (
        (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t),
        ctypes.c_void_p,
    )
    return {
        "int64 sum, all threads": words.sum,
        "memcpy": lambda: ctypes.memmove(target.data_ptr(), tensor.data_ptr(), size),
        "memchr of an absent byte": lambda: memchr(tensor.data_ptr(), 0xFF, size),
    }


def cpu_lines(mebibytes: int, repeat: int, seed: int, measured: dict[str, float]) -> Iterator[str]:
    generator = torch.Generator().manual_seed(seed)
    size = mebibytes << 20
    # No byte is 0xFF, so that memchr reads to the end.
    large = torch.randint(0, 255, (size,), dtype=torch.uint8, generator=generator).view(
        torch.float32
    )
    reads = {
        name: size / best_seconds(read, repeat) / 1e9 for name, read in memory_reads(large).items()
    }
    baseline = max(reads, key=lambda name: reads[name])
    speed = size / best_seconds(lambda: digest(large), repeat) / 1e9
    measured["digest speed over memory-read speed"] = speed / reads[baseline]

    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, {mebibytes} MiB"
    for name, read_speed in reads.items():
        yield f"  read: {name:<26} {read_speed:8.2f} GB/s" + (
            "   <- baseline" if name == baseline else ""
        )
    yield f"  digest                           {speed:8.2f} GB/s"
    yield f"  digest / baseline                {speed / reads[baseline]:8.2f}"
    transposed = (
        large[: 1 << 22].reshape(2048, 2048).t()
        if large.numel() >= 1 << 22
        else large.reshape(-1, 4).t()
    )
    slow = transposed.nbytes / best_seconds(lambda: digest(transposed), repeat) / 1e9
    yield f"  digest, transposed               {slow:8.2f} GB/s"
    on_device = large.nbytes / best_seconds(lambda: device_digest(large), min(repeat, 3)) / 1e9
    yield f"  device digest, on the CPU        {on_device:8.2f} GB/s"

    small = torch.randn(16, generator=generator)
    matrix = small.reshape(4, 4).t()
    pair = [(1, 2), (3, 4)]
    cases: dict[str, Work] = {
        "digest, 16 elements": lambda: digest(small),
        "digest, 16 elements transposed": lambda: digest(matrix),
        "combine, 2 digests": lambda: combine(pair),
        "an empty call": lambda: None,
    }
    for name, case in cases.items():
        yield f"  {name:<32} {best_seconds(case, repeat, 20_000) * 1e9:8.0f} ns per call"


def device_seconds(work: Work, repeat: int, calls: int = 5) -> float:
    """Return the shortest time of one call by the device's own clock; several in a row hide the
    host's part."""
    best = float("inf")
    work()  # compiles
    for _ in range(repeat):
        before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        before.record()
        for _ in range(calls):
            work()
        after.record()
        after.synchronize()
        best = min(best, before.elapsed_time(after) / 1e3 / calls)
    return best


def host_seconds(work: Work, repeat: int, calls: int = 500) -> float:
    """Return the shortest time that the host takes for one call; few enough calls that no queue
    fills up."""
    best = float("inf")
    for _ in range(repeat):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - start) / calls)
    torch.cuda.synchronize()
    return best


def cuda_lines(
    mebibytes: int, repeat: int, *, seed: int, folder: Path, measured: dict[str, float]
) -> Iterator[str]:
    generator = torch.Generator(device="cuda").manual_seed(seed)
    words = torch.randint(
        -(1 << 62), 1 << 62, (mebibytes << 17,), device="cuda", generator=generator
    )
    rows = torch.zeros((1, 2), dtype=torch.int64, device="cuda")
    half = words.view(torch.float16)
    side = 1 << ((half.numel().bit_length() - 1) // 2)
    square = half[: side * side].view(side, side)
    odd = words.view(torch.float32)[: words.numel() // 1025 * 2 * 1025].view(-1, 1025)[:, :1023]

    def speed(work: Work, tensor: torch.Tensor) -> float:
        return tensor.numel() * tensor.element_size() / device_seconds(work, repeat) / 1e9

    read = speed(words.sum, words)
    yield f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {mebibytes} MiB"
    yield f"  read: int64 sum                  {read:8.1f} GB/s   <- baseline"
    kernel = speed(lambda: digest_into(words, rows, 0), words)
    measured["digest speed over memory-read speed, CUDA"] = kernel / read
    yield f"  digest                           {kernel:8.1f} GB/s"
    yield f"  digest / baseline                {kernel / read:8.2f}"
    for name, tensor in {
        "float16, transposed": square.t(),
        "float32, every second": words.view(torch.float32)[::2],
        "rows of 1023 float32": odd,
        "float32, off by one": words.view(torch.float32)[1:],
        "uint8, off by one": words.view(torch.uint8)[1:],
    }.items():
        gigabytes = speed(partial(digest_into, tensor, rows, 0), tensor)
        yield f"  digest, {name:<24} {gigabytes:8.1f} GB/s"
    part = words[: 32 << 17]
    gigabytes = speed(partial(sums_by_ops, part), part)
    yield f"  by torch ops, {len(part) >> 17:3} MiB            {gigabytes:8.1f} GB/s"
    yield f"  Triton                           {why_no_kernel() or 'computes them'}"

    small = torch.randn(16, 16, device="cuda")
    writer = TraceWriter(
        folder / "trace",
        level="operation",
        subject="",
        command=[],
        settings={},
        environment={},
        version="",
        values_budget=0,
    )
    devices = DeviceDigests(writer)
    cases: dict[str, Work] = {
        "digest of 256 elements": lambda: devices.later(small),
        "digest of 256, transposed": lambda: devices.later(small.t()),
        "kernel's launch alone": lambda: digest_into(small, rows, 0),
        "torch.add of 256 elements": lambda: torch.add(small, small),
        "an empty call": lambda: None,
    }
    for name, case in cases.items():
        case()
        yield f"  {name:<32} {host_seconds(case, repeat) * 1e6:8.2f} µs of the host per call"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--mebibytes", type=int, help="size of the large tensor: 64, on CUDA 1024")
    parser.add_argument("--repeat", type=int, default=9, help="how often each measurement is made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    measured: dict[str, float] = {}
    if options.device == "cpu":
        lines = list(cpu_lines(options.mebibytes or 64, options.repeat, options.seed, measured))
    elif not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here")
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = cuda_lines(
                options.mebibytes or 1024,
                options.repeat,
                seed=options.seed,
                folder=Path(folder),
                measured=measured,
            )
            lines = list(found)
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
