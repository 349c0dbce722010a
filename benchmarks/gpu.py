"""Runs every CUDA test and benchmark in under eight minutes and leaves the figures in reports/cuda.

python benchmarks/gpu.py [--only PART …] [--out reports/cuda]

Any Python with torch and the packages below will do; no network is needed. A part that fails or
hangs stops no other.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from parts import Ended, Part, exit_code, run_parts, table

ROOT = Path(__file__).resolve().parent.parent
WHOLE_S = 480.0
LOOK_S = 50.0
RECORDER = ("torch", "numpy", "safetensors", "xxhash")  # of these nothing runs without
AUDIT = (*RECORDER, "tqdm", "tabulate")
TESTS = (*AUDIT, "pytest", "pytest_timeout", "hypothesis")
# The interpreter that is given may lack the plugins that the default options name, so the tests
# have their own.
PYTEST = ("-q", "-m", "gpu", "-o", "addopts=--import-mode=importlib --strict-markers -ra")

# What is found here is told in the summary; importing torch and asking the driver may hang, so a
# child does it.
LOOK = """
import json, platform, torch
def version(name):
    try:
        return __import__(name).__version__
    except ImportError:
        return "none"
found = {"python": platform.python_version(), "torch": torch.__version__, "CUDA": \
str(torch.version.cuda)}
if torch.cuda.is_available():
    found["GPU"] = torch.cuda.get_device_name()
    found["cuDNN"] = str(torch.backends.cudnn.version())
found["triton"] = version("triton")
print(json.dumps(found))
"""


def gpu_test_files(tests: Path) -> list[str]:
    """Return the test files that hold GPU tests: others may import what is not installed here."""
    return sorted(
        str(path)
        for path in tests.rglob("test_*.py")
        if "mark.gpu" in path.read_text(encoding="utf-8")
    )


def parts_of(out: Path) -> list[Part]:
    """Return what is run, in this order. All limits together, and what ending a part takes, stay
    below WHOLE_S."""
    python = sys.executable
    workers = ("-n", "4", "--dist", "worksteal") if find_spec("xdist") else ()

    def benchmark(name: str, limit_s: float, *options: str) -> Part:
        command = (
            python,
            f"benchmarks/{name}.py",
            "--device",
            "cuda",
            *options,
            "--out",
            str(out / f"{name}.md"),
        )
        return Part(name, command, limit_s, RECORDER)

    return [
        Part(
            "tests",
            (python, "-m", "pytest", *PYTEST, *workers, *gpu_test_files(ROOT / "tests")),
            170.0,
            TESTS,
        ),
        benchmark("recording", 70.0, "--seconds", "5"),
        benchmark("digest_speed", 20.0),
        benchmark("fidelity", 50.0, "--seconds", "20"),
        Part("atlas", (python, "benchmarks/cuda_atlas.py"), 100.0, (*AUDIT, "expecttest")),
    ]


def look() -> dict[str, str]:
    """Return what there is: versions, the GPU, the driver. Raises SystemExit if torch cannot be
    asked."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOOK],
            capture_output=True,
            text=True,
            timeout=LOOK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(
            f"make gpu: asking torch for the GPU took more than {LOOK_S:.0f} s"
        ) from None
    if done.returncode:
        raise SystemExit(
            f"make gpu: torch cannot be asked for the GPU: {done.stderr.strip().splitlines()[-1:]}"
        )
    found: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return found | {"driver": driver()}


def driver() -> str:
    """Return the driver's version as nvidia-smi or the kernel gives it."""
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.split()[0]
    except (OSError, subprocess.TimeoutExpired):
        pass  # the kernel may know it
    try:
        return (
            Path("/proc/driver/nvidia/version")
            .read_text()
            .splitlines()[0]
            .partition(":")[2]
            .strip()
        )
    except OSError:
        return "unknown"


def missing_of(parts: list[Part]) -> frozenset[str]:
    return frozenset(name for part in parts for name in part.needs if find_spec(name) is None)


def write_summary(path: Path, facts: dict[str, str], ended: list[Ended]) -> None:
    """Write date, machine, versions, and how each part ended, to a temporary name first."""
    lines = [
        "# What `make gpu` ran",
        "",
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        "",
    ]
    lines += [
        "| what | here |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts.items()),
        "",
    ]
    lines += [*table(ended), "", f"Together {sum(one.seconds for one in ended):.0f} s."]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", metavar="PART", help="run this part only; may be repeated"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/cuda"))
    options = parser.parse_args()
    parts = parts_of(options.out)
    unknown = set(options.only or ()) - {part.name for part in parts}
    if unknown:
        parser.error(
            f"no part {', '.join(sorted(unknown))}; there are "
            f"{', '.join(part.name for part in parts)}"
        )
    parts = [part for part in parts if not options.only or part.name in options.only]
    missing = missing_of(parts)
    if missing:
        print(f"make gpu: not installed here: {', '.join(sorted(missing))}", file=sys.stderr)
    if missing & set(RECORDER):
        return 2
    facts = look()
    if "GPU" not in facts:
        print("make gpu: torch sees no CUDA device here; nothing was run", file=sys.stderr)
        return 2
    # A part must find the package and the tests from a clone, without an installation.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    ended = run_parts(parts, ROOT, environment={"PYTHONPATH": path}, missing=missing)
    write_summary(ROOT / options.out / "summary.md", facts, ended)
    return exit_code(ended)


if __name__ == "__main__":
    sys.exit(main())
