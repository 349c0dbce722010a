"""`reproaudit atlas` end to end, on a handful of ops whose truth is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reproaudit.atlas.page import render
from reproaudit.cli import atlas as command
from reproaudit.cli.main import main

SMALL = ("--dtypes", "float32", "--seconds", "1.5", "--threads", "2", "--quiet")


@pytest.mark.parametrize(
    "words",
    [
        ("--only", "("),
        ("--dtypes", "float31"),
        ("--sizes", "huge"),
        ("--threads", "0"),
        ("--cell", "gather"),
        ("--repeats", "0"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", *words]) == 2
    assert "reproaudit: error: " in capsys.readouterr().err


def test_an_interruption_keeps_what_there_is_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(request: Any, log: Any, *rest: Any) -> None:
        log.begin({"torch": "x"}, request.to_json())
        log.add({"cell": "cpu/sin/float32/large/t2/forward", "status": "stable"})
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "sweep", interrupted)
    assert main(["atlas", "--out", str(tmp_path), "--quiet"]) == 2
    assert "1 cells are kept: the same command again goes on" in capsys.readouterr().err
    assert len((tmp_path / "cpu.cells.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_sweep_finds_the_race_and_tells_undefined_memory_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "atlas",
        "--out",
        str(tmp_path),
        "--only",
        "^(take|empty_like|sin|rand_like)$",
        *SMALL,
        "--repeats",
        "20",
    ]
    assert main(words) == 0
    document = json.loads((tmp_path / "cpu.json").read_text())
    statuses = {op: document["ops"][op]["float32"]["large"]["cells"] for op in document["ops"]}
    assert statuses == {
        "take": {"t2/forward": "stable", "t2/backward": "differs"},
        "empty_like": {"t2/forward": "undefined memory"},
        "sin": {"t2/forward": "stable", "t2/backward": "stable"},
        "rand_like": {"t2/forward": "stable"},
    }
    (row,) = document["table"]["observed_switched"]
    assert (row["op"], row["phase"], row["aten"]) == ("take", "backward", ["aten::put.default"])
    assert (tmp_path / "cpu.md").read_text() == render(document)
    assert "take backward: aten::put.default, repaired by the flag" in capsys.readouterr().out

    log = tmp_path / "cpu.cells.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"cell": "cpu/half a line')
    assert main(words) == 0  # everything is there already
    assert log.read_bytes() == whole
    assert json.loads((tmp_path / "cpu.json").read_text()) == document


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "code", "said"),
    [
        ("cpu/take/float32/large/t2/backward", 1, "differs"),
        ("cpu/take/float32/sample/t2/forward", 0, "stable"),
        (
            "cpu/take/complex32/sample/t2/forward",
            2,
            "complex64, complex128, bool, uint8, int8, int16, int32, int64 [atlas-cell]",
        ),
        ("cpu/eq/float32/sample/t2/backward", 2, "op_db has no such cell"),
    ],
)
def test_one_cell_is_run_alone(
    cell: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atlas", "--cell", cell, "--repeats", "20"]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


@pytest.mark.slow
def test_no_op_at_all_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "--out", str(tmp_path), "--only", "^no_such_op$", "--quiet"]) == 2
    assert "[atlas-empty]" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupt_stops_the_worker_too(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "reproaudit",
            "atlas",
            "--out",
            str(tmp_path),
            "--only",
            "^(s|t)",
            *SMALL[:-1],
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGTERM)
    rest = process.communicate()[1]
    assert "cells to go" in first
    assert process.returncode == 2
    assert "the same command again goes on" in rest
    assert len(children) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(children[0]), 0)


@pytest.mark.gpu
def test_the_cuda_sweep_finds_the_atomic_additions(tmp_path: Path) -> None:
    words = [
        "atlas",
        "--device",
        "cuda",
        "--out",
        str(tmp_path),
        "--only",
        "^(index_add|sin|empty_like)$",
    ]
    assert main([*words, "--dtypes", "float32", "--seconds", "6", "--quiet"]) == 0
    document = json.loads((tmp_path / "cuda.json").read_text())
    large = {op: document["ops"][op]["float32"]["large"]["cells"] for op in document["ops"]}
    assert large["index_add"]["t1/forward"] == "differs"
    assert set(large["sin"].values()) == {"stable"}
    assert large["empty_like"]["t1/forward"] == "undefined memory"
