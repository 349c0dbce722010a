"""Actions run right after the program's own import of a module, and leave no trace in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reproaudit.record.process.imports import ImportGuard, ImportWatch

NAME = "imported_by_a_test"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that can be imported once."""
    file = tmp_path / f"{NAME}.py"
    file.write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield file
    sys.modules.pop(NAME, None)


@pytest.fixture
def watch() -> Iterator[ImportWatch]:
    watch = ImportWatch()
    yield watch
    watch.remove()


@pytest.mark.usefixtures("module")
def test_actions_run_after_the_module_in_the_order_in_which_they_came(watch: ImportWatch) -> None:
    seen: list[object] = []
    watch.when_imported(NAME, lambda: seen.append(sys.modules[NAME].value))
    watch.when_imported(NAME, lambda: seen.append("second"))
    assert seen == []
    importlib.import_module(NAME)
    assert seen == [1, "second"]
    assert watch not in sys.meta_path


@pytest.mark.usefixtures("module")
def test_looking_for_the_module_uses_nothing_up(watch: ImportWatch) -> None:
    seen: list[str] = []
    watch.when_imported(NAME, lambda: seen.append("imported"))
    assert importlib.util.find_spec(NAME) is not None
    assert seen == []
    importlib.import_module(NAME)
    assert seen == ["imported"]


def test_an_action_for_a_module_that_is_there_runs_at_once(watch: ImportWatch) -> None:
    seen: list[str] = []
    watch.when_imported("sys", lambda: seen.append("now"))
    assert seen == ["now"]


@pytest.mark.usefixtures("module")
def test_the_module_has_the_loader_that_it_would_have(watch: ImportWatch) -> None:
    without = importlib.util.find_spec(NAME)
    watch.when_imported(NAME, lambda: None)
    found = importlib.import_module(NAME)
    assert without is not None
    assert found.__spec__ is not None
    assert type(found.__loader__) is type(without.loader)
    assert found.__spec__.loader is found.__loader__


def test_a_module_that_fails_to_import_runs_no_action_and_is_guarded_all_the_same(
    module: Path, watch: ImportWatch
) -> None:
    module.write_text("raise ValueError('broken')\n")
    seen: list[str] = []
    watch.when_imported(NAME, lambda: seen.append("imported"))
    guard = ImportGuard(lambda: lambda: seen.append("put back"))
    guard.install()
    try:
        with pytest.raises(ValueError, match="broken"):
            importlib.import_module(NAME)
    finally:
        guard.remove()
    assert seen == ["put back"]
