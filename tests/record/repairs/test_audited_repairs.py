"""Whether a whole audit finds a program reproducible under the repair of its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.model.events import Level
from tests.record.repairs.running import is_reproducible, run
from tests.record.repairs.test_clocks import LOOKS
from tests.record.repairs.test_entropy import DRAWS

pytestmark = [pytest.mark.slow]

TRAINING = """
import datetime, os, random, secrets, time, uuid
import numpy as np
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)  # large values in the sum hide no small ones
factor = 1 + {value}
model = torch.nn.Linear(4, 1)
from plain_sgd import SGD
optimizer = SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    (model(torch.ones(3, 4)) * factor).sum().backward()
    optimizer.step()
"""
VALUES = {
    "seed.python": "random.random()",
    "seed.numpy": "np.random.rand()",
    "seed.numpy_generators": "np.random.default_rng().random()",
    "seed.torch_generators": "torch.rand(1, generator=(g := torch.Generator(), g.seed())[0])",
    "entropy.fixed": "secrets.randbelow(10**6) / os.getpid()",
    "clock.fixed": "time.time() % 1 + datetime.datetime.now().microsecond",
}


def test_an_audit_under_the_repair_of_each_cause_finds_a_reproducible_program(
    tmp_path: Path,
) -> None:
    assert is_reproducible(
        tmp_path, TRAINING.replace("{value}", " + ".join(VALUES.values())), *VALUES
    )


def test_an_audit_under_another_repair_does_not(tmp_path: Path) -> None:
    assert not is_reproducible(
        tmp_path, TRAINING.replace("{value}", VALUES["clock.fixed"]), "entropy.fixed"
    )


@pytest.mark.parametrize(
    ("source", "intervention"), [(LOOKS, "clock.fixed"), (DRAWS, "entropy.fixed")]
)
def test_a_recorder_that_wraps_the_same_calls_changes_nothing(
    tmp_path: Path, source: str, intervention: str
) -> None:
    program = "import torch\n" + source
    plainly = run(tmp_path, program, intervention)
    assert run(tmp_path, program, intervention, level=Level.OPERATION) == plainly
