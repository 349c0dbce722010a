"""What recording costs on CUDA: `recording.py` there, with its figures in reports/cuda/recording.md.

python benchmarks/cuda_recording.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    if not torch.cuda.is_available():
        print("cuda_recording: torch sees no CUDA device here", file=sys.stderr)
        return 1
    out = ROOT / "reports" / "cuda" / "recording.md"
    command = [sys.executable, str(ROOT / "benchmarks" / "recording.py"), "--device", "cuda", "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
