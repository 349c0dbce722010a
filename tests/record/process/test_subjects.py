"""Running what a plan names: a script, or a training step."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.errors import SubjectError, UsageError
from reproaudit.model.events import EventKind
from reproaudit.record.process.subjects import load_attribute, run_attribute, run_module, run_script
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab, RunSetup
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest
from reproaudit.trace.reader import Trace

STEPS = """
import torch
calls = []
class Trainer:
    @staticmethod
    def step(device):
        calls.append(device)
def needy(batch):
    pass
number = 3
"""


@pytest.fixture
def step_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "steps_of_a_test.py"
    path.write_text(STEPS, encoding="utf-8")
    # Put back by monkeypatch, whatever the subject puts there.
    monkeypatch.setitem(sys.modules, path.stem, sys)
    return path


def subject(path: Path, attribute: str) -> SubjectSpec:
    return SubjectSpec(SubjectKind.ATTRIBUTE, path.parent, path=str(path), attribute=attribute)


def test_a_script_is_the_main_module_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "program.py"
    path.write_text("found = (__name__, __file__)\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    run_script(SubjectSpec(SubjectKind.SCRIPT, tmp_path, path=str(path)))
    assert vars(sys.modules["__main__"])["found"] == ("__main__", str(path))


def test_a_step_inside_a_class_is_given_the_device(step_file: Path) -> None:
    spec = subject(step_file, "Trainer.step")
    run_attribute(spec, lambda: None, device="meta", seed=None)
    assert vars(sys.modules[step_file.stem])["calls"] == ["meta"]


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ("absent", "subject-attribute"),
        ("needy", "subject-arguments"),
        ("number", "subject-kind"),
    ],
)
def test_what_cannot_be_called_is_refused_with_the_reason(
    step_file: Path, attribute: str, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        run_attribute(subject(step_file, attribute), lambda: None, device=None, seed=None)
    assert caught.value.code == code


def test_an_attribute_that_is_not_there_is_answered_with_those_that_are(step_file: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_attribute(subject(step_file, "absent"))
    assert caught.value.hint is not None
    assert "Trainer, needy" in caught.value.hint


@pytest.mark.parametrize(("name", "run_as"), [("pkg.train", "pkg.train"), ("pkg", "pkg.__main__")])
def test_a_module_is_the_main_module_with_its_own_name_and_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, run_as: str
) -> None:
    (tmp_path / "pkg").mkdir()
    for file in ("__init__", "train", "__main__"):
        text = "import sys\nfound = (__name__, __package__, __spec__.name, sys.argv)\n"
        (tmp_path / "pkg" / f"{file}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "argv", ["-m", "--lr"])
    run_module(SubjectSpec(SubjectKind.MODULE, tmp_path, module=name))
    for loaded in ("pkg", "pkg.train", "pkg.__main__"):
        sys.modules.pop(loaded, None)
    file = str(tmp_path / "pkg" / f"{run_as.rpartition('.')[2]}.py")
    assert vars(sys.modules["__main__"])["found"] == ("__main__", "pkg", run_as, [file, "--lr"])


def test_a_module_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_module(SubjectSpec(SubjectKind.MODULE, tmp_path, module="no_such_module.train"))
    assert "no_such_module.train" in caught.value.message


def test_annotations_of_a_script_are_what_they_are_without_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "program.py"
    path.write_text("def f(x: int): ...\nfound = f.__annotations__\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    run_script(SubjectSpec(SubjectKind.SCRIPT, tmp_path, path=str(path)))
    assert vars(sys.modules["__main__"])["found"] == {"x": int}


TRAINS_AT_IMPORT = """
import torch
net = torch.nn.Linear(3, 1)
def step():
    net(torch.ones(2, 3)).sum().backward()
for _ in range(4):
    step()
"""


def run_recorded(folder: Path, attribute: str) -> Trace:
    (folder / "training.py").write_text(TRAINS_AT_IMPORT)
    lab = Lab(
        SubjectSpec(SubjectKind.ATTRIBUTE, folder, path="training.py", attribute=attribute),
        Settings(),
        folder / "lab",
        Quiet(),
        setup=RunSetup(steps=2, values_mb=0, timeout_s=100),
        budget=Budget(),
    )
    return lab.run(RunRequest(name="plain", index=0, what="a run")).main


@pytest.mark.slow
def test_what_a_file_trains_when_it_is_imported_takes_none_of_the_steps(tmp_path: Path) -> None:
    trace = run_recorded(tmp_path, "step")
    # Of each call the output and the loss.
    outputs = trace.columns.numbers(EventKind.OUTPUT)
    assert np.bincount(trace.columns.step[outputs]).tolist() == [10, 2]


@pytest.mark.slow
def test_a_name_that_is_not_there_is_said_whatever_the_file_trains(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="has no 'nofunc'"):
        run_recorded(tmp_path, "nofunc")
