"""A record in Weights & Biases, without a network: what lies in the folder of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.track.to_wandb import WandbTracker
from tests.track.conftest import TRACKER_VARIABLES
from tests.track.records import ODD, RECORD

pytestmark = pytest.mark.leaves("import-finders", reason="W&B adds one when it is first used")


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let W&B write into the test's own folder, and end what it leaves."""
    import wandb

    for name in TRACKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield
    wandb.teardown()


def list_media(folder: Path) -> list[str]:
    """Return the media of the only run, without the digests of their names."""
    (run,) = folder.glob("wandb/offline-run-*")
    return sorted(path.name.rpartition("_")[0] for path in run.glob("files/media/**/*.*"))


def test_tables_and_the_page_are_media_of_a_run_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logged = WandbTracker().log(RECORD)
    assert logged.place.startswith("wandb sync ")
    assert list_media(tmp_path) == ["divergences_3", "page_3"]
    (table,) = tmp_path.glob("wandb/offline-run-*/files/media/table/reproaudit/tables/*")
    read = json.loads(table.read_text())
    assert read["columns"] == ["name", "max_abs"]
    assert read["data"] == [["weight", 3.6e-12], ["ü", None]]
    assert capfd.readouterr().out == ""


def test_the_run_s_file_holds_verdict_series_and_artifact(tmp_path: Path) -> None:
    tracker = WandbTracker()
    tracker.log(RECORD)
    tracker.close()
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    content = file.read_bytes()
    for written in (b"not-reproducible", b"reproaudit/growth/gradient/layers.1", b"result.json"):
        assert written in content


def test_a_run_under_way_keeps_its_own_steps(tmp_path: Path) -> None:
    import wandb

    with wandb.init(settings=wandb.Settings(console="off")) as run:
        assert WandbTracker().has_active_run()
        run.log({"loss": 1.0})
        step = run.step
        logged = WandbTracker().log(RECORD)
        assert wandb.run is run
        assert logged.run == run.id
        assert run.step == step
        assert run.summary["reproaudit/verdict"] == "not-reproducible"
        assert run.config["reproaudit"]["settings/seed"] == "0"
        assert run.tags == ("reproaudit", "not-reproducible")
    assert not WandbTracker().has_active_run()
    assert list_media(tmp_path) == ["divergences_1", "growth_1", "page_1"]


def test_a_run_that_the_environment_names_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "training")
    assert WandbTracker().log(RECORD).run != "training"
    monkeypatch.setenv("WANDB_RESUME", "allow")
    # The variables are read when W&B is first used.
    import wandb

    wandb.teardown()
    assert WandbTracker().log(RECORD).run == "training"


def test_odd_names_are_taken() -> None:
    assert WandbTracker().log(ODD).run
