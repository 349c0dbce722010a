"""A module beside the script wins over one of its name that the recorder has imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.record.process import shadows


def test_a_program_imports_the_module_beside_it_as_without_the_recorder(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("MINE = True\n", encoding="utf-8")
    program = "import random, json\nprint(random.MINE, json.dumps([1]))\n"
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py")
    plan = tmp_path / "trace.plan.json"
    plan.write_text(to_json(RunPlan(tmp_path / "trace", subject)), encoding="utf-8")
    # An interpreter of its own: what was imported before the program is what this is about.
    done = subprocess.run(
        [sys.executable, "-m", "reproaudit.record", str(plan)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "True [1]\n"), done.stderr


def test_the_recorder_finds_what_was_forgotten_for_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").touch()
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(shadows, "_forgotten", {})
    shadows.forget_shadowed(str(tmp_path), {"sys"})
    assert "json" not in sys.modules
    assert "json.decoder" not in sys.modules
    with shadows.own_modules():
        assert sys.modules["json"] is json
    assert "json" not in sys.modules
