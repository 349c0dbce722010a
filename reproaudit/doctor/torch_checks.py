"""What a run needs before anything else: Python, and torch with what the recorder needs beside it.

torch is imported in a process of its own, and no longer than is given: an import may hang, for a
file system that does not answer or for a driver, and this process is to have no torch.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from reproaudit.doctor.apart import run_apart
from reproaudit.doctor.check import Check, State
from reproaudit.manifest.machine import read_hardware
from reproaudit.manifest.model import Hardware

_OLDEST_PYTHON = (3, 10)
_OLDEST_TORCH = (2, 9)
_LOOK = "from reproaudit.record.look import main; main(sys.argv[1])"
_MOST_SHOWN = 3


def check_python() -> Check:
    """Look at the interpreter: audits are made with the one that runs the tool."""
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return Check("python", State.BROKEN, found, "use Python 3.10 or newer")
    return Check("python", State.FINE, found)


def check_torch(limit_s: float) -> Iterator[Check]:
    """Import torch, numpy and xxhash as a run does, within `limit_s` seconds."""
    found, fault = _look(limit_s)
    if found is None:
        yield Check("torch", State.BROKEN, *fault)
        return
    version = str(found["torch"])
    said = f"{version} for {found['build']}, imported in {found['import_s']:.1f} s"
    oldest = ".".join(map(str, _OLDEST_TORCH))
    if read_version(version) < _OLDEST_TORCH:
        yield Check("torch", State.BROKEN, said, f"install torch {oldest} or newer")
    elif found["lost"]:
        yield Check("torch", State.LOOK, said, _word_lost(found["lost"]))
    else:
        yield Check("torch", State.FINE, said)
    yield Check("beside torch", State.FINE, f"numpy {found['numpy']}, xxhash {found['xxhash']}")
    hardware = read_hardware()
    yield from _check_threads(found["threads"], hardware.cores)
    yield _check_gpu(found, hardware)


def read_version(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version such as "2.13.0+cpu"; zeros where it has none."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found is not None else (0, 0)


def _word_lost(lost: list[str]) -> str:
    shown = "; ".join(lost[:_MOST_SHOWN])
    more = f" and {len(lost) - _MOST_SHOWN} more" if len(lost) > _MOST_SHOWN else ""
    return f"this torch lacks what the recorder uses, so that not checked are: {shown}{more}"


def _look(limit_s: float) -> tuple[dict[str, Any] | None, tuple[str, str]]:
    """Return what the other process found; where it found nothing, what happened and what to do."""
    # No file: the temporary folder may be what does not answer.
    answer, told = os.pipe()
    with open(answer, encoding="utf-8") as file:
        try:
            ended = run_apart(_LOOK, [f"/dev/fd/{told}"], limit_s, keeps=[told])
        finally:
            os.close(told)
        if ended.code is None:
            return None, (
                f"importing it took longer than {limit_s:g} s",
                "try `python -c 'import torch'`: a slow file system, or a driver that does not "
                "answer; --timeout waits longer",
            )
        found = file.read()
    if found:
        return json.loads(found), ("", "")
    return None, (
        f"cannot be imported: {ended.last_line}",
        f"install it for this Python: {sys.executable} -m pip install torch reproaudit",
    )


def _check_threads(threads: int, cores: int) -> Iterator[Check]:
    found = f"{threads} threads of torch on {cores} cores"
    if cores == 1 or threads == 1:
        yield Check(
            "threads",
            State.LOOK,
            found,
            "races between threads, such as that of index_put_ on a CPU, hardly show with one: "
            "try also with --threads 2",
        )
    else:
        yield Check("threads", State.FINE, found)


def _check_gpu(found: Mapping[str, Any], hardware: Hardware) -> Check:
    there = ", ".join(gpu.model for gpu in hardware.gpus)
    driver = f", driver {hardware.driver}" if hardware.driver else ""
    usable = str(found["gpu"])
    if usable and not usable.startswith("cannot"):
        return Check("gpu", State.FINE, f"{usable}{driver}")
    if usable:
        return Check(
            "gpu",
            State.LOOK,
            f"{there or 'a GPU'}{driver}; {usable}",
            "kernels of the GPU are not audited: look at the driver, and at CUDA_VISIBLE_DEVICES",
        )
    if there or hardware.driver:
        why = "see CUDA_VISIBLE_DEVICES and the driver"
        if found["build"] == "CPU":
            why = "this torch is built for the CPU alone: install one for the GPU"
        return Check("gpu", State.LOOK, f"{there or 'a driver'}{driver}: torch sees none", why)
    return Check("gpu", State.ABSENT, "none", "what runs on the CPU is audited")
