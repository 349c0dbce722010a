"""Which trackers there are, and how they are named."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

import reproaudit.track
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.track.registry import (
    TRACKERS,
    Entry,
    Wanted,
    find_active,
    import_tracker,
    load_tracker,
    read_wanted,
)
from tests.report import cases


def test_each_is_named_once_with_its_place() -> None:
    assert read_wanted(["mlflow", "mlflow=audits", "mlflow"]) == (
        Wanted("mlflow"),
        Wanted("mlflow", "audits"),
    )
    assert read_wanted(["none"]) == ()


def test_an_unknown_one_is_refused_with_one_like_it() -> None:
    with pytest.raises(UsageError, match="there is no tracker 'mflow'") as caught:
        read_wanted(["mflow"])
    assert caught.value.hint == "did you mean 'mlflow'?"


def test_a_place_that_is_empty_is_refused() -> None:
    with pytest.raises(UsageError, match="names no place"):
        read_wanted(["mlflow="])


def test_one_that_is_not_installed_is_refused_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    # Trackers make a folder of their own name, which Python takes for a package.
    (tmp_path / "mlflow").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UsageError, match="needs mlflow, which is not installed") as caught:
        read_wanted(["mlflow"])
    assert caught.value.code == "extra-missing"
    assert caught.value.hint == "pip install 'reproaudit[mlflow]'"


@pytest.mark.parametrize("entry", TRACKERS.values(), ids=TRACKERS)
def test_every_entry_has_an_adapter(entry: Entry) -> None:
    assert callable(load_tracker(entry).log)


def test_a_version_is_old_by_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry("reproaudit.track.to_mlflow", "MlflowTracker", "platform", "3.9")
    for version in ("3.9.1", "3.10.0rc1", "10.0"):
        monkeypatch.setattr(platform, "__version__", version)
        assert import_tracker(entry)
    monkeypatch.setattr(platform, "__version__", "2.22.4")
    with pytest.raises(ReproauditError, match=r"platform 2\.22\.4 is too old: 3\.9 or newer"):
        import_tracker(entry)


def test_without_a_run_under_way_a_tracker_must_be_named() -> None:
    assert find_active() == ()
    with pytest.raises(UsageError, match="no tracker has a run under way"):
        reproaudit.track.log(cases.REPRODUCIBLE)
