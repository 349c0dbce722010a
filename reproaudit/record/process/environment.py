"""The environment of a run as far as numerics depend on it, and what the program changed itself."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import random
import re
import sys
from collections.abc import Callable
from typing import Any

import torch

from reproaudit.knowledge.variables import NUMERIC_VARIABLES
from reproaudit.model.events import Unchecked
from reproaudit.record.hooks.callers import outer_frame
from reproaudit.record.hooks.callsite import OWN
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.torch_private import (
    SET_CUBLAS_TF32,
    SET_PRECISION,
    count_compiled,
    get_precision,
)

_LIBRARIES = {"mkl": r"Math Kernel Library Version (\S+?)-", "onednn": r"MKL-DNN v(\S+)"}
_open = open


def describe_environment() -> dict[str, str]:
    """Return versions, processor, threads, flags and the variables that matter.

    Initialises no device.
    """
    found = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu vendor": _cpu_vendor(),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "cpu cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        found["numpy"] = numpy.__version__
    built_with = torch.__config__.show()
    for library, pattern in _LIBRARIES.items():
        version = re.search(pattern, built_with)
        if version is not None:
            found[library] = version[1]
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    found |= describe_device()
    for name in NUMERIC_VARIABLES:
        if name in os.environ:
            found[name] = os.environ[name]
    return found


def describe_device() -> dict[str, str]:
    """Return what the GPU in use is, and by which libraries.

    Nothing before the program itself has initialised CUDA.
    """
    if not torch.cuda.is_initialized():
        return {}
    found = {
        "gpu": torch.cuda.get_device_name(),
        "gpu capability": ".".join(map(str, torch.cuda.get_device_capability())),
        "gpus": str(torch.cuda.device_count()),
        "gpu driver": find_driver_version(_read_proc("/proc/driver/nvidia/version")),
        "cudnn": str(torch.backends.cudnn.version()),
        "cublas": find_cublas_version(_read_proc("/proc/self/maps")),
    }
    return {name: value for name, value in found.items() if value}


def find_driver_version(text: str) -> str:
    """Return the version in what NVIDIA's kernel module says of itself; "" if it says none."""
    found = re.search(r"Kernel Module[^\n]*?\s(\d+\.\d[\d.]*)\s", text)
    return found[1] if found is not None else ""


def find_cublas_version(maps: str) -> str:
    """Return the version of the cuBLAS that is loaded in this process; "" if none is."""
    found = re.search(r"\s(/\S*libcublas\.so\S*)", maps)
    if found is None:
        return ""
    get_property = ctypes.CDLL(found[1]).cublasGetProperty
    parts = []
    value = ctypes.c_int()
    for part in range(3):  # major, minor, patch
        if get_property(part, ctypes.byref(value)) == 0:
            parts.append(str(value.value))
    return ".".join(parts)


def _read_proc(path: str) -> str:
    """Return what the system says in a file of /proc; "" where there is no such file."""
    try:
        with _open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _cpu_vendor() -> str:
    """Return who made the processor, by which MKL and oneDNN choose their kernels.

    "unknown" where Linux does not say.
    """
    pattern = r"^(?:vendor_id|CPU implementer)\s*:\s*(\S+)"
    vendor = re.search(pattern, _read_proc("/proc/cpuinfo"), re.MULTILINE)
    return vendor[1] if vendor is not None else "unknown"


def _flags() -> dict[str, Callable[[], Any]]:
    """Return how to read each setting that numerics depend on, by the name that reports show."""
    return {
        "threads": torch.get_num_threads,
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
        "cudnn.enabled": lambda: torch.backends.cudnn.enabled,
        "cudnn.benchmark": lambda: torch.backends.cudnn.benchmark,
        "cudnn.deterministic": lambda: torch.backends.cudnn.deterministic,
        # Not by get_float32_matmul_precision: it raises once the program has used `fp32_precision`.
        "cuda.matmul.fp32_precision": lambda: get_precision("cuda", "matmul"),
        "mkldnn.matmul.fp32_precision": lambda: get_precision("mkldnn", "matmul"),
        "cudnn.conv.fp32_precision": lambda: get_precision("cuda", "conv"),
        "cudnn.rnn.fp32_precision": lambda: get_precision("cuda", "rnn"),
        "attention backends": _attention_backends,
        "default dtype": torch.get_default_dtype,
        "CUBLAS_WORKSPACE_CONFIG": lambda: os.environ.get("CUBLAS_WORKSPACE_CONFIG", "unset"),
    }


