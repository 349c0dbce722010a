"""What a machine computes with, as runs are grouped by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.runs.executors import hardware


def test_models_are_named_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU 7\nprocessor\t: 1\n")
    for name in ("0000:01", "0000:02"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
        (tmp_path / "gpus" / name / "information").write_text("Model: \t\t Some GPU\n")
    monkeypatch.setattr(hardware, "_CPU_INFO", info)
    monkeypatch.setattr(hardware, "_GPUS", tmp_path / "gpus")
    assert hardware.describe_hardware() == "Some CPU 7, Some GPU"


def test_a_machine_that_says_nothing_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(hardware, "_GPUS", tmp_path / "none")
    assert hardware.describe_hardware() == ""
