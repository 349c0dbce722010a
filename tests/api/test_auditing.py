"""An audit from Python: one project, audited once, and what a script does with the result."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests import warm

PROGRAM = """
import sys
import numpy
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=float(sys.argv[1]))
for _ in range(2):
    optimizer.zero_grad()
    batch = torch.from_numpy(numpy.random.rand(2, 4)).float()
    model(batch).square().mean().backward()
    optimizer.step()
"""
PROJECT = """
[tool.reproaudit]
runs = 2

[tool.reproaudit.presets.small]
threads = 1
"""
SCRIPT = """
import json, sys
sys.executable = sys.argv.pop(1)
import reproaudit

result = reproaudit.audit("train.py", ["0.01"], preset="small", no_alerts=True, out="kept")
fix = result.findings[0].fix
both = reproaudit.compare(result)
json.dump(
    {
        "verdict": result.verdict,
        "cause": result.findings[0].cause,
        "settings": dict(result.settings),
        "patch": str(fix.patch),
        "verified": fix.verified,
        "traces": [str(trace) for trace in result.traces],
        "both": [len(both.runs), both.verdict],
    },
    sys.stdout,
)
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Return what the script found out, and what it wrote on standard error."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "train.py").write_text(PROGRAM)
    (folder / "pyproject.toml").write_text(PROJECT)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, warm.python()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_the_cause_and_its_patch_are_facts_of_the_result(asked: tuple[dict[str, Any], str]) -> None:
    found, _ = asked
    assert (found["verdict"], found["cause"]) == ("not-reproducible", "unseeded-rng")
    assert found["verified"]
    assert found["patch"].startswith("--- train.py")


@pytest.mark.slow
def test_the_project_says_what_the_call_does_not(asked: tuple[dict[str, Any], str]) -> None:
    found, _ = asked
    assert found["settings"] == {"threads": "1"}


@pytest.mark.slow
def test_progress_and_what_is_known_early_are_told(asked: tuple[dict[str, Any], str]) -> None:
    _, said = asked
    assert "reproaudit: run 1 of 2\n" in said
    assert "reproaudit: not reproducible: 2 runs differ" in said


@pytest.mark.slow
def test_traces_that_were_kept_are_compared_later(asked: tuple[dict[str, Any], str]) -> None:
    found, _ = asked
    assert found["traces"][0] == "kept/run-0"
    assert found["both"] == [len(found["traces"]), "not-reproducible"]