def _attention_backends() -> str:
    """Return which kernels scaled_dot_product_attention may use."""
    cuda = torch.backends.cuda
    allowed = {
        "flash": cuda.flash_sdp_enabled(),
        "mem_efficient": cuda.mem_efficient_sdp_enabled(),
        "cudnn": cuda.cudnn_sdp_enabled(),
        "math": cuda.math_sdp_enabled(),
    }
    return " ".join(name for name, is_allowed in allowed.items() if is_allowed) or "none"


def _numpy_seed() -> list[tuple[Any, str]]:
    numpy = sys.modules.get("numpy")
    return [] if numpy is None else [(numpy.random, "numpy.random.seed")]


class Watch:
    """Reports which line of the program changed a determinism setting, as far as it went through
    Python.

    A seed counts as a setting only if one was asked for: the program then overrides it.
    """

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._knows_device = False
        self._flags = _flags()
        self._known = {name: str(read()) for name, read in self._flags.items()}
        for name in (
            "set_num_threads",
            "use_deterministic_algorithms",
            "set_float32_matmul_precision",
            "set_default_dtype",
        ):
            patches.replace(torch, name, self._wrap(getattr(torch, name)))
        for name in ("enabled", "benchmark", "deterministic", "allow_tf32"):
            # The descriptor has bound the function that sets the flag.
            descriptor = vars(type(torch.backends.cudnn))[name]
            patches.replace(descriptor, "setter", self._wrap(descriptor.setter))
        for place in (SET_CUBLAS_TF32, SET_PRECISION):  # which are looked up at each assignment
            patches.replace(place.owner, place.name, self._wrap(place.value))
        for name in (
            "enable_flash_sdp",
            "enable_mem_efficient_sdp",
            "enable_math_sdp",
            "enable_cudnn_sdp",
        ):
            patches.replace(
                torch.backends.cuda, name, self._wrap(getattr(torch.backends.cuda, name))
            )

        if recorder.plan.settings.seed is not None:
            for owner, name in (
                (torch, "torch.manual_seed"),
                (random, "random.seed"),
                *_numpy_seed(),
            ):
                self._watch_seed(patches, owner, name)

    def _watch_seed(self, patches: Patches, owner: Any, name: str) -> None:
        attribute = name.rpartition(".")[2]
        original = getattr(owner, attribute)

        @functools.wraps(original)
        def seed(*args: Any, **kwargs: Any) -> Any:
            values = (*args, *kwargs.values())
            given = values[0] if values else None
            recorder = self._recorder
            asked = recorder.plan.settings.seed
            # Other wrappers of ours may lie between this one and whoever called.
            caller = outer_frame(1)
            is_direct = caller is not None and recorder.sites.kinds.of(caller.f_code) != OWN
            if recorder.listens() and not recorder.is_child and given != asked and is_direct:
                site = recorder.sites.here(2)
                recorder.writer.change(name, before=str(asked), after=str(given), location=site)
            return original(*args, **kwargs)

        patches.replace(owner, attribute, seed)

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def setter(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if self._recorder.listens() and not self._recorder.is_child:
                self.look(self._recorder.sites.here(2))
            return result

        return setter

    def look(self, site: int = 0) -> None:
        """Record what has changed since the last look; without a `site` the line is not known."""
        if count_compiled():
            self._recorder.writer.note(
                Unchecked.COMPILED_REGIONS,
                "inside the regions that torch.compile compiled",
                "fused kernels are seen by what goes in and comes out",
            )
        if not self._knows_device:
            self._learn_device()
        for name, read in self._flags.items():
            before = self._known[name]
            now = str(read())
            if now != before:
                self._recorder.writer.change(name, before=before, after=now, location=site)
                self._known[name] = now

    def _learn_device(self) -> None:
        """Add the device to the environment once the program has one."""
        for name, value in describe_device().items():
            self._knows_device = True
            self._recorder.writer.learn(name, value)
