"""A notebook that uses the interface, executed as a person would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.notebooks import write_notebook

PROGRAM = """
import torch

model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
"""
AUDIT = """import sys
sys.executable = {python!r}
import reproaudit
reproaudit.audit("train.py", runs=2, no_diagnosis=True, no_alerts=True)
"""
LOOP = """

import torch

def train():
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with reproaudit.watch(model, optimizer) as watched:
        for _ in range(2):
            optimizer.zero_grad()
            noise = torch.rand(2, 4, generator=stream)
            model(noise).sum().backward()
            optimizer.step()
    return watched

stream = torch.Generator()
first, second = train(), train()
"""
COMPARE = """result = reproaudit.compare(first, second)
print(result.verdict.value, result.findings[0].location)
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the notebook with its outputs."""
    nbclient = pytest.importorskip("nbclient", reason="an extra of its own executes notebooks")
    nbformat = pytest.importorskip("nbformat", reason="an extra of its own executes notebooks")
    folder: Path = tmp_path_factory.mktemp("notebook")
    (folder / "train.py").write_text(PROGRAM)
    path = write_notebook(folder / "n.ipynb", AUDIT.format(python=warm.python()), LOOP, COMPARE)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=200, resources={"metadata": {"path": folder}}
    ).execute()
    return notebook


def list_outputs(executed: Any, cell: int) -> list[Any]:
    return list(executed.cells[cell].outputs)


@pytest.mark.slow
def test_the_result_of_a_cell_is_shown_as_the_page(executed: Any) -> None:
    progress, shown = list_outputs(executed, 0)
    assert shown.data["text/html"].startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert shown.data["text/markdown"].startswith("#")
    assert shown.data["text/plain"].startswith("<reproaudit.Result not-reproducible")
    # How far it was has gone, what was known early stays.
    assert "not reproducible: 2 runs differ" in progress.data["text/plain"]
    assert "run 2 of 2" not in progress.data["text/plain"]


@pytest.mark.slow
def test_a_loop_of_the_notebook_is_watched_and_its_cell_named(executed: Any) -> None:
    (printed,) = list_outputs(executed, 2)
    assert printed.text == "not-reproducible <notebook>, cell 2, line 12 in train\n"
