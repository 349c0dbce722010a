"""A record as a run of TensorBoard, read back by its accumulator of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reproaudit.track.record import Logged
from reproaudit.track.to_tensorboard import TensorboardTracker
from tests.track.records import ODD, ODD_NAMES, RECORD

pytestmark = pytest.mark.leaves("import-finders", reason="absl, which TensorBoard uses, adds one")


def read_run(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "histograms": 0})
    return events.Reload()


def read_points(events: Any, tag: str) -> list[tuple[int, Any]]:
    from tensorboard.util.tensor_util import make_ndarray

    return [(one.step, make_ndarray(one.tensor_proto).item()) for one in events.Tensors(tag)]


def test_a_record_is_read_back_as_it_was_given(tmp_path: Path) -> None:
    logged = TensorboardTracker().log(RECORD, str(tmp_path))
    folder = tmp_path / "reproaudit-train.py"
    assert logged == Logged("tensorboard", folder.name, f"tensorboard --logdir {tmp_path}")
    events = read_run(folder)
    assert read_points(events, "reproaudit/divergence_rate") == [(0, 0.5)]
    assert read_points(events, RECORD.series[0].name) == [
        (0, 0.0),
        (1, 4.0),
        (5, pytest.approx(1e30)),
    ]
    assert read_points(events, "reproaudit/note") == [(0, b"2 runs, 2 distinct")]
    (table,) = [text.decode() for _, text in read_points(events, "reproaudit/tables/divergences")]
    assert table.splitlines()[2] == "| weight | 3.6e-12 |"
    assert (folder / "result.json").read_bytes() == b"{}\n"


def test_a_histogram_keeps_its_bins(tmp_path: Path) -> None:
    TensorboardTracker().log(RECORD, str(tmp_path))
    events = read_run(tmp_path / "reproaudit-train.py")
    (histogram,) = events.Histograms("reproaudit/ulp/gradient weight")
    assert histogram.step == 2
    assert list(histogram.histogram_value.bucket_limit) == [1.0, 2.0]
    assert list(histogram.histogram_value.bucket) == [7, 1]


def test_runs_are_listed_by_their_verdict(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    TensorboardTracker().log(RECORD, str(tmp_path))
    events = read_run(tmp_path / "reproaudit-train.py")
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    hparams = HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["reproaudit.verdict"].string_value == "not-reproducible"
    assert hparams["settings.seed"].string_value == "0"


def test_the_same_again_is_another_run(tmp_path: Path) -> None:
    for _ in range(2):
        TensorboardTracker().log(RECORD, str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "reproaudit-train.py",
        "reproaudit-train.py-1",
    ]


def test_the_folder_is_said_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    TensorboardTracker().log(RECORD)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "logs")
    TensorboardTracker().log(RECORD)
    assert {path.parent.name for path in tmp_path.glob("*/*")} == {"runs", "logs"}


def test_odd_names_and_long_tables_are_taken(tmp_path: Path) -> None:
    logged = TensorboardTracker().log(ODD, str(tmp_path))
    tags = read_run(tmp_path / logged.run).Tags()
    assert len(tags["histograms"]) == len(ODD_NAMES)
    assert "reproaudit/tables/odd" in tags["tensors"]


def test_a_folder_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        TensorboardTracker().log(RECORD, str(tmp_path / "file"))
