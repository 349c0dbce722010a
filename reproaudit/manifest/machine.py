"""The machine as it is seen without torch: processor, GPUs, operating system, container."""

from __future__ import annotations

import csv
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reproaudit.manifest.model import Container, Gpu, Hardware, System

_ROOT = Path("/")
_NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,driver_version",
    "--format=csv,noheader,nounits",
)
_LIMIT_S = 30
# What torch asks of a processor before it uses the kernels of that name.
_CAPABILITIES = {
    "AVX512": ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    "AVX2": ("avx2", "fma"),
    "SVE256": ("sve",),
    "NEON": ("asimd",),
}
# Set by those who make images, and only there.
_BUILD_VARIABLES = ("NVIDIA_PRODUCT_NAME", "NVIDIA_PYTORCH_VERSION", "NVIDIA_BUILD_ID")
_IMAGE_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
_CGROUP_ENGINES = {"docker": "docker", "libpod": "podman", "kubepods": "kubernetes"}


def read_hardware(root: Path = _ROOT) -> Hardware:
    """Return what computes; `root` is the top of the file system to look in."""
    text = _read(root / "proc/cpuinfo")
    gpus, driver = _ask_driver()
    return Hardware(
        cpu=_find(r"^(?:model name|Processor)\s*:\s*(.*?)\s*$", text) or platform.processor(),
        capability=_find_capability(text),
        cores=_count_usable_cores(),
        machine_cores=os.cpu_count() or 0,
        memory_mib=int(_find(r"^MemTotal:\s*(\d+) kB", _read(root / "proc/meminfo")) or 0) >> 10,
        gpus=gpus,
        driver=driver or _read_driver_version(root),
    )


def read_system() -> System:
    """Return the operating system's names and versions."""
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        distribution = ""
    return System(
        name=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        distribution=distribution,
        libc=" ".join(platform.libc_ver()).strip(),
    )


def read_container(environment: Mapping[str, str], root: Path = _ROOT) -> Container:
    """Return the container around this process; nothing where nothing says that there is one."""
    build = tuple((name, environment[name]) for name in _BUILD_VARIABLES if name in environment)
    for name in _IMAGE_VARIABLES:
        if name in environment:
            return Container("apptainer", image=environment[name], build=build)
    podman = root / "run/.containerenv"
    if podman.exists():
        text = _read(podman)  # empty where it is rootless
        return Container(
            "podman",
            image=_find(r'^image="(.*)"$', text),
            image_id=_find(r'^imageid="(.*)"$', text),
            build=build,
        )
    return Container(_find_engine(environment, root), build=build)


def _find_engine(environment: Mapping[str, str], root: Path) -> str:
    if "KUBERNETES_SERVICE_HOST" in environment:
        return "kubernetes"
    cgroups = _read(root / "proc/self/cgroup")
    for word, engine in _CGROUP_ENGINES.items():
        if word in cgroups:
            return engine
    return "docker" if (root / ".dockerenv").exists() else ""


def _find_capability(cpuinfo: str) -> str:
    flags = set(_find(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo).split())
    for name, wanted in _CAPABILITIES.items():
        if flags.issuperset(wanted):
            return name
    return "DEFAULT" if flags else ""


def _count_usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _ask_driver() -> tuple[tuple[Gpu, ...], str]:
    """Return the GPUs and the driver's version, as nvidia-smi gives them."""
    try:
        done = subprocess.run(
            _NVIDIA_SMI,
            capture_output=True,
            timeout=_LIMIT_S,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return (), ""
    return parse_gpus(done.stdout)


def parse_gpus(text: str) -> tuple[tuple[Gpu, ...], str]:
    """Return the GPUs in lines of "name, memory in MiB, driver", and the driver's version."""
    gpus = []
    driver = ""
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) != 3:
            continue
        model, memory, driver = (cell.strip() for cell in row)
        gpus.append(Gpu(model, int(memory) if memory.isdecimal() else 0))
    return tuple(gpus), driver


def _read_driver_version(root: Path) -> str:
    text = _read(root / "proc/driver/nvidia/version")
    return _find(r"Kernel Module[^\n]*?\s(\d+\.\d[\d.]*)\s", text)


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found is not None else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
