"""Servers and folders that fail: what is said, how long it takes at most, and what is left."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import reproaudit.track
from reproaudit.track.apart import log_apart
from reproaudit.track.registry import TRACKERS, Wanted
from tests.report import cases
from tests.track.conftest import TRACKER_VARIABLES

RESULT = cases.ONE_DIVERGENCE
MLFLOW = Wanted("mlflow")
WANDB = Wanted("wandb")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TRACKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Yield the address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say by the trackers' own variables how long to wait: less than a tenth of what we say."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")


@pytest.mark.parametrize("wanted", [MLFLOW, WANDB], ids=["mlflow", "wandb"])
@pytest.mark.usefixtures("short_patience")
def test_a_server_that_never_answers_is_given_up(
    wanted: Wanted, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    monkeypatch.setenv("WANDB_BASE_URL", silent_server)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    attempt = log_apart([RESULT], wanted)
    assert attempt.logged == ()
    assert "was not done after" not in attempt.failure
    assert "time" in attempt.failure.lower()


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 16 KiB, here and in what is started: as a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_disk_that_is_full_is_told(
    name: str, full_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    attempt = log_apart([RESULT], Wanted(name))
    assert attempt.logged == ()
    assert attempt.failure


# W&B writes below the temporary folder then, and says so.
@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_a_folder_that_is_none_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "file/runs")
    attempt = log_apart([RESULT], Wanted(name))
    assert attempt.logged == ()
    assert attempt.failure


def test_the_usual_patience_is_bounded() -> None:
    from reproaudit.track.to_mlflow import PATIENCE as of_mlflow
    from reproaudit.track.to_wandb import PATIENCE as of_wandb

    tries = 1 + int(of_mlflow["MLFLOW_HTTP_REQUEST_MAX_RETRIES"])
    assert tries * int(of_mlflow["MLFLOW_HTTP_REQUEST_TIMEOUT"]) <= 30
    assert float(of_wandb["init_timeout"]) <= 30


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # of what MLflow does
@pytest.mark.leaves("import-finders", reason="libraries of the trackers add theirs")
def test_from_python_a_failure_is_a_warning_and_the_others_are_still_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/absent/file/mlflow.db")
    (tmp_path / "absent").write_text("")
    with pytest.warns(RuntimeWarning, match="not logged to mlflow: "):
        logged = reproaudit.track.log(RESULT, ["mlflow", f"tensorboard={tmp_path}"])
    assert [one.tracker for one in logged] == ["tensorboard"]
