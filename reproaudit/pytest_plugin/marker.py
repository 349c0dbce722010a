"""The marker `reproducible`: a test's whole protocol, fixtures included, repeated from the same
random streams."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from reproaudit.config.settings import did_you_mean
from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.result import AuditResult
from reproaudit.pytest_plugin.checks import Options, is_good, options_of, repeat_test
from reproaudit.pytest_plugin.child import child_check, record_in_child
from reproaudit.pytest_plugin.hooks import MARKER, results_key
from reproaudit.report.assertion import AssertionText

if TYPE_CHECKING:
    from reproaudit.record.process.repetition import Repetition

_RUNS = 3
_call_key = pytest.StashKey[Callable[[Callable[[], Any]], None]]()  # what calls the test's function


class RepetitionFailed(Exception):
    """The test was skipped in this repetition, or failed by other means than an exception of its
    function."""


class _Sibling:
    """Stands for a next test beside this one, so that a teardown ends this test's own fixtures and
    no wider ones."""

    def __init__(self, item: pytest.Item) -> None:
        self._chain = item.listchain()[:-1]

    def listchain(self) -> list[Any]:
        return self._chain


def run_marked(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run the protocol of a marked test and log its reports."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _Marked(item, nextitem).reports():
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def call_marked(item: pytest.Function) -> bool | None:
    """Call the test function and record what it returns; None lets pytest call a test that is not
    being repeated."""
    call = item.stash.get(_call_key, None)
    if call is None:
        return None
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    call(lambda: item.obj(**arguments))
    return True


class _Marked:
    """One marked test: repeats it, compares, and turns a divergence into the failure of its last
    repetition."""

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._item = item
        self._nextitem = nextitem
        self._last: list[pytest.TestReport] = []
        self._seconds = 0.0
        self._raised: BaseException | None = None  # by the test's function in the last repetition

    def reports(self) -> list[pytest.TestReport]:
        try:
            options = _marked_options(self._item)
            if child_check() is not None:
                self._in_child(options)
                return [*self._last, *self._end()]
            if options.isolation == "process":
                self._protocol(
                    lambda value: None
                )  # once here, so that the test's own failure shows as ever
            result = repeat_test(self._item, options, self._repetition, check=0)
        except Exception as error:
            if error is self._raised or isinstance(error, RepetitionFailed):
                return [*self._last, *self._end()]  # as it would have ended without us
            if not isinstance(error, ReproauditError):
                raise
            setup = [report for report in self._last if report.when == "setup"]
            return [*setup, self._verdict(f"reproaudit: {error}"), *self._end()]
        others = [report for report in self._last if report.when != "call"]
        return [others[0], self._verdict(self._failure(result), result), *others[1:], *self._end()]

    def _repetition(self, repetition: Repetition) -> None:
        """Make one repetition: set up, call, tear down. The test's own failure is an exception."""
        self._protocol(repetition.record_return)

    def _in_child(self, options: Options) -> None:
        """Make the one repetition of a fresh process, which ends with it."""
        record_in_child(options.seed, self._protocol)

    def _protocol(self, record: Callable[[Any], None]) -> None:
        item = self._item

        def call(function: Callable[[], Any]) -> None:
            try:
                value = function()
            except BaseException as error:
                self._raised = error
                raise
            record(value)

        item.stash[_call_key], self._raised = call, None
        try:
            self._last = runtestprotocol(item, log=False, nextitem=_Sibling(item))  # type: ignore[arg-type]
        finally:
            del item.stash[_call_key]
        self._seconds += sum(report.duration for report in self._last)
        if isinstance(self._raised, Exception):
            raise self._raised
        if self._raised is not None:  # skipped, or failed by pytest.fail
            raise RepetitionFailed(
                f"{type(self._raised).__name__}: {self._raised}"
            ) from self._raised
        for report in self._last:
            # The call's report may be a failure although it passed: that is what a strict `xfail`
            # makes of it.
            if report.when != "call" and not report.passed:
                raise RepetitionFailed(
                    f"the test {report.outcome} in its {report.when}: {_crash(report)}"
                )

    def _verdict(self, failure: str, result: AuditResult | None = None) -> pytest.TestReport:
        """Return the report of the call: it goes the usual way, so that `xfail` and other plugins
        see it."""
        from reproaudit.report.json_report import to_json

        if result is not None:
            self._item.stash.setdefault(results_key, []).append(to_json(result))

        def judge() -> None:
            if failure:
                pytest.fail(failure, pytrace=False)

        call = pytest.CallInfo.from_call(judge, when="call")
        report: pytest.TestReport = self._item.ihook.pytest_runtest_makereport(
            item=self._item, call=call
        )
        report.duration = self._seconds
        return report

    def _failure(self, result: AuditResult) -> str:
        """Return what the failing test shows, with its own line first; empty if all is well."""
        if is_good(result):
            return ""
        path, line, _ = self._item.location
        return f"{path}:{(line or 0) + 1}: {AssertionText().render(result)}"

    def _end(self) -> list[pytest.TestReport]:
        """Tear down what the next test does not share; a report only if that fails."""
        item = self._item
        call = pytest.CallInfo.from_call(
            lambda: item.session._setupstate.teardown_exact(self._nextitem), when="teardown"
        )
        if call.excinfo is None:
            return []
        return [item.ihook.pytest_runtest_makereport(item=item, call=call)]


def _crash(report: pytest.TestReport) -> str:
    return report.longreprtext.strip().rpartition("\n")[2][:200]


def _marked_options(item: pytest.Item) -> Options:
    marker = item.get_closest_marker(MARKER)
    assert marker is not None
    known = set(inspect.signature(Options).parameters)
    for name in marker.kwargs:
        if name not in known:
            raise UsageError(
                f"the marker {MARKER} has no option {name!r}",
                code="marker-option",
                hint=did_you_mean(name, known),
            )
    if marker.args:
        raise UsageError(
            f"the marker {MARKER} takes options by name",
            code="marker-option",
            hint=f"{MARKER}(runs=3)",
        )
    if (
        not isinstance(item, pytest.Function)
        or hasattr(item.parent, "_testcase")
        or _is_unittest(item)
    ):
        raise UsageError(
            "only plain test functions and methods can be repeated",
            code="marker-item",
            hint="use a function, and the fixture `reproaudit` for what it should repeat",
        )
    if inspect.iscoroutinefunction(item.obj):
        raise UsageError(
            "a coroutine cannot be repeated",
            code="marker-item",
            hint="run it inside a plain test function",
        )
    return options_of(item.config, Options(**marker.kwargs), default_runs=_RUNS)


def _is_unittest(item: pytest.Function) -> bool:
    import unittest

    return item.cls is not None and issubclass(item.cls, unittest.TestCase)
