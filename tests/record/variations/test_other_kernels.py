"""Whether variations reach the kernels that compute: results that depend on them change, and others
do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.knowledge.variation import name_fact
from tests.record.variations.observing import Observed, observe

COMPUTES = """
import json
import numpy as np
import torch
generator = np.random.default_rng(0)
long = torch.from_numpy(generator.normal(size=1_000_000).astype("float32"))
images = torch.from_numpy(generator.normal(size=(4, 8, 30, 30)).astype("float32"))
torch.manual_seed(0)
kernel = torch.from_numpy(generator.normal(size=(16, 8, 3, 3)).astype("float32"))
seen = {
    "sum": long.sum().item().hex(),
    "drawn": torch.randn(64).double().sum().item().hex(),
    "convolution": torch.conv2d(images, kernel).double().sum().item().hex(),
    "integers": torch.arange(1000).sum().item(),
    "moved": long[:64].flip(0).contiguous().double().sum().item().hex(),
}
print(json.dumps(seen))
"""
EXACT = ("integers", "moved")  # nothing is rounded, or not in another order


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("plain"), COMPUTES, "threads=1")


@pytest.mark.parametrize(
    ("variations", "changes"),
    [
        (("threads=8",), "sum"),
        (("threads=1", "mkldnn=off"), "convolution"),
        (("threads=1", "cpu=default"), "drawn"),
    ],
    ids=["threads", "mkldnn", "cpu"],
)
def test_what_depends_on_a_variation_changes_and_what_is_exact_does_not(
    variations: tuple[str, ...], changes: str, plain: Observed, tmp_path: Path
) -> None:
    varied = observe(tmp_path, COMPUTES, *variations)
    assert varied.seen[changes] != plain.seen[changes]
    assert [varied.seen[name] for name in EXACT] == [plain.seen[name] for name in EXACT]


COMPILES = """
import copy
import json
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
    def forward(self, x):
        seen.append(torch.compiler.is_compiling())
        return self.inner(x).sin()
seen = []
torch.manual_seed(0)
net = Net()
call = torch.nn.Module.__call__
first = net(torch.ones(2, 4))
net(torch.ones(2, 4)).sum().backward()
other = copy.deepcopy(net)
with torch.no_grad():
    other.inner.weight.zero_()
    other.inner.bias.zero_()
print(json.dumps({
    "traced": any(seen),
    "left": sorted(vars(net)),
    "copies": float(other(torch.ones(2, 4)).abs().sum()),
    "same call": torch.nn.Module.__call__ is call,
    "gradient": net.inner.weight.grad is not None,
}))
"""


@pytest.mark.slow
def test_models_are_compiled_and_nothing_is_left_on_them(tmp_path: Path) -> None:
    backend = "import torch\n_compile = torch.compile\n"
    # The compiler of C++ is not what is tested.
    backend += "torch.compile = lambda model: _compile(model, backend='eager')\n"
    varied = observe(tmp_path, backend + COMPILES, "compile=on")
    assert varied.environment[name_fact("compile")] == "on"
    assert varied.seen == {
        "traced": True,
        "left": observe(tmp_path, COMPILES).seen["left"],
        "copies": 0.0,
        "same call": True,
        "gradient": True,
    }
