"""The hooks of the pytest plugin: fixture, marker, options, summary. Whatever is heavy is imported
when a test first uses it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from reproaudit.pytest_plugin.names import (
    DEVICE_FIXTURE,
    FAILURE,
    ISOLATIONS,
    MARKER,
    RAISED,
    REPORT_ATTRIBUTE,
    RESULTS,
)

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from reproaudit.pytest_plugin.checks import Checks


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their equivalents in the configuration file."""
    group = parser.getgroup(
        "reproaudit",
        "reproducibility of PyTorch code (fixture `reproaudit`, marker `reproducible`)",
    )
    group.addoption(
        "--reproaudit-runs",
        type=int,
        metavar="N",
        help="repetitions per check that names no number",
    )
    group.addoption(
        "--reproaudit-isolation",
        choices=ISOLATIONS,
        help="repeat within this process (default), or in fresh ones, where also hash order and "
        "unseeded imports show",
    )
    group.addoption(
        "--reproaudit-strict",
        action="store_true",
        help="fail marked tests in which nothing was compared, because they compute nothing with "
        "torch",
    )
    group.addoption(
        "--reproaudit-report",
        action="append",
        default=[],
        metavar="FORMAT=PATH",
        help="write what the checks found: terminal, json, junit, sarif, markdown, … (repeatable)",
    )
    parser.addini(
        "reproaudit_runs", "repetitions per check that names no number (default 5, markers 3)"
    )
    parser.addini("reproaudit_isolation", "inprocess (default) or process")
    parser.addini(
        "reproaudit_strict",
        "fail marked tests in which nothing was compared",
        type="bool",
        default=False,
    )
    parser.addini(
        "reproaudit_report",
        "reports to write, FORMAT=PATH, one per line",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker. Refuse reports that could not be written before any test runs."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(runs=3, seed=0, tolerance=None, isolation=None, strict=None): repeat the test; "
        "everything that it computes through torch and what it returns must be equal each time",
    )
    if not hasattr(config, "workerinput"):  # else a worker of pytest-xdist, which reports nothing
        config.pluginmanager.register(_Gatherer(config), "reproaudit-results")
    if config.getoption("reproaudit_report") or config.getini("reproaudit_report"):
        from reproaudit.pytest_plugin.reports import try_report_paths

        try_report_paths(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `reproaudit_device` once for each device that is present."""
    if DEVICE_FIXTURE in metafunc.fixturenames:
        from reproaudit.pytest_plugin.checks import list_devices

        metafunc.parametrize(DEVICE_FIXTURE, list_devices())


@pytest.fixture(name="reproaudit")
def _reproaudit(request: pytest.FixtureRequest) -> Checks:
    """Check that code is reproducible: `reproaudit.check(step)`, `.assert_reproducible(step)`."""
    from reproaudit.pytest_plugin.checks import Checks

    return Checks(request.node)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Repeat a marked test; all others go their usual way."""
    if item.get_closest_marker(MARKER) is None:
        return None
    from reproaudit.pytest_plugin.marker import repeat_marked

    repeat_marked(item, nextitem)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a marked test in our own way, to record what it returns."""
    if pyfuncitem.get_closest_marker(MARKER) is None:
        return None
    from reproaudit.pytest_plugin.marker import call_function

    return call_function(pyfuncitem)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail in place of the test, once it is known that it does."""
    failure = item.stash.get(FAILURE, "")
    if failure:
        pytest.fail(failure, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Attach the results of the test's checks to the report of its call."""
    raised = item.stash.get(RAISED, None)
    if raised is not None and call.when == "call":
        raised.append(None if call.excinfo is None else call.excinfo.value)
    report = yield
    results = item.stash.get(RESULTS, [])
    if call.when == "call" and results:
        setattr(report, REPORT_ATTRIBUTE, list(results))
        results.clear()
    return report


class _Gatherer:
    """Gathers the results of one session: here, or, with pytest-xdist, where all reports arrive."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: list[tuple[str, str, bool]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for text in getattr(report, REPORT_ATTRIBUTE, ()):
            self._found.append((report.nodeid, text, report.failed))

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Write the reports, and a line per check that did not come out reproducible."""
        if self._found:
            from reproaudit.pytest_plugin.reports import write_summary

            write_summary(terminalreporter, self._config, self._found)
