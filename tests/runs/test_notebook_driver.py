"""Executing a notebook: how it ends, what is printed, and that no kernel is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.errors import SubjectError
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.runs.notebook_driver import read_output
from reproaudit.runs.process import RunRecord, run
from reproaudit.trace.runs import open_run
from tests.notebooks import write_notebook
from tests.processes import has_ended

TRAIN = """import torch
torch.manual_seed(0)
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
STEP = """%%time
for _ in range(3):
    optimizer.zero_grad()
    loss = model(torch.ones(1, 4)).sum()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., RunRecord]:
    for name in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(name, reason="an extra of its own executes notebooks")

    def execute_it(*sources: str, timeout_s: float = 100.0, **options: Any) -> RunRecord:
        folder = tmp_path / "work"
        folder.mkdir()
        write_notebook(folder / "n.ipynb", *sources, **options)
        subject = parse_subject("work/n.ipynb", cwd=tmp_path)
        plan = RunPlan(tmp_path / "runs" / "0", subject)
        return run(plan, log=tmp_path / "0.log", timeout_s=timeout_s)

    return execute_it


def read_log(record: RunRecord) -> str:
    assert record.log is not None
    return record.log.read_text()


@pytest.mark.parametrize(
    ("kind", "content", "shown"),
    [
        ("stream", {"text": "step 1\n"}, "step 1\n"),
        ("execute_result", {"data": {"text/plain": "3"}}, "3\n"),
        ("display_data", {"data": {"image/png": "…"}}, ""),
        ("error", {"ename": "ValueError", "traceback": ["a", "b"]}, "a\nb\n"),
        ("error", {"ename": "AuditComplete", "traceback": ["a", "b"]}, ""),
    ],
)
def test_what_a_cell_shows_is_printed_as_text(
    kind: str, content: dict[str, Any], shown: str
) -> None:
    assert read_output({"msg_type": kind, "content": content}) == shown


@pytest.mark.slow
def test_an_error_names_its_cell_and_ends_the_notebook(execute: Callable[..., RunRecord]) -> None:
    record = execute(
        "import os\nprint(os.path.basename(os.getcwd()))",
        "1 / 0",
        "print('before')\nundefined",
        "print('never')",
        tags={2: ["raises-exception"]},
    )
    said = "in cell 3: NameError: name 'undefined' is not defined"
    assert record.outcome == Outcome(OutcomeKind.RAISED, 1, said)
    log = read_log(record)
    assert log.startswith("work\n")  # the kernel starts where the notebook lies
    assert "ZeroDivisionError" in log
    assert "before\n" in log
    assert "never" not in log
    assert "\x1b" not in log


@pytest.mark.slow
def test_a_run_whose_kernel_exits_ends_as_the_kernel_did(
    execute: Callable[..., RunRecord],
) -> None:
    outcome = execute("import os; os._exit(3)").outcome
    assert (outcome.kind, outcome.code) == (OutcomeKind.EXITED, 3)


@pytest.mark.slow
def test_a_kernel_that_dies_before_anything_is_recorded_is_told_by_its_signal(
    execute: Callable[..., RunRecord],
) -> None:
    with pytest.raises(SubjectError, match="was killed by SIGSEGV before anything was recorded"):
        execute("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")


@pytest.mark.parametrize("code", [3, -signal.SIGKILL, -signal.SIGTERM])
def test_a_driver_ends_as_its_kernel_also_by_a_signal_that_has_no_handler(code: int) -> None:
    words = (
        "import sys; from reproaudit.runs.notebook_driver import end_as; end_as(int(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words, str(code)], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.slow
def test_a_cell_that_hangs_is_ended_and_its_kernel_with_it(
    execute: Callable[..., RunRecord], tmp_path: Path
) -> None:
    source = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)"
    record = execute(source, timeout_s=12.0)
    assert record.outcome.kind is OutcomeKind.TIMED_OUT
    pid = tmp_path / "work" / "pid"
    # On a machine that is very busy the cell may not have begun.
    if pid.exists():
        assert has_ended(int(pid.read_text()))


@pytest.mark.slow
def test_a_question_is_an_error_of_its_cell(execute: Callable[..., RunRecord]) -> None:
    record = execute("answer = input('name?')")
    assert "in cell 1: IPython.core.error.StdinNotImplementedError" in record.outcome.detail


@pytest.mark.slow
def test_lines_are_those_of_cells_and_steps_are_counted(
    execute: Callable[..., RunRecord],
) -> None:
    metadata = {"kernelspec": {"name": "another", "language": "python", "display_name": "A"}}
    record = execute(TRAIN, STEP, metadata=metadata)
    trace = open_run(record.trace_dir, 0).main
    assert (trace.outcome.kind, trace.header["steps"]) == (OutcomeKind.COMPLETED, 3)
    assert {str(place) for place in trace.locations} >= {"n.ipynb, cell 2, line 4"}
    (note,) = [note for note in trace.notes if note.code is Unchecked.OTHER_KERNEL]
    assert "'another'" in note.what
    assert not os.path.exists(f"{record.trace_dir}.kernel.json")


@pytest.mark.slow
def test_without_the_extra_one_line_names_it(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "nbclient.py").write_text("raise ImportError('not here')")
    write_notebook(tmp_path / "n.ipynb", "print(1)")
    subject = parse_subject("n.ipynb", cwd=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        given = os.environ.get("PYTHONPATH", "")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(blocked), given))))
        with pytest.raises(SubjectError) as caught:
            run(RunPlan(tmp_path / "runs" / "0", subject), log=tmp_path / "0.log", timeout_s=100.0)
    assert caught.value.code == "notebook-extra"
    assert "reproaudit[notebook]" in caught.value.hint
