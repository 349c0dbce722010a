"""A module beside the script wins over one of its name that the recorder has imported, or would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Unchecked
from reproaudit.record.process import shadows
from reproaudit.startup import RECORDER
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import open_run


def record(folder: Path, program: str, *beside: str) -> str:
    """Record the program, with modules beside it, and return what it printed."""
    for name in beside:
        (folder / f"{name}.py").write_text("MINE = True\n", encoding="utf-8")
    (folder / "program.py").write_text(program, encoding="utf-8")
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py")
    plan = folder / "trace.plan.json"
    plan.write_text(to_json(RunPlan(folder / "trace", subject)), encoding="utf-8")
    # An interpreter of its own: what was imported before the program is what this is about.
    done = subprocess.run(
        [sys.executable, RECORDER, str(plan)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_program_imports_the_module_beside_it_as_without_the_recorder(tmp_path: Path) -> None:
    program = "import random, json\nprint(random.MINE, json.dumps([1]))\n"
    assert record(tmp_path, program, "random") == "True [1]\n"


def test_a_module_that_the_interpreter_loads_after_its_start_is_the_programs(
    tmp_path: Path,
) -> None:
    # `runpy`, which `-m` needs, has imported these.
    program = "import types, contextlib\nprint(types.MINE, contextlib.MINE)\n"
    assert record(tmp_path, program, "types", "contextlib") == "True True\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_children_of_a_program_with_modules_of_our_names_are_recorded(
    tmp_path: Path, method: str
) -> None:
    program = f"""
import multiprocessing, reproaudit, statistics

def work():
    import torch
    print(reproaudit.MINE, statistics.MINE)
    torch.ones(2, requires_grad=True).sum().backward()

if __name__ == "__main__":
    import torch
    child = multiprocessing.get_context("{method}").Process(target=work)
    child.start()
    child.join()
    print(child.exitcode, reproaudit.MINE)
"""
    assert record(tmp_path, program, "reproaudit", "statistics") == "True True\n0 True\n"
    run = open_run(tmp_path / "trace", 0)
    assert any(dict(run.traces)["child-spawned-1"].tensors())


def test_a_torch_that_is_not_pytorch_is_said(tmp_path: Path) -> None:
    assert record(tmp_path, "import torch\nprint(torch.MINE)\n", "torch") == "True\n"
    (note,) = Trace.open(tmp_path / "trace").notes
    assert note.code is Unchecked.TORCH_NEVER_IMPORTED
    place = os.path.realpath(tmp_path / "torch.py")
    assert note.why == f"the torch that it imported is not PyTorch: {place}"


def test_a_program_sees_none_of_the_recorders_calls_of_builtins(tmp_path: Path) -> None:
    program = """
import builtins, torch
counts = {}
def count(name):
    original = getattr(builtins, name)
    def function(*args, **kwargs):
        counts[name] = counts.get(name, 0) + 1
        return original(*args, **kwargs)
    setattr(builtins, name, function)
torch.nn.Linear(2, 1)(torch.ones(1, 2)).sum().backward()  # what torch imports late
for name in ("id", "open", "print", "__import__"):
    count(name)
layer = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
layer(torch.ones(1, 2)).sum().backward()
print(sorted(counts))
"""
    assert record(tmp_path, program) == plainly(tmp_path)


def plainly(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


def test_the_recorder_finds_what_is_hidden_from_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").touch()
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for name, nothing in {"_names": set(), "_folders": set(), "_ours": {}}.items():
        monkeypatch.setattr(shadows, name, nothing)
    shadows.hide_shadows([str(tmp_path)], {"sys"})
    assert "json" not in sys.modules
    assert "json.decoder" not in sys.modules
    theirs = sys.modules["json"] = ModuleType("json")
    with shadows.own_modules():
        assert sys.modules["json"] is json
    assert sys.modules["json"] is theirs


def test_a_library_that_lies_beside_the_program_is_no_shadow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy" / "_core").mkdir(parents=True)
    (tmp_path / "numpy" / "__init__.py").touch()
    monkeypatch.setattr(shadows, "_folders", set())
    monkeypatch.setattr(shadows, "_names", set())
    shadows.hide_shadows([str(tmp_path)], {"sys"})
    assert "numpy" in sys.modules
