"""The kernels compute the digest as it is defined, and reach the device by the way that was chosen
for its cost."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.record.digest.kernel_cases import GOLDEN
from tests.record.digest.stand_in_driver import ADDRESS, PROCESSORS, SOURCE, STREAM, SUMS
from tests.record.repairs.running import run as run_program

ROOT = Path(__file__).resolve().parent.parent.parent
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton has no build for this platform"
)


def run(module: str, *arguments: str, **environment: str) -> Any:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=500,
    )
    return json.loads(done.stdout.splitlines()[-1])


def interpreted(suite: str) -> list[tuple[str, Any, Any]]:
    """Return case, sums of the interpreted kernel (None: left to torch ops), sums by definition."""
    return [
        tuple(row) for row in run("tests.record.digest.interpreted", suite, TRITON_INTERPRET="1")
    ]


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "cases"),
    [("dtypes", 100), ("random layouts", 100), ("launches", 48), ("sizes", 100), ("wide", 6)],
)
def test_the_kernels_compute_what_is_defined(suite: str, cases: int) -> None:
    rows = interpreted(suite)
    assert len(rows) >= cases
    assert [name for name, found, expected in rows if found != expected] == []


@needs_triton
@pytest.mark.slow
def test_the_kernels_take_every_walk_and_leave_only_too_many_dimensions_to_torch_ops() -> None:
    rows = interpreted("walks")
    assert [name for name, found, expected in rows if found != expected] == ["eight dimensions"]
    assert [name for name, found, _ in rows if found is None] == ["eight dimensions"]


@needs_triton
@pytest.mark.slow
def test_the_kernels_give_the_sums_that_every_machine_must_give() -> None:
    assert {name: tuple(found) for name, found, _ in interpreted("golden")} == GOLDEN


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a library in the place of the driver's was given by Triton's own launchers."""
    import triton.backends.nvidia

    folder = tmp_path_factory.mktemp("cuda")
    (folder / "libcuda.c").write_text(SOURCE)
    headers = Path(triton.backends.nvidia.__path__[0]) / "include"
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        f"-I{headers}",
        str(folder / "libcuda.c"),
        "-o",
        str(folder / "libcuda.so.1"),
    ]
    subprocess.run(command, check=True, timeout=100)
    cache = str(folder / "cache")
    return run(
        "tests.record.digest.stand_in_driver",
        str(folder),
        LD_LIBRARY_PATH=str(folder),
        TRITON_LIBCUDA_PATH=str(folder),
        TRITON_CACHE_DIR=cache,
    )


@needs_triton
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="Triton compiles its launchers with gcc")
@pytest.mark.parametrize(
    ("case", "grid", "numbers"),
    [
        ("contiguous", 8 * PROCESSORS, [20_000_000]),  # bounded: each program walks on
        ("small", 1, [14]),
        ("rows", 40, [10_000, 100, 100, 100, *[1] * 4, 1, 200, *[0] * 4, 100, 1, *[0] * 4]),
        ("straddling", 1, [105, 0, 7, 5, 3, 1, 1, 1, 15, 3, 1, 0, 0, 0, *[0] * 6]),
    ],
)
def test_a_launch_hands_the_driver_addresses_and_numbers_on_the_stream_it_was_told(
    launched: dict[str, Any], case: str, grid: int, numbers: list[int]
) -> None:
    found = launched[case]
    assert found["given"] == [ADDRESS, SUMS, *numbers]
    assert (found["grid"], found["threads"], found["stream"], found["launches"]) == (
        grid,
        128,
        STREAM,
        2,
    )


def test_a_program_without_cuda_tensors_does_not_import_triton_because_of_the_recorder(
    tmp_path: Path,
) -> None:
    program = (
        "import pathlib, sys, torch, reproaudit.record.process.install\n"
        "import tests.record.recording as recording\n"
        "before = 'triton' in sys.modules\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "trace, _ = recording.record(folder, lambda: torch.ones(3).add(1).sum())\n"
        "print(before, 'triton' in sys.modules, len(recording.operations(trace)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    before, after, ops = done.stdout.split()
    assert before == after
    assert int(ops) > 0


@needs_triton
def test_a_kernel_that_is_compiled_anew_shifts_no_fixed_stream_of_the_program(
    tmp_path: Path,
) -> None:
    draws = "import os, triton.runtime.cache as c\n{store}print(os.urandom(8).hex())\n"
    cache = str(tmp_path / "cache")
    store = f"os.environ['TRITON_CACHE_DIR'] = {cache!r}\nc.get_cache_manager('ab').put('', 'f')\n"
    cold = run_program(tmp_path, draws.format(store=store), "entropy.fixed")
    assert list((tmp_path / "cache").rglob("f"))
    assert cold == run_program(tmp_path, draws.format(store=""), "entropy.fixed")
