"""The same five layers under reproaudit and under pytest-torch: what each says, and in how many
seconds.

pip install --no-deps --target /tmp/pytest-torch pytest-torch==1.1.1 python
benchmarks/beside_pytest_torch.py --pytest-torch /tmp/pytest-torch --out
reports/comparison/pytest_torch.md

Each runs in a pytest of its own with no other plugin. pytest-torch is used as its README and
docstrings say: the diagnosis, and the assertion with a seed. Where those see nothing and it offers
another way, that is run too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path

from figures import publish

PINNED = "1.1.1"
COMMAND = (
    "python benchmarks/beside_pytest_torch.py --pytest-torch DIR "
    "--out reports/comparison/pytest_torch.md"
)

LAYERS = '''\
import numpy as np
import torch
from torch import nn

WORDS = ["age", "area", "height", "length", "mass", "speed", "volume", "width"]

class Noise(nn.Module):
    """Draws from a NumPy generator that nothing seeds."""

    def forward(self, x):
        return x + torch.from_numpy(np.random.default_rng().standard_normal(x.shape, \
dtype=np.float32))

class NeighbourMean(nn.Module):
    """Averages 20 neighbours of each row; the backward pass of the gather adds floats from \
several threads."""

    def __init__(self, rows=5000):
        super().__init__()
        self.register_buffer("neighbours", torch.randint(0, rows, (rows, 20)))

    def forward(self, x):
        return torch.tanh(x[self.neighbours]).mean(dim=1)

class NamedColumns(nn.Module):
    """Orders columns as a set of their names happens to be ordered, which the process's hash \
seed decides."""

    def forward(self, x):
        return x[:, [WORDS.index(word) for word in set(WORDS)]]

MIDDLES = {
    "clean": nn.Identity, "dropout": nn.Dropout, "numpy": Noise, "backward": NeighbourMean, \
"hash": NamedColumns,
}

