"""`reproaudit compare mlflow:A mlflow:B` and `reproaudit record --track`: against a real store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.main import main
from reproaudit.comparison.run_tree import list_leaves, make_tree
from reproaudit.comparison.tensor_names import list_names
from reproaudit.config.settings import Settings
from reproaudit.manifest.document import from_json, to_json
from reproaudit.manifest.model import Manifest, Package
from reproaudit.model.events import EventKind
from reproaudit.track.read_mlflow import keep_files, read_run
from tests.comparison.traces import Row, make_run
from tests.manifest.manifests import FULL, PATCH

pytestmark = pytest.mark.filterwarnings("ignore")
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def track_run(
    mlflow_store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """Log a run with MLflow, and keep what is given beside it; return what compare calls it."""
    made = []

    def make(
        manifest: Manifest | None = None, contents: tuple[int, ...] = (), **params: object
    ) -> str:
        import mlflow

        with mlflow.start_run(run_name=f"run {len(made)}") as run:
            mlflow.log_params(params)
            mlflow.log_metric("loss", 1.0 + sum(contents))
        made.append(run)
        files = {}
        if manifest is not None:
            files["manifest.json"] = to_json(manifest).encode()
        if contents:
            rows = [
                Row("weight", content, kind=EventKind.GRADIENT, step=step)
                for step, content in enumerate(contents)
            ]
            leaves = list_leaves(make_run(tmp_path, len(made), rows))
            files["run.digests"] = make_tree(leaves).to_bytes()
            files["tensor_names.json"] = list_names(leaves).to_bytes()
        if files:
            monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
            keep_files(files, "", "")
            monkeypatch.delenv("MLFLOW_RUN_ID")
        return f"mlflow:{run.info.run_id}"

    return make


@pytest.mark.slow
def test_a_version_a_dirty_line_and_a_seed_are_named_with_the_first_tensor(
    track_run: Callable[..., str], capsys: Captured
) -> None:
    changed = PATCH.replace("0.2", "0.3")
    code = replace(FULL.code, patch=changed, patch_digest="0" * 64)
    packages = (Package("torch", "2.14.0+cu126"), *FULL.packages[:2], FULL.packages[3])
    other = replace(FULL, packages=packages, code=code)
    first = track_run(FULL, (5, 6, 7), seed=0)
    second = track_run(other, (5, 8, 9), seed=1)
    assert main(["compare", first, second, "--report", "json=c.json"]) == 1
    found = json.loads(Path("c.json").read_text())["differences"]
    assert [(one["area"], one["name"], one["risk"]) for one in found] == [
        ("parameter", "seed", "high"),
        ("uncommitted change", "train.py", "high"),
        ("package", "torch", "high"),
        ("recorded tensor", "of step 1: gradient weight", "outcome"),
        ("metric", "loss", "outcome"),
    ]
    text = capsys.readouterr().out
    assert "parameter seed, uncommitted change train.py, package torch" in text.replace("\n  ", " ")
    assert "      A +lr = 0.2\n      B +lr = 0.3\n" in text


@pytest.mark.slow
def test_equal_runs_exit_with_0(track_run: Callable[..., str], capsys: Captured) -> None:
    assert main(["compare", track_run(FULL, (5,), lr=1), track_run(FULL, (5,), lr=1)]) == 0
    assert "recorded tensor 1" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_a_run_without_a_manifest_is_compared_by_what_mlflow_noted(
    track_run: Callable[..., str], capsys: Captured
) -> None:
    assert main(["compare", track_run(FULL, (5,), lr=1), track_run(lr=2)]) == 1
    text = capsys.readouterr().out
    assert "parameter lr: 1 -> 2" in text
    assert "package: only mlflow:" in text
    assert "recorded tensor: only mlflow:" in text


@pytest.mark.slow
def test_a_broken_file_beside_a_run_is_said_and_the_rest_compared(
    track_run: Callable[..., str], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = track_run(FULL, (5,), lr=1), track_run(lr=1)
    monkeypatch.setenv("MLFLOW_RUN_ID", second.removeprefix("mlflow:"))
    keep_files({"manifest.json": b"[]", "run.digests": b"x"}, "", "")
    main(["compare", first, second])
    text = " ".join(capsys.readouterr().out.split())
    assert "its manifest was not read: cannot read 'manifest.json'" in text
    assert "its digests were not read: cannot read 'run.digests'" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mlflow:a", "two runs of one tracker"),
        ("mlflow:a mlflow:b mlflow:c", "two runs of one tracker"),
        ("mlflow:a trace", "two runs of one tracker"),
        ("trace mlflow:a", "two runs of one tracker"),
        ("mlflow:a mlflow:", "mlflow: names no run"),
        ("mlflow:a mlflow:b --tolerance ulp=1", "--tolerance is about tensors"),
        ("mlflow:a mlflow:b --track mlflow", "--track logs the result of an audit"),
        ("mlflow:a mlflow:b --report html=x", "has no html report"),
        pytest.param(
            "mlflow:a mlflow:b",
            "cannot read 'mlflow:a': MlflowException: Run with id=a not found",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exits_with_2(
    mlflow_store: Any, capsys: Captured, words: str, said: str
) -> None:
    assert main(["compare", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 2


PROGRAM = """\
import torch
net = torch.nn.Linear(2, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    net(torch.ones(1, 2)).sum().backward()
    opt.step()
"""


@pytest.mark.slow
def test_a_recording_keeps_manifest_and_digests_beside_the_run(
    mlflow_store: Any, track_run: Callable[..., str], capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("train.py").write_text(PROGRAM)
    first = track_run(lr=1)
    run_id = first.removeprefix("mlflow:")
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    words = ["record", "--seed", "0", "--track", "mlflow", "--out", "a", "train.py"]
    assert main(words) == 0
    assert f"kept beside {first}" in capfd.readouterr().err
    manifest = from_json(read_run(run_id).find_kept("manifest.json").decode(), "manifest")
    assert manifest.settings == Settings(seed=0)
    assert manifest.command.subject == "train.py"
    monkeypatch.delenv("MLFLOW_RUN_ID")
    assert main(["record", "--seed", "1", "--track", "mlflow", "--out", "b", "train.py"]) == 0
    said = capfd.readouterr().err
    second = said.partition("kept beside ")[2].partition(";")[0]
    assert second != first
    assert main(["compare", first, second]) == 1
    text = capfd.readouterr().out
    assert " seed: 0 -> 1\n" in text
    assert "recorded tensor of step 0: output loss" in text.replace("\n", " ")


@pytest.mark.slow
def test_a_tracker_that_is_down_costs_a_line_and_the_recording_stands(
    mlflow_store: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("train.py").write_text(PROGRAM)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert main(["record", "--track", "mlflow", "--out", "a", "train.py"]) == 0
    assert "nothing was kept in mlflow: " in capfd.readouterr().err
    assert Path("a/run.json").is_file()


def test_a_recording_is_not_begun_for_a_tracker_that_is_not_there(capsys: Captured) -> None:
    assert main(["record", "--track", "nowhere", "train.py"]) == 2
    assert "[tracker-unknown]" in capsys.readouterr().err
