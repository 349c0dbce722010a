"""What this machine computes with: its processor's model and its GPUs'."""

from __future__ import annotations

import re
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")


def describe_hardware() -> str:
    """Return the models, such as "AMD EPYC 7B13, NVIDIA H100"; "" if nothing is known."""
    found = [_read_field(_CPU_INFO, "model name")]
    gpus = {_read_field(folder / "information", "Model") for folder in list_gpus()}
    return ", ".join(model for model in [*found, *sorted(gpus)] if model)


def list_gpus() -> list[Path]:
    """Return what the driver says of each GPU, a folder each, in the driver's order."""
    return sorted(_GPUS.iterdir()) if _GPUS.is_dir() else []


def _read_field(file: Path, name: str) -> str:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{name}\s*:\s*(.*?)\s*$", text, re.MULTILINE)
    return found[1] if found is not None else ""
