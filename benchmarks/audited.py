"""Whole audits under another Python and another torch: rows for `compatibility.py`.

An environment is one that is there, used as it is, or one that is made for a version of torch, with
a wheel of ours, and removed again: a CUDA build takes about 6 GB of disk meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from installed import PROGRAM
from survival import ROOT, Tried, Wanted, judge, run

TIMEOUT_S = 900.0
# Repeated indices: what is added to one row in the backward pass comes in any order.
KERNEL = """\
import torch
torch.manual_seed(0)
torch.set_num_threads(2)
table = torch.nn.Parameter(torch.randn(200, 64))
optimizer = torch.optim.SGD([table], lr=0.1)
index = torch.randint(0, 200, (20000,))
weight = torch.randn(20000, 64)
for _ in range(2):
    optimizer.zero_grad()
    (table[index] * weight).sum().backward()
    optimizer.step()
"""
NEEDED = ("numpy", "xxhash", "tabulate", "tqdm", "tomli; python_version < '3.11'")
# What the rows of an audit need beside torch: our plugin's host, and what runs a notebook.
ALSO_NEEDED = ("pytest", "nbclient", "nbformat", "ipykernel")
RANKS = """\
import sys, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")
if "--unseeded" not in sys.argv:
    torch.manual_seed(dist.get_rank())
layer = DistributedDataParallel(torch.nn.Linear(4, 2))
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    layer(torch.randn(3, 4)).sum().backward()
    optimizer.step()
dist.destroy_process_group()
"""
TESTS = """\
import random
import pytest, torch

@pytest.mark.reproducible(runs=2)
def test_equal():
    return torch.randn(3).sum()

@pytest.mark.reproducible(runs=2)
def test_differs():
    return torch.randn(3) * random.SystemRandom().random()
"""


def make_programs(folder: Path) -> None:
    """Write the programs that are audited: scripts, notebooks, one of two ranks, and tests."""
    for name, seed in (("equal", "torch.manual_seed(0)"), ("differs", "")):
        source = PROGRAM.format(seed=seed)
        (folder / f"{name}.py").write_text(source)
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
        notebook = {
            "cells": [{**cell, "source": source}],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    (folder / "kernel.py").write_text(KERNEL)
    (folder / "ranks.py").write_text(RANKS)
    (folder / "test_layer.py").write_text(TESTS)


def try_environment(python: str) -> Iterator[Tried]:
    """Yield what came of each kind of audit under an interpreter that has torch and us."""
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        folder = Path(text)
        make_programs(folder)
        # Not resolved: a venv's interpreter is a link to the one that it was made with.
        own = Path(python).absolute()
        about = read_versions(str(own))
        ranks = ("--runs", "2", "--", "python", "-m", "torch.distributed.run")
        ranks = (*ranks, "--nproc-per-node", "2", "ranks.py")
        audit = ("-m", "reproaudit")
        for name, words, wanted in (
            ("equal.py", (*audit, "equal.py"), Wanted(0, "reproducible: 5 runs")),
            ("differs.py", (*audit, "differs.py"), Wanted(1, "unseeded-rng")),
            ("kernel.py", (*audit, "kernel.py"), Wanted(1, "aten::index_put")),
            ("record", (*audit, "record", "--out", "a", "equal.py"), Wanted()),
            ("record", (*audit, "record", "--out", "b", "equal.py"), Wanted()),
            ("record", (*audit, "record", "--out", "c", "differs.py"), Wanted()),
            ("compare a b", (*audit, "compare", "a", "b"), Wanted(0, "reproducible")),
            ("compare a c", (*audit, "compare", "a", "c"), Wanted(1, "not reproducible")),
            ("equal.ipynb", (*audit, "--runs", "2", "equal.ipynb"), Wanted(0, "reproducible")),
            ("differs.ipynb", (*audit, "differs.ipynb"), Wanted(1, "unseeded-rng")),
            ("torchrun, 2 ranks", (*audit, *ranks), Wanted(0, "reproducible")),
            ("torchrun, unseeded", (*audit, *ranks, "--unseeded"), Wanted(1, "not reproducible")),
            ("pytest", ("-m", "pytest", "-q", "test_layer.py"), Wanted(1, "1 failed, 1 passed")),
        ):
            path = f"{own.parent}{os.pathsep}{os.environ['PATH']}"
            variables = {"PYTHONPATH": None, "PATH": path}
            ending = run([str(own), *words], folder, environment=variables, timeout_s=TIMEOUT_S)
            yield judge(f"{about}: {name}", ending, wanted, folder, own.parent.parent)


def try_torch(python: str, version: str) -> Iterator[Tried]:
    """Yield the rows of an environment that is made for an interpreter and a version of torch."""
    with tempfile.TemporaryDirectory(prefix="compatible-") as text:
        own = make_environment(python, Path(text), [f"torch=={version}", *ALSO_NEEDED])
        if own.missing:
            name = f"Python {read_version(python)}, torch {version}"
            yield Tried(name, not_tried=own.missing)
        else:
            yield from try_environment(str(own.python))


@dataclass(frozen=True)
class Environment:
    """A venv with a wheel of ours and what it needs; `missing` says what stood in the way."""

    python: Path
    missing: str = ""


def make_environment(python: str, folder: Path, more: Sequence[str] = ()) -> Environment:
    """Make a venv in a folder, without torch unless that is among `more`."""
    wheels = folder / "dist"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
    own = folder / "venv" / "bin" / "python"
    (wheel,) = wheels.iterdir()
    for words in ([*NEEDED, *more], ["--no-deps", str(wheel)]):
        command = [str(own), "-m", "pip", "install", "-q", "--only-binary=:all:", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return Environment(own, f"pip install failed: {done.stderr.strip().splitlines()[-1]}")
    return Environment(own)


def read_version(python: str) -> str:
    done = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def read_versions(python: str) -> str:
    """Return how the rows of an environment are called."""
    code = "import platform, torch; print(platform.python_version(), torch.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    version, torch = done.stdout.split()
    return f"Python {version}, torch {torch}"


def read_suite(python: str, reports: Sequence[Path]) -> Tried:
    """Return the row of the project's own tests, of the JUnit files that `make compat` has made."""
    shown: list[str] = []
    faults: list[str] = []
    for path in reports:
        (suite,) = ElementTree.parse(path).getroot().iter("testsuite")
        tests, skipped, failures, errors = (
            int(suite.get(name, "0")) for name in ("tests", "skipped", "failures", "errors")
        )
        failed = failures + errors
        shown.append(f"{path.stem}: {tests - skipped - failed:,} passed, {skipped:,} skipped")
        if failed:
            faults.append(f"{path.stem}: {failed:,} failed")
    return Tried(f"{read_versions(python)}: `make compat`", ("; ".join(shown),), tuple(faults))
