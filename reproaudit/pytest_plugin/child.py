"""Fresh processes that run one test for one check: what starts them, and what they do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from reproaudit.config.settings import Settings
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.runs.budget import Budget
from reproaudit.runs.lab import Lab, RunSetup
from reproaudit.runs.orphans import adopt_orphans
from reproaudit.runs.progress import Quiet
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run

CHECK_VARIABLE = "REPROAUDIT_CHECK"  # which check of the test is recorded, from 0
_TIMEOUT_S = 600.0
_KEPT_MB = 16  # of boundary tensors per run
_LEAST_RUNS = 60  # that a diagnosis may make
_BUDGET_S = 300.0


def read_check() -> int | None:
    """Return the number of the check that this process was started for.

    None in a session of the user's own.
    """
    text = os.environ.get(CHECK_VARIABLE)
    return None if text is None else int(text)


def record_in_child(seed: int | None, run: Callable[[Callable[[Any], None]], None]) -> NoReturn:
    """Seed the streams, let `run` run the code once, and end the session.

    `run` is given what records the value that the code returned. Raises RuntimeError if nothing
    records this process.
    """
    # The recorder comes in when torch has been imported, and its own modules import torch: the
    # first import of torch must not come from one of them.
    import torch  # noqa: F401

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
    # What follows in the test, and the teardown of its fixtures, is no part of the run.
    pytest.exit("recorded for reproaudit", returncode=0)


def run_earlier(seed: int | None, run: Callable[[], Any]) -> None:
    """Run the code of a check that comes before the wanted one, from the streams that it has there.

    It is recorded, too: unseeded, it would differ from process to process.
    """
    import torch  # noqa: F401 - first, as in `record_in_child`

    from reproaudit.pytest_plugin.recording import run_from_seed

    run_from_seed(seed, run)


def spec_of(item: pytest.Item) -> SubjectSpec:
    """Return the subject that a fresh process runs: this one test, under the same configuration."""
    cwd = item.config.invocation_params.dir
    options = _list_options(item.config)
    return SubjectSpec(
        SubjectKind.PYTEST,
        Path(cwd),
        path=os.path.relpath(item.path, cwd),
        attribute=item.nodeid.partition("::")[2],
        argv=tuple(options),
    )


def _list_options(config: pytest.Config) -> list[str]:
    """Return the command line under which pytest finds and runs the test as it does here.

    Without the cache, which the session of the user writes, without a selection, for the test is
    named, and without what only makes sense for many tests: a scheduler, and coverage.
    """
    options = ["--rootdir", str(config.rootpath), "-p", "no:cacheprovider"]
    # Empty ones take back a selection in the configuration file.
    options += ["-m", "", "-k", ""]
    if config.inipath is not None:
        options += ["-c", str(config.inipath)]
    plugins = config.pluginmanager
    if plugins.hasplugin("xdist"):
        options += ["-n", "0"]
    if plugins.hasplugin("pytest_cov"):
        options.append("--no-cov")
    if plugins.hasplugin("rerunfailures"):
        # What fails in a run is how it ended: it is recorded once.
        options += ["--reruns", "0"]
    if plugins.hasplugin("randomly"):
        seed = config.getoption("randomly_seed", None)
        if seed is not None:
            options += ["-p", "randomly", "--randomly-seed", str(seed)]
    for name in config.getoption("plugins", []):
        options += ["-p", name]
    for setting in config.getoption("override_ini", None) or []:
        options += ["-o", setting]
    return options


class _ProcessLab(Lab):
    """Ends what a run leaves running, as daemons are, and nothing that the session started."""

    def run(self, request: RunRequest) -> Run:
        """Make one run; see `Lab.run`."""
        (mark,) = self.settings.env
        with adopt_orphans(mark="=".join(mark)):
            return super().run(request)


def make_process_lab(item: pytest.Item, check: int, runs: int, folder: Path) -> Lab:
    """Return what makes fresh processes that run this test for its check number `check`."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(env=((CHECK_VARIABLE, str(check)),))
    return _ProcessLab(
        spec_of(item),
        settings,
        folder,
        Quiet(),
        setup=RunSetup(steps=None, values_mb=_KEPT_MB, timeout_s=_TIMEOUT_S),
        budget=Budget(runs=max(runs, _LEAST_RUNS), seconds=_BUDGET_S),
    )
