"""Resuming with trainers of others: where they are equal, and what they do not restore."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PROGRAMS, audit

FOLDER = PROGRAMS / "resume"
RESUME = ("--resume-args", "--resume {checkpoint}")

needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None or find_spec("accelerate") is None,
    reason="transformers with accelerate is not installed",
)
needs_lightning = pytest.mark.skipif(
    find_spec("lightning") is None, reason="lightning is not installed"
)
needs_accelerate = pytest.mark.skipif(
    find_spec("accelerate") is None, reason="accelerate is not installed"
)
needs_torchdata = pytest.mark.skipif(
    find_spec("torchdata") is None, reason="torchdata, which has stateful loaders, is not installed"
)


def resume(folder: Path, at: int, *words: str) -> tuple[int, dict[str, Any]]:
    for program in FOLDER.glob("*.py"):
        shutil.copy(program, folder)
    # Each run starts by itself: what these libraries do as they are imported belongs to it.
    return audit(folder, "--at", str(at), *words, question="resume", is_fresh=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "words"),
    [
        pytest.param(
            6, (*RESUME, "hf_trainer.py", "--dropout", "0"), id="hf-mid", marks=needs_transformers
        ),
        pytest.param(6, (*RESUME, "hf_trainer.py"), id="hf-mid-dropout", marks=needs_transformers),
        pytest.param(
            4,
            (*RESUME, "hf_trainer.py", "--save-steps", "4"),
            id="hf-epoch-dropout",
            marks=needs_transformers,
        ),
        pytest.param(6, (*RESUME, "lightning_fit.py"), id="lightning-epoch", marks=needs_lightning),
        pytest.param(
            9,
            ("accelerate_loop.py", "--stateful"),
            id="accelerate-stateful",
            marks=[needs_accelerate, needs_torchdata],
        ),
    ],
)
def test_a_trainer_that_restores_all_it_needs_is_equal(
    tmp_path: Path, at: int, words: tuple[str, ...]
) -> None:
    code, result = resume(tmp_path, at, *words)
    assert (code, result["verdict"]) == (0, "reproducible")
    assert result["first_step"] == at
    assert result["resumption"]["lost"] == []
    assert result["resumption"]["checkpoints"]


@pytest.mark.slow
@needs_lightning
def test_lightning_replays_the_batches_of_an_epoch_that_was_cut(tmp_path: Path) -> None:
    code, result = resume(tmp_path, 3, *RESUME, "lightning_fit.py")
    assert code == 1
    (lost,) = result["resumption"]["lost"]
    assert lost["kind"] == "data-position"
    assert "batches 0 to 2" in lost["found"]
    assert "batches 3 to 5" in lost["expected"]
    finding = result["findings"][0]
    assert (finding["rule"], finding["cause"]) == ("RA612", "data-order")
    assert (finding["phase"], finding["step"]) == ("data", 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "words"),
    [
        pytest.param(
            6,
            (*RESUME, "lightning_fit.py", "--dropout", "0.5"),
            id="lightning-dropout",
            marks=needs_lightning,
        ),
        pytest.param(
            6,
            (*RESUME, "lightning_fit.py", "--shuffle"),
            id="lightning-shuffle",
            marks=needs_lightning,
        ),
        pytest.param(9, ("accelerate_loop.py",), id="accelerate-skipped", marks=needs_accelerate),
        pytest.param(
            9,
            ("accelerate_loop.py", "--stateful", "--dropout", "0.5"),
            id="accelerate-stateful-dropout",
            marks=[needs_accelerate, needs_torchdata],
        ),
    ],
)
def test_torch_s_stream_is_what_is_lost_and_a_run_that_is_given_it_is_equal(
    tmp_path: Path, at: int, words: tuple[str, ...]
) -> None:
    code, result = resume(tmp_path, at, *words)
    assert code == 1
    (lost,) = result["resumption"]["lost"]
    assert lost["kind"] == "random-stream"
    assert lost["name"] == "torch CPU"
    finding = result["findings"][0]
    assert (finding["rule"], finding["cause"]) == ("RA613", "rng-order")
    assert finding["fix"]["verified"]
