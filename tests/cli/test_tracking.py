"""What `--track` does to a command: nothing to its answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reproaudit.cli.main import main
from reproaudit.report.json_report import to_json
from reproaudit.track.apart import Attempt
from tests.report import cases

DIFFERS = cases.ONE_DIVERGENCE


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "result.json"
    path.write_text(to_json(DIFFERS))
    return str(path)


@pytest.fixture
def dead_address() -> Iterator[str]:
    """Yield the address of a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_tracker_that_is_down_costs_one_line_and_nothing_else(
    saved: str,
    dead_address: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead_address)
    assert main(["report", saved, "--track", "mlflow", "--report", "json=-"]) == 1
    said = capfd.readouterr()
    assert said.out == to_json(DIFFERS)
    assert said.err.startswith("reproaudit: warning: not logged to mlflow: MlflowException: ")
    assert said.err.endswith("[track-failed]\n")
    assert said.err.count("\n") == 1


def test_an_unknown_tracker_is_refused_before_anything_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", "absent.json", "--track", "neptune"]) == 2
    assert "[tracker-unknown]" in capsys.readouterr().err


def test_ctrl_c_while_it_logs_leaves_the_answer(
    saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any) -> Attempt:
        raise KeyboardInterrupt

    monkeypatch.setattr("reproaudit.track.apart.log_apart", interrupt)
    assert main(["report", saved, "--track", "mlflow"]) == 1
    said = capsys.readouterr()
    assert "not reproducible" in said.out
    assert said.err == "reproaudit: interrupted while logging to mlflow; the answer stands\n"
