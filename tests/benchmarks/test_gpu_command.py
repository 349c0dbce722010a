"""The driver of `make gpu` and `make bench`, on parts that hang, fail or leave processes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.processes import has_ended

ROOT = Path(__file__).resolve().parents[2]
FORKS_AND_HANGS = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, start_new_session=True)
open("child", "w").write(str(child.pid))
time.sleep(600)
"""
IGNORES_THE_INTERRUPT = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.import_module("parts")
    monkeypatch.setattr(module, "GRACE_S", 0.2)
    return module


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("gpu")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


def test_a_part_that_hangs_and_one_that_fails_stop_none_of_the_later_ones(
    parts: ModuleType, tmp_path: Path
) -> None:
    said: list[str] = []
    ended = parts.run_parts(
        [
            parts.Part("hangs", python("import time; time.sleep(600)"), 0.3),
            parts.Part("fails", python("raise SystemExit(3)"), 30.0),
            parts.Part("is not there", ("no-such-program",), 30.0),
            parts.Part("works", python("open('made', 'w')"), 30.0),
        ],
        tmp_path,
        say=said.append,
    )
    statuses = [one.status for one in ended]
    assert statuses[:2] == ["ended at its limit of 0 s", "failed: exit code 3"]
    assert statuses[2].startswith("cannot be started")
    assert statuses[3] == parts.PASSED
    assert (tmp_path / "made").exists()
    assert parts.exit_code(ended) == 1
    assert parts.exit_code(ended[3:]) == 0
    assert sum(text.startswith("= ") for text in said) == 4


def test_what_a_hanging_part_started_in_another_session_is_ended_too(
    parts: ModuleType, tmp_path: Path
) -> None:
    ended = parts.run_part(parts.Part("forks", python(FORKS_AND_HANGS), 2.0), tmp_path)
    assert ended.status == "ended at its limit of 2 s"
    assert has_ended(int((tmp_path / "child").read_text()))


def test_a_part_that_ignores_the_interrupt_is_killed(parts: ModuleType, tmp_path: Path) -> None:
    start = time.monotonic()
    ended = parts.run_part(parts.Part("stubborn", python(IGNORES_THE_INTERRUPT), 0.5), tmp_path)
    assert ended.status.startswith("ended at its limit")
    assert time.monotonic() - start < 60  # a hang, not a speed


def test_output_is_kept_only_of_a_part_that_succeeds(parts: ModuleType, tmp_path: Path) -> None:
    good, bad = tmp_path / "made" / "good.md", tmp_path / "made" / "bad.md"
    parts.run_part(parts.Part("good", python("print('figures')"), 30.0, stdout=good), tmp_path)
    parts.run_part(
        parts.Part("bad", python("print('figures'); raise SystemExit(1)"), 30.0, stdout=bad),
        tmp_path,
    )
    assert [path.name for path in good.parent.iterdir()] == ["good.md"]
    assert good.read_text() == "figures\n"


def test_a_part_whose_packages_are_missing_is_not_run_and_counts_as_failed(
    parts: ModuleType, tmp_path: Path
) -> None:
    part = parts.Part("needs", python("open('made', 'w')"), 30.0, needs=("torch", "tabulate"))
    ended = parts.run_parts(
        [part], tmp_path, missing=frozenset({"tabulate"}), say=lambda text: None
    )
    assert [one.status for one in ended] == ["not run: tabulate missing"]
    assert parts.exit_code(ended) == 1
    assert not (tmp_path / "made").exists()


def test_all_parts_end_in_time_though_every_one_hangs(gpu: ModuleType) -> None:
    parts, grace_s = gpu.parts_of(Path("out")), importlib.import_module("parts").GRACE_S
    assert {"tests", "recording", "digest_speed", "fidelity", "atlas"} == {
        part.name for part in parts
    }
    assert gpu.LOOK_S + sum(part.limit_s + grace_s for part in parts) < gpu.WHOLE_S


def test_only_files_with_gpu_tests_are_collected(gpu: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "test_gpu.py").write_text("@pytest.mark.gpu\ndef test_it(): pass\n")
    (tmp_path / "test_other.py").write_text("import a_module_that_is_not_installed\n")
    assert gpu.gpu_test_files(tmp_path) == [str(tmp_path / "test_gpu.py")]
    recording = ROOT / "tests" / "cuda" / "test_recording.py"
    assert str(recording) in gpu.gpu_test_files(ROOT / "tests")


def test_the_summary_says_what_each_part_took_and_what_was_there(
    gpu: ModuleType, tmp_path: Path
) -> None:
    ended = [gpu.Ended(gpu.Part("tests", ("x",), 1.0), "failed: exit code 1", 12.4)]
    gpu.write_summary(
        tmp_path / "out" / "summary.md", {"GPU": "none, a test", "driver": "1.2"}, ended
    )
    text = (tmp_path / "out" / "summary.md").read_text()
    assert "| tests | failed: exit code 1 | 12 |" in text
    assert "| GPU | none, a test |" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.md"]


@pytest.mark.slow
def test_without_a_gpu_nothing_is_run_and_one_line_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--out", str(tmp_path)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[-1] == "make gpu: torch sees no CUDA device here; nothing was run"
    )
    assert not (tmp_path / "summary.md").exists()