def make(name):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), MIDDLES[name](), nn.Linear(8, 8)), torch.randn(5000, 8)
'''

PYTEST_TORCH = """\
import pytest
import torch
from layers import MIDDLES, make
from pytest_torch import assert_deterministic, diagnose_nondeterminism

@pytest.mark.parametrize("name", ["warm-up", *MIDDLES])
def test_layer(name):
    model, x = make(name if name in MIDDLES else "clean")
    print(diagnose_nondeterminism(model, x).verdict)
    assert_deterministic(model, x, reseed=0)

def test_gradient_as_the_output():
    model, x = make("backward")

    def gradient(x):
        with torch.inference_mode(False), torch.enable_grad():
            (result,) = torch.autograd.grad(model(x).square().sum(), model[0].weight)
        return result

    print(diagnose_nondeterminism(gradient, x).verdict)
    assert_deterministic(gradient, x, reseed=0)

def test_golden_file(golden):
    model, x = make("hash")
    with torch.inference_mode():
        golden.check(model(x))
"""

REPROAUDIT = """\
import pytest
from layers import MIDDLES, make

def step_of(name):
    def step():
        model, x = make(name if name in MIDDLES else "clean")
        model(x).square().sum().backward()
    return step

@pytest.mark.parametrize("name", ["warm-up", *MIDDLES])
def test_layer(name, reproaudit):
    print(reproaudit.assert_reproducible(step_of(name)).headline)

def test_fresh_processes(reproaudit):
    print(reproaudit.assert_reproducible(step_of("hash"), isolation="process").headline)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What one test came to: whether it passed, what it printed, the text of its failure, and how
    long it took."""

    passed: bool
    printed: str
    failure: str
    seconds: float


def run_suite(suite: str, plugin: str, paths: list[str], *options: str) -> dict[str, Said]:
    """Run the suite with one plugin and return what each test came to, by the name of the test."""
    with tempfile.TemporaryDirectory(prefix="beside-") as scratch:
        folder = Path(scratch)
        (folder / "layers.py").write_text(LAYERS)
        (folder / "test_suite.py").write_text(suite)
        (folder / "pytest.ini").write_text(
            "[pytest]\njunit_logging = system-out\njunit_duration_report = call\n"
        )
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=short",
            "-p",
            plugin,
            "--junitxml=report.xml",
        ]
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join([".", *paths]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        for words in [options, ()] if options else [()]:
            done = subprocess.run(
                [*pytest, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
            )
        if done.returncode not in (0, 1):
            sys.exit(
                f"pytest with {plugin} ended with code "
                f"{done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return {
            case.attrib["name"]: said(case)
            for case in ElementTree.parse(folder / "report.xml").iter("testcase")
        }


def said(case: ElementTree.Element) -> Said:
    """Read one test of the JUnit report."""
    failure = case.find("failure")
    printed = "\n".join(
        line
        for line in (case.findtext("system-out") or "").splitlines()
        if line and "Captured" not in line
    )
    # The lines that the failure itself has in pytest's short traceback; its `message` attribute is
    # cut.
    told = (failure.text or "").splitlines() if failure is not None else []
    text = "\n".join(line[4:] for line in told if line.startswith("E   "))
    return Said(
        failure is None and case.find("error") is None, printed, text, float(case.attrib["time"])
    )


# Facts about pytest-torch are read in the sources of the pinned version.
WHAT_ELSE = """\

## What each does that the other does not

The layers were chosen by the authors of reproaudit, for what differs from run to run; that is \
one corner of what
pytest-torch is for.

pytest-torch

- needs a model, an input and one assertion; where outputs are equal it is done after ten forward \
passes
- tests much more than determinism: an inference contract, padding, mask and batch invariance, \
parity with
  `torch.compile`, `torch.export`, ONNX and other devices, checkpoints, resumed training, \
latency, metrics, golden files
- says in numbers how much outputs vary, and in how many runs, as it is and with a seed
- separates what a seed repairs from what `torch.use_deterministic_algorithms(True)` repairs. It \
reseeds `random`, the
  global generators of NumPy and torch; another generator, such as NumPy's `default_rng()`, \
counts as a kernel
- runs models under `torch.inference_mode()`: gradients are compared if the callable computes \
them itself, as in layer 4
- repeats within one process; its golden files compare processes, within a tolerance, and do not \
say why they differ

reproaudit

- compares batches, outputs, gradients, parameters and every operator, bit for bit: forward, \
backward and optimizer
- names the line, the operator, the module and the cause, and a fix that it has tried by running \
it, as a patch
- repeats in fresh processes where asked to, and says what one process cannot show
- tells state carried between repetitions from nondeterminism
- audits whole programs, keeps a lock of what they compute, and gates CI, with the same words
- takes longer where something differs: it makes further runs to find the cause and to prove the fix
- says nothing about whether a model is right, only whether it is the same"""

# The layer, what is wrong with it, and the tests of either that look at it.
ROWS = [
    ("a linear layer", "nothing", ["test_layer[clean]"], ["test_layer[clean]"]),
    ("dropout, seeded", "nothing", ["test_layer[dropout]"], ["test_layer[dropout]"]),
    (
        "noise from NumPy",
        "a generator that nothing seeds",
        ["test_layer[numpy]"],
        ["test_layer[numpy]"],
    ),
    (
        "mean over gathered neighbours",
        "the backward kernel adds floats in the order in which threads arrive",
        ["test_layer[backward]", "test_gradient_as_the_output"],
        ["test_layer[backward]"],
    ),
    (
        "columns ordered by a set",
        "the order differs between processes, never within one",
        ["test_layer[hash]", "test_golden_file"],
        ["test_layer[hash]", "test_fresh_processes"],
    ),
]
HOW = {
    "test_gradient_as_the_output": "with a callable that returns the gradient, outside of "
    "inference mode",
    "test_golden_file": "golden file made by one process, checked by the next",
    "test_fresh_processes": '`isolation="process"`',
}


def extract(one: Said, lines: int) -> str:
    """Return the beginning of what a test said, word for word, as a code block's content."""
    text = [*one.printed.splitlines(), *one.failure.splitlines()]
    return "\n".join([*text[:lines], *(["[…]"] if len(text) > lines else [])])


def table(theirs: dict[str, Said], ours: dict[str, Said]) -> list[str]:
    """Return the table of outcomes and seconds."""

    def cell(names: list[str], from_suite: dict[str, Said]) -> str:
        return "<br>".join(
            f"{'passed' if from_suite[name].passed else 'failed'}, {from_suite[name].seconds:.2f} s"
            + (f" ({HOW[name]})" if name in HOW else "")
            for name in names
        )

    lines = ["| layer | what is wrong | pytest-torch | reproaudit |", "|---|---|---|---|"]
    return [
        *lines,
        *(f"| {what} | {why} | {cell(a, theirs)} | {cell(b, ours)} |" for what, why, a, b in ROWS),
    ]


def extracts(theirs: dict[str, Said], ours: dict[str, Said]) -> list[str]:
    """Return a section for each layer, with what either said."""
    lines: list[str] = []
    for number, (what, _, a, b) in enumerate(ROWS, 1):
        lines += ["", f"## {number}. {what[0].upper()}{what[1:]}"]
        for tool, names, suite, most in (
            ("pytest-torch", a, theirs, 6),
            ("reproaudit", b, ours, 12),
        ):
            for name in names:
                how = f", {HOW[name]}" if name in HOW else ""
                lines += ["", f"{tool}{how}:", "", "```text", extract(suite[name], most), "```"]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pytest-torch", type=Path, required=True, metavar="DIR", help="where it was installed"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = options.pytest_torch.absolute()
    found = {one.metadata["Name"]: one.version for one in distributions(path=[str(folder)])}.get(
        "pytest-torch"
    )
    if found != PINNED:
        parser.error(
            f"{options.pytest_torch} holds pytest-torch {found}, and {PINNED} is compared; "
            "install it there:\n"
            f"  pip install --no-deps --target {options.pytest_torch} pytest-torch=={PINNED}"
        )
    root = str(Path(__file__).parents[1])
    theirs = run_suite(PYTEST_TORCH, "pytest_torch.plugin", [str(folder)], "--torch-update-golden")
    ours = run_suite(REPROAUDIT, "reproaudit.pytest_plugin.hooks", [root])
    import torch

    versions = (
        f"pytest-torch {found}, reproaudit {version('reproaudit')}, torch {torch.__version__}"
    )
    head = [
        "# Beside pytest-torch",
        "",
        f"{versions}, CPU, {torch.get_num_threads()} threads. Made by",
    ]
    head += [
        f"`{COMMAND}`.",
        "",
        "Each test has the defaults of its tool; failing tests include the diagnosis.",
    ]
    head += ["The seconds are those of one run on a shared machine.", ""]
    publish(
        [*head, *table(theirs, ours), *WHAT_ELSE.splitlines(), *extracts(theirs, ours)], options.out
    )


if __name__ == "__main__":
    main()
