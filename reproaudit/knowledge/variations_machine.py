"""Variations in the processor and the device that compute, as far as software can stand for them.

Another CPU is three libraries at once: each chooses its kernels by what the processor can do, and
each asks a variable of its own (PyTorch issue #155552).
"""

from __future__ import annotations

from reproaudit.config.settings import Settings
from reproaudit.knowledge.variation import (
    Need,
    Variation,
    choose,
    set_variables,
)
from reproaudit.model.cause import Cause

_ATEN = "ATEN_CPU_CAPABILITY"
_ONEDNN = "ONEDNN_MAX_CPU_ISA"
_MKL = "MKL_CBWR"
_OPENBLAS = "OPENBLAS_CORETYPE"
_CAPABILITY = "cpu capability"
_UNHEARD = "the libraries on this machine know no such processor"


def _make_cpu(aten: str, onednn: str, mkl: str, openblas: str) -> Settings:
    return Settings(env=((_ATEN, aten), (_ONEDNN, onednn), (_MKL, mkl), (_OPENBLAS, openblas)))


TABLE: tuple[Variation, ...] = (
    Variation(
        id="cpu",
        what="what the processor can do",
        values=("avx2", "default"),
        cause=Cause.HARDWARE,
        change=choose(
            "cpu",
            {
                "avx2": _make_cpu("avx2", "AVX2", "AVX2", "Haswell"),
                "default": _make_cpu("default", "SSE41", "COMPATIBLE", "Nehalem"),
            },
        ),
        how=(
            f"{_ATEN}, {_ONEDNN}, {_MKL} and {_OPENBLAS} together, as on a processor without "
            'AVX-512 ("avx2") or without any AVX ("default").'
        ),
        fact=_CAPABILITY,
        reads={"avx2": "AVX2", "default": "DEFAULT"},
        unless=_UNHEARD,
    ),
    Variation(
        id="cpu.aten",
        what="which kernels of PyTorch itself the processor can run",
        values=("avx2", "default"),
        cause=Cause.HARDWARE,
        change=set_variables("cpu.aten", _ATEN),
        in_all=False,
        how=f"{_ATEN} alone.",
        fact=_CAPABILITY,
        reads={"avx2": "AVX2", "avx512": "AVX512", "default": "DEFAULT"},
        unless=_UNHEARD,
    ),
    Variation(
        id="cpu.onednn",
        what="which kernels of oneDNN the processor can run",
        values=("AVX2", "SSE41"),
        cause=Cause.HARDWARE,
        change=set_variables("cpu.onednn", _ONEDNN),
        in_all=False,
        how=f"{_ONEDNN} alone: convolutions, and products of low precision.",
    ),
    Variation(
        id="cpu.mkl",
        what="which kernels of MKL the processor can run",
        values=("COMPATIBLE", "AVX2"),
        cause=Cause.HARDWARE,
        change=set_variables("cpu.mkl", _MKL),
        in_all=False,
        how=(
            f"{_MKL} alone: matrix products, Fourier transforms and linear algebra. MKL heeds "
            "names of instruction sets on processors of Intel only."
        ),
    ),
    Variation(
        id="cpu.openblas",
        what="which kernels of OpenBLAS, and so of NumPy, the processor can run",
        values=("Haswell", "Nehalem"),
        cause=Cause.HARDWARE,
        change=set_variables("cpu.openblas", _OPENBLAS),
        in_all=False,
        how=f"{_OPENBLAS} alone.",
    ),
    Variation(
        id="device",
        what="the device that computes",
        values=("cpu",),
        cause=Cause.HARDWARE,
        change=choose(
            "device",
            {
                "cpu": Settings(device="cpu", env=(("CUDA_VISIBLE_DEVICES", ""),)),
                "cuda": Settings(device="cuda"),
            },
        ),
        needs_of={"cpu": (Need.GPU,)},
        how=(
            "cpu: CUDA_VISIBLE_DEVICES hides all GPUs, so that a program that asks whether there "
            "is one computes on the CPU. cuda: for a function and a module, which are given their "
            "inputs there. Random numbers of both devices differ for one seed: a program that is "
            "to be compared draws them on the CPU."
        ),
    ),
)
