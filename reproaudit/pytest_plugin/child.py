"""The plugin inside a fresh process that runs one test for one check: the check records, and the
process ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.plan import SubjectKind, SubjectSpec
from reproaudit.config.settings import Settings
from reproaudit.runs.lab import Budget, Lab
from reproaudit.runs.progress import Quiet

CHECK_VARIABLE = "REPROAUDIT_CHECK"  # which check of the test is recorded, from 0
_TIMEOUT_S = 600.0


def child_check() -> int | None:
    """Return the number of the check that this process was started for; None in a session of the
    user's own."""
    text = os.environ.get(CHECK_VARIABLE)
    return None if text is None else int(text)


def record_in_child(seed: int | None, run: Callable[[Callable[[Any], None]], None]) -> None:
    """Seed the streams, let `run` run the code once, record what it gives to its argument, and end
    the session."""

    from reproaudit.record.process import install
    from reproaudit.record.process.repetition import Repetition
    from reproaudit.record.state.process_state import seed_streams

    recorder = install.current
    if recorder is None:
        raise RuntimeError(f"{CHECK_VARIABLE} is set, but nothing records this process")
    if seed is not None:
        seed_streams(seed)
    run(Repetition(recorder).record_return)
    recorder.complete()
    pytest.exit("recorded for reproaudit", returncode=0)


def spec_of(item: pytest.Item) -> SubjectSpec:
    """Return the subject that a fresh process runs: this one test, by the same configuration,
    without a scheduler."""
    config = item.config
    cwd = config.invocation_params.dir
    path = os.path.relpath(item.path, cwd)
    options = ["--rootdir", str(config.rootpath), "-p", "no:cacheprovider", "-m", "", "-k", ""]
    options += ["-c", str(config.inipath)] if config.inipath is not None else []
    plugins = config.pluginmanager
    if plugins.hasplugin("xdist"):
        options += ["-n", "0"]
    if plugins.hasplugin("pytest_cov"):
        options.append("--no-cov")
    if (
        plugins.hasplugin("randomly")
        and (seed := config.getoption("randomly_seed", None)) is not None
    ):
        options += ["-p", "randomly", "--randomly-seed", str(seed)]
    for name in config.getoption("plugins", []):
        options += ["-p", name]
    for setting in config.getoption("override_ini", None) or []:
        options += ["-o", setting]
    return SubjectSpec(
        SubjectKind.PYTEST,
        Path(cwd),
        path=path,
        attribute=item.nodeid.partition("::")[2],
        argv=tuple(options),
    )


def process_lab(item: pytest.Item, check: int, runs: int, folder: Path) -> Lab:
    """Return what makes fresh processes that run this test for its check number `check`."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(env=((CHECK_VARIABLE, str(check)),))
    return Lab(
        spec_of(item),
        settings,
        folder,
        Quiet(),
        steps=None,
        values_mb=16,
        timeout_s=_TIMEOUT_S,
        show_output=False,
        python=sys.executable,
        budget=Budget(max(runs, 60), 300.0),
        fresh_copy=False,
    )
