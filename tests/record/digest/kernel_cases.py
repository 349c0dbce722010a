"""Tensors with known bytes for the tests of device digests, and their digests by definition, in
Python's integers."""

from __future__ import annotations

import random
import struct

import torch

DTYPES = tuple(
    getattr(torch, name)
    for name in (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "complex32",
        "complex64",
        "complex128",
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "uint4",
        "bits8",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e8m0fnu",
        "float4_e2m1fn_x2",
    )
    if hasattr(torch, name)
)
_U64 = (1 << 64) - 1


def tensor_of(dtype: torch.dtype, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Return random bytes as a tensor of the dtype (zeros and ones for bool)."""
    size = torch.Size(shape).numel() * dtype.itemsize
    data = bytearray(random.Random(seed).randbytes(size))
    if dtype is torch.bool:
        data = bytearray(byte & 1 for byte in data)
    stand_in = {
        1: torch.uint8,
        2: torch.int16,
        4: torch.int32,
        8: torch.int64,
        16: torch.complex128,
    }[dtype.itemsize]
    made = torch.empty(torch.Size(shape).numel(), dtype=stand_in)
    if data:
        made.copy_(torch.frombuffer(data, dtype=stand_in))
    return made.reshape(shape).view(dtype)


def defined_sums(data: bytes) -> tuple[int, int]:
    """Return what the docstring of device_digest defines, in Python's own integers."""
    first = second = 0
    data += bytes(-len(data) % 8)
    for position, (word,) in enumerate(struct.iter_unpack("<Q", data)):
        weight = 2 * position + 1
        z = word + weight * 0x9E3779B97F4A7C15 & _U64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _U64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _U64
        z ^= z >> 31
        first, second = first + z & _U64, second + weight * z & _U64
    signed = struct.unpack("<qq", struct.pack("<QQ", first, second))
    return signed[0], signed[1]


def bytes_of(count: int) -> torch.Tensor:
    """Return `count` bytes that are the same on every machine and in every version."""
    return (torch.arange(count, dtype=torch.int64) * 197 + 13).remainder_(251).to(torch.uint8)


def golden_tensors(device: str = "cpu") -> dict[str, torch.Tensor]:
    """Return the tensors whose digests test_device_digest holds as constants."""
    base = bytes_of(48 * 1024).to(device)
    matrix = base.view(torch.float32)[:9600].reshape(80, 120)
    half = base.view(torch.float16)
    return {
        "one byte": base[:1],
        "unaligned bytes": base[3:1000],
        "aligned words": base.view(torch.int64),
        "matrix": matrix,
        "transposed matrix": matrix.t(),
        "odd rows": base.view(torch.float32)[:9603].reshape(97, 99)[:, :33],
        "every third half": half[::3],
        "channels last": half[: 2 * 6 * 5 * 7].reshape(2, 5, 7, 6).permute(0, 3, 1, 2),
        "expanded": base.view(torch.bfloat16)[:11, None].expand(11, 13),
        "complex128, transposed": base.view(torch.complex128)[:63].reshape(7, 9).t(),
        "scalar": base.view(torch.float64)[5],
        "six dimensions": half[: 2**6 * 9].reshape(3, 2, 4, 2, 4, 3).permute(5, 3, 0, 2, 4, 1),
    }


# What every GPU, the interpreter, and torch ops on any device must give for them.
GOLDEN = {
    "one byte": (-4266536433689457921, -4266536433689457921),
    "unaligned bytes": (3137553603376620669, -1272303927067328355),
    "aligned words": (-2992184606110279058, 7680153644239825652),
    "matrix": (-1968197587880978847, -6874085953786123521),
    "transposed matrix": (9019539368848269832, 5569561240877215332),
    "odd rows": (1330269350434095175, 7736819127081810179),
    "every third half": (-960778763874317935, 5419215173501434855),
    "channels last": (8443137385946472975, 4644667575825379663),
    "expanded": (7139652034585129963, -3862780494159927537),
    "complex128, transposed": (-6794567564874397733, 8371530281160089295),
    "scalar": (-6873694085797113947, -6873694085797113947),
    "six dimensions": (-7718610951349620722, 1241806994547898926),
}


def walks() -> dict[str, torch.Tensor]:
    """Return tensors that between them take every way through the kernels."""
    row = torch.arange(1.0, 6.0)
    pair = torch.complex(row, -row)
    grid = tensor_of(torch.int16, (6, 5, 4, 8), 5)
    return {
        "nothing": torch.empty(0, 3),
        "one byte": torch.tensor([7], dtype=torch.uint8),
        "unaligned": torch.arange(100, dtype=torch.uint8)[3:],
        "odd rows": torch.arange(77, dtype=torch.uint8).reshape(7, 11)[:, 1:8],
        "three dimensions": torch.arange(210.0).reshape(5, 6, 7).permute(2, 0, 1),
        "expanded": row[:, None].expand(5, 97),
        "expanded rows": row.to(torch.bfloat16).expand(3, 41, 5),
        "one element repeated": row[2].expand(1001),
        "one strided element": torch.as_strided(row, (1, 1), (0, 3), 2),
        "overlapping windows": torch.as_strided(row, (3, 3), (1, 1)),
        "complex128": pair.to(torch.complex128).expand(7, 5),
        "channels last": grid.permute(0, 3, 1, 2),
        "reversed dimensions": grid.permute(3, 2, 1, 0),
        "a gap in each dimension": grid[::2, 1:4, ::3, 1:7:2],
        "too many dimensions": tensor_of(torch.int8, (2,) * 9, 1).permute(
            8, 1, 6, 3, 4, 5, 2, 7, 0
        )[:, :1],
        "eight dimensions": tensor_of(torch.int8, (3,) * 8, 1).permute(7, 1, 5, 3, 4, 2, 6, 0),
        "large": torch.arange(5000),
    }
