"""The first run, which may fill the compiler's cache. No program is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.audit import Experiment
from reproaudit.experiment.options import AuditOptions
from reproaudit.model.events import EventKind, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.runs.compiler_cache import CompilerCache
from reproaudit.runs.lab import Lab
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


def audit(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: Sequence[int],
    *,
    fills: Sequence[int] = (0,),
    notes: Sequence[Unchecked] = (Unchecked.COMPILED_REGIONS,),
    fresh_copy: bool = False,
    is_named: bool = True,
) -> tuple[AuditResult, list[str]]:
    """Audit a program of three runs whose gradients are `contents`, run after run.

    The runs numbered `fills` leave a file in the compiler's cache, which a variable names or which
    is a temporary folder. Returns the names of all runs.
    """
    made: list[str] = []
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    settings = Settings(env=(("TMPDIR", str(folder)),))
    if is_named:
        settings = Settings(env=(("TORCHINDUCTOR_CACHE_DIR", str(folder / "cache")),))
    cache = CompilerCache(settings, folder).folder
    cache.mkdir()

    def run(self: Lab, request: RunRequest) -> Run:
        number = len(made)
        made.append(request.name)
        self.seconds[request.name] = 1.0
        if number in fills:
            (cache / f"{number}.so").write_text("")
        gradient = Row("weight", contents[number], kind=EventKind.GRADIENT)
        trace = make_run(folder / f"{number}", 0, [gradient], notes=notes)
        # Its trace lies where that of a run with this name does.
        wanted = folder / request.name
        (folder / f"{number}" / "run-0").rename(wanted)
        return Run(request.index, trace.traces)

    monkeypatch.setattr(Lab, "run", run)
    monkeypatch.setattr(Lab, "prepare", lambda self, name: None)
    options = AuditOptions(
        SubjectSpec(SubjectKind.SCRIPT, folder, path="train.py"),
        runs=3,
        diagnose=False,
        capture_alerts=False,
        fresh_copy=fresh_copy,
        settings=settings,
    )
    return Experiment(options, Quiet(), folder).run(), made


def test_a_first_run_that_filled_the_compilers_cache_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, made = audit(tmp_path, monkeypatch, [1, 1, 1, 1])
    assert made == ["run-0", "run-0", "run-1", "run-2"]
    assert result.headline.startswith("3 runs are bitwise equal")
    assert (tmp_path / "compiling-run").is_dir()


def test_a_cache_that_the_user_named_is_filled_once_although_files_are_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = audit(tmp_path, monkeypatch, [1, 1, 1, 1], fresh_copy=True)
    assert made == ["run-0", "run-0", "run-1", "run-2"]


def test_the_run_that_compiled_is_none_of_the_runs_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = audit(tmp_path, monkeypatch, [1, 2, 3, 4])
    assert result.classes == ((0,), (1,), (2,))


def test_what_only_the_run_that_compiled_gave_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = audit(tmp_path, monkeypatch, [1, 2, 2, 2])
    assert result.classes == ((0,), (1, 2, 3))


@pytest.mark.parametrize(
    ("fills", "notes", "fresh_copy"),
    [
        ((), (Unchecked.COMPILED_REGIONS,), False),
        ((1,), (Unchecked.COMPILED_REGIONS,), False),
        ((0,), (), False),
        ((0, 1, 2), (Unchecked.COMPILED_REGIONS,), True),
    ],
    ids=["full before", "filled later", "nothing compiled", "empty in each run"],
)
def test_any_other_first_run_is_made_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fills: Sequence[int],
    notes: Sequence[Unchecked],
    fresh_copy: bool,
) -> None:
    _, made = audit(
        tmp_path,
        monkeypatch,
        [1, 1, 1],
        fills=fills,
        notes=notes,
        fresh_copy=fresh_copy,
        is_named=not fresh_copy,
    )
    assert made == ["run-0", "run-1", "run-2"]
