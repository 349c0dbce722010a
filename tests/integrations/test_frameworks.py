"""Frameworks as they are: the extra `frameworks` of the package, skipped where one is missing."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from reproaudit.model.events import OutcomeKind
from reproaudit.trace.runs import Run, open_run
from tests.auditing import audit, reproaudit

PROGRAMS = Path(__file__).parents[2] / "benchmarks" / "launchers"

pytestmark = pytest.mark.slow


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    reason = f"not installed: {', '.join(missing)} (pip install -e '.[frameworks]')"
    return pytest.mark.skipif(bool(missing), reason=reason)


def record(folder: Path, program: str, *words: str, level: str = "boundary") -> Run:
    """Record one run of a program, to its end; where it fails, show what it printed."""
    shutil.copy(PROGRAMS / program, folder)
    options = ("--quiet", "--steps", "all", "--level", level, "--out", "trace")
    done = reproaudit(folder, "record", *options, program, *words, is_fresh=True)
    assert done.returncode == 0, done.stderr
    return open_run(folder / "trace", 0)


@needs("lightning")
def test_lightning_s_trainer_steps_once_for_each_batch_and_its_bar_is_no_thread_of_the_program(
    tmp_path: Path,
) -> None:
    run = record(tmp_path, "lightning_trainer.py")
    assert run.steps == 12
    assert len(run.main.threads) == 1


@needs("lightning")
def test_both_ranks_that_lightning_starts_are_recorded_with_their_operators(
    tmp_path: Path,
) -> None:
    run = record(tmp_path, "lightning_ranks.py", level="operation")
    assert [trace.process.rank for _, trace in run.ranks] == [0, 1]
    assert {trace.outcome.kind for _, trace in run.ranks} == {OutcomeKind.COMPLETED}
    assert all(any(trace.operations()) for _, trace in run.ranks)


@needs("transformers", "accelerate")
def test_hugging_face_s_trainer_makes_the_steps_that_it_says(tmp_path: Path) -> None:
    assert record(tmp_path, "hf_trainer.py").steps == 8


@needs("accelerate")
def test_a_draw_below_accelerate_s_loader_is_named_at_the_user_s_own_line(tmp_path: Path) -> None:
    shutil.copy(PROGRAMS / "accelerate_script.py", tmp_path)
    code, result = audit(tmp_path, "--runs", "3", "accelerate_script.py", "--planted")
    text = (tmp_path / "accelerate_script.py").read_text().splitlines()
    (planted,) = [number for number, line in enumerate(text, 1) if line.endswith("# planted")]
    finding = result["findings"][0]
    assert code == 1
    assert (finding["cause"], finding["location"]["line"]) == ("unseeded-rng", planted)
    assert finding["fix"]["verified"] is True
