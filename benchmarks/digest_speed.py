"""Prints how fast digests are: a large tensor beside a plain read of its memory, and one call on a small tensor.

    python benchmarks/digest_speed.py [--mebibytes 64] [--repeat 9] [--seed 0]

Every number is the best of --repeat, and the ratio compares two numbers measured in the same process.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections.abc import Callable

import torch

from reproaudit.record.device_digest import device_digest
from reproaudit.record.digest import combine, digest


def best_seconds(work: Callable[[], object], repeat: int, calls: int = 1) -> float:
    """Return the shortest time of one call: the median also measures the neighbours on a shared machine."""
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
    memchr.argtypes, memchr.restype = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t), ctypes.c_void_p
    return {
        "int64 sum, all threads": words.sum,
        "memcpy": lambda: ctypes.memmove(target.data_ptr(), tensor.data_ptr(), size),
        "memchr of an absent byte": lambda: memchr(tensor.data_ptr(), 0xFF, size),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=64, help="size of the large tensor")
    parser.add_argument("--repeat", type=int, default=9, help="how often each measurement is made")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    generator = torch.Generator().manual_seed(options.seed)
    size = options.mebibytes << 20
    # No byte is 0xFF, so that memchr reads to the end.
    large = torch.randint(0, 255, (size,), dtype=torch.uint8, generator=generator).view(torch.float32)
    reads = {name: size / best_seconds(read, options.repeat) / 1e9 for name, read in memory_reads(large).items()}
    baseline = max(reads, key=lambda name: reads[name])
    speed = size / best_seconds(lambda: digest(large), options.repeat) / 1e9

    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.mebibytes} MiB")
    for name, read_speed in reads.items():
        print(f"  read: {name:<26} {read_speed:8.2f} GB/s" + ("   <- baseline" if name == baseline else ""))
    print(f"  digest                           {speed:8.2f} GB/s")
    print(f"  digest / baseline                {speed / reads[baseline]:8.2f}")
    transposed = large[: 1 << 22].reshape(2048, 2048).t() if large.numel() >= 1 << 22 else large.reshape(-1, 4).t()
    slow = transposed.nbytes / best_seconds(lambda: digest(transposed), options.repeat) / 1e9
    print(f"  digest, transposed               {slow:8.2f} GB/s")
    on_device = large.nbytes / best_seconds(lambda: device_digest(large), min(options.repeat, 3)) / 1e9
    print(f"  device digest, on the CPU        {on_device:8.2f} GB/s")

    small = torch.randn(16, generator=generator)
    matrix = small.reshape(4, 4).t()
    pair = [(1, 2), (3, 4)]
    cases: dict[str, Callable[[], object]] = {
        "digest, 16 elements": lambda: digest(small),
        "digest, 16 elements transposed": lambda: digest(matrix),
        "combine, 2 digests": lambda: combine(pair),
        "an empty call": lambda: None,
    }
    for name, case in cases.items():
        print(f"  {name:<32} {best_seconds(case, options.repeat, 20_000) * 1e9:8.0f} ns per call")


if __name__ == "__main__":
    main()
