"""The marker `reproducible`: a test's whole protocol, fixtures included, repeated from the same
random streams."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from reproaudit.errors import ReproauditError, UsageError, did_you_mean
from reproaudit.model.result import AuditResult
from reproaudit.pytest_plugin.checks import is_empty, is_passed, repeat_test
from reproaudit.pytest_plugin.child import read_check, record_in_child
from reproaudit.pytest_plugin.names import FAILURE, MARKER, RAISED, REPORT_ATTRIBUTE
from reproaudit.pytest_plugin.options import CheckOptions, complete_options
from reproaudit.pytest_plugin.recording import run_from_seed
from reproaudit.report.assertion import AssertionText
from reproaudit.runs.in_process import CurrentRepetition

_RUNS = 3
_MOST_CHARACTERS = 200  # of what a failed setup or teardown says
_SEEDED = "all random streams were seeded with {} for this test; with seed=None they are left alone"
# A second try would hide a divergence: it may well come out equal.
_NOT_RERUN = "a marked test is never rerun: one that differs once is not reproducible"

# Of an item that is being repeated: what calls the test's function.
_CALLER = pytest.StashKey[Callable[[Callable[[], Any]], None]]()


class RepetitionFailed(Exception):
    """The test was skipped in this repetition, or failed otherwise than by an exception."""


class _Sibling:
    """Stands for a next test beside this one.

    A teardown before it ends the test's own fixtures and no wider ones.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._chain = item.listchain()[:-1]

    def listchain(self) -> list[Any]:
        return self._chain


def repeat_marked(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run the protocol of a marked test and log its reports."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _MarkedTest(item, nextitem).make_reports():
        if report.failed and _is_to_be_rerun(item):
            report.sections.append(("reproaudit", _NOT_RERUN))
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def call_function(item: pytest.Function) -> bool | None:
    """Call the test's function and record what it returns.

    None lets pytest call the function of a test that is not being repeated.
    """
    call = item.stash.get(_CALLER, None)
    if call is None:
        return None
    if inspect.iscoroutinefunction(item.obj):
        # A plugin for coroutines has put a plain function into its place by now.
        raise UsageError(
            "a coroutine cannot be repeated",
            code="marker-item",
            hint="use a plugin that runs coroutines, or run it inside a plain test function",
        )
    # Fixtures that the test uses without taking them are no arguments.
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    call(partial(item.obj, **arguments))
    return True


class _MarkedTest:
    """Repeats one marked test, and has its call fail where the repetitions differ."""

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._item = item
        self._nextitem = nextitem
        self._last: list[pytest.TestReport] = []  # of the last repetition
        self._seconds = 0.0
        self._raised: BaseException | None = None  # by the test in the last repetition
        self._made = 0  # repetitions
        self._seed: int | None = None
        self._properties = len(item.user_properties)

    def make_reports(self) -> list[pytest.TestReport]:
        """Return the reports of setup, call and teardown, as pytest logs them for any test."""
        try:
            return self._compare()
        except pytest.fail.Exception as error:
            # From pytest-timeout: the time of the test was over, between its repetitions or in one.
            failure = f"reproaudit: while the test was repeated: {error}"
        except Exception as error:
            if isinstance(error, ReproauditError):
                failure = f"reproaudit: {error}"
            elif error is self._raised or isinstance(error, RepetitionFailed):
                failure = ""
            else:
                raise
        if failure:
            return self._make_verdict(failure)
        # The test failed or was skipped by itself: it ends as it would have without us.
        for report in self._last:
            if report.failed and self._seed is not None:
                # Without us it may draw other numbers each time, and seldom these.
                report.sections.append(("reproaudit", _SEEDED.format(self._seed)))
        return [*self._last, *self._tear_down()]

    def _compare(self) -> list[pytest.TestReport]:
        options = _read_options(self._item)
        self._seed = options.seed
        if read_check() is not None:
            record_in_child(options.seed, self._run_protocol)
        with _without_timing(self._item.config):
            result = self._repeat(options)
        failure = self._describe_failure(result, is_strict=bool(options.strict))
        if failure or self._raised is not None:
            reports = self._make_verdict(failure)
        else:
            reports = [*self._last, *self._tear_down()]
        _attach(result, reports)
        return reports

    def _repeat(self, options: CheckOptions) -> AuditResult:
        if options.isolation == "process":
            # Once here, so that a failure of the test's own shows as it always does.
            self._run_protocol(lambda value: None)
        elif _makes_wider_fixtures(self._item):
            run_from_seed(options.seed, self._set_up_once)
        return repeat_test(self._item, options, self._repeat_once, check=0)

    def _set_up_once(self) -> None:
        """Make the fixtures that outlive the test, and leave them to all its repetitions.

        A fresh process makes them, and draws for them, before the test. Here the first repetition
        alone would.
        """
        option = self._item.config.option
        before = option.setuponly
        option.setuponly = True
        try:
            self._run_protocol(lambda value: None)
        finally:
            option.setuponly = before

    def _repeat_once(self, repetition: CurrentRepetition) -> None:
        self._run_protocol(repetition.record_return)

    def _run_protocol(self, record: Callable[[Any], None]) -> None:
        """Set up, call and tear down once; `record` is given what the function returned.

        Raises what the test raised, or RepetitionFailed if the repetition failed otherwise.
        """
        item = self._item
        raised: list[BaseException | None] = []
        # What the test prints and records about itself, it does in each repetition.
        item._report_sections.clear()
        del item.user_properties[self._properties :]
        item.stash[_CALLER] = lambda function: record(function())
        item.stash[RAISED] = raised
        try:
            self._last = runtestprotocol(item, log=False, nextitem=_Sibling(item))  # type: ignore[arg-type]
        finally:
            del item.stash[_CALLER], item.stash[RAISED]
        self._made += 1
        self._raised = _choose_raised(raised)
        self._seconds += sum(report.duration for report in self._last)
        self._raise_failure()

    def _raise_failure(self) -> None:
        raised = self._raised
        if isinstance(raised, Exception):
            raise raised
        # Skipped, or failed by pytest.fail, which is no Exception by design.
        if raised is not None:
            if _is_timeout(raised) and self._made > 1:
                # Not how this repetition ends, but that of all of them.
                raise raised
            name = type(raised).__name__
            raise RepetitionFailed(f"{name}: {raised}") from raised
        for report in self._last:
            # The call's report may be a failure although it passed: that is what a strict `xfail`
            # makes of it.
            if report.when == "call" or report.passed:
                continue
            last_line = report.longreprtext.strip().rpartition("\n")[2]
            said = last_line[:_MOST_CHARACTERS]
            raise RepetitionFailed(f"the test {report.outcome} in its {report.when}: {said}")

    def _make_verdict(self, failure: str) -> list[pytest.TestReport]:
        """Run the protocol with the verdict in place of the function; return its reports.

        So `xfail` and all plugins see the call of a test that is set up, as they always do.
        """
        item = self._item
        item.stash[FAILURE] = failure
        item.stash[_CALLER] = _call_nothing
        try:
            reports = runtestprotocol(item, log=False, nextitem=self._nextitem)
        finally:
            del item.stash[FAILURE], item.stash[_CALLER]
        if failure and all(report.when != "call" for report in reports):
            # It could not be set up once more. What was found out is told all the same.
            reports[0].sections.append(("reproaudit", failure))
        for report in reports:
            if report.when == "call":
                report.duration = self._seconds
        return reports

    def _describe_failure(self, result: AuditResult, *, is_strict: bool) -> str:
        """Return what the failing test shows, with its own line first; empty if it passes."""
        if is_passed(result) or (is_empty(result) and not is_strict):
            return ""
        path, line, _ = self._item.location
        # pytest counts lines from 0, and has none for what it did not read from a file.
        shown_line = (line or 0) + 1
        text = AssertionText().render(result)
        return f"{path}:{shown_line}: {text}"

    def _tear_down(self) -> list[pytest.TestReport]:
        """Tear down what the next test does not share; return a report only if that fails."""
        item = self._item
        tear_down = partial(item.session._setupstate.teardown_exact, self._nextitem)
        call = pytest.CallInfo.from_call(tear_down, when="teardown")
        if call.excinfo is None:
            return []
        if isinstance(item, pytest.Function):
            # Hooks of others look at the fixtures of the test: there are none any more.
            item._initrequest()
        return [item.ihook.pytest_runtest_makereport(item=item, call=call)]


def _is_to_be_rerun(item: pytest.Item) -> bool:
    """Return True if pytest-rerunfailures or flaky would run the test again once it has failed."""
    if item.get_closest_marker("flaky") is not None:
        return True
    asked: list[Any] = [item.config.getoption(name, 0) for name in ("reruns", "force_reruns")]
    with suppress(KeyError, ValueError):  # without the plugin there is no such setting
        asked.append(item.config.getini("reruns"))
    return any(str(number or 0) != "0" for number in asked)


def _is_timeout(raised: BaseException) -> bool:
    return isinstance(raised, pytest.fail.Exception) and "from pytest-timeout" in str(raised)


def _call_nothing(function: Callable[[], Any]) -> None:
    return


def _choose_raised(raised: Sequence[BaseException | None]) -> BaseException | None:
    """Return what the test raised, or else what one of its subtests failed with."""
    if not raised or raised[-1] is not None:
        return raised[-1] if raised else None
    for error in raised:
        is_expected = isinstance(error, (pytest.skip.Exception, pytest.xfail.Exception))
        if error is not None and not is_expected:
            return error
    return None


@contextmanager
def _without_timing(config: pytest.Config) -> Iterator[None]:
    """Let pytest-benchmark call its function once, as its own option does.

    It calls it as often as fits into a time, which is another number in each repetition.
    """
    session: Any = getattr(config, "_benchmarksession", None)
    if not hasattr(session, "disabled"):
        yield
        return
    before = session.disabled
    session.disabled = True
    try:
        yield
    finally:
        session.disabled = before


def _attach(result: AuditResult, reports: Sequence[pytest.TestReport]) -> None:
    """Send the result along with the report of the call, or of the setup if there is no call."""
    from reproaudit.report.json_report import to_json

    calls = [report for report in reports if report.when == "call"]
    report = (calls or reports)[0]
    others = getattr(report, REPORT_ATTRIBUTE, ())
    setattr(report, REPORT_ATTRIBUTE, [*others, to_json(result)])


def _read_options(item: pytest.Item) -> CheckOptions:
    """Return the options of the marker. Raises UsageError if the test cannot be repeated."""
    # The closest one alone: that of a function replaces that of its class or module.
    marker = item.get_closest_marker(MARKER)
    assert marker is not None
    _check_names(marker.kwargs)
    if marker.args:
        raise UsageError(
            f"the marker {MARKER} takes options by name",
            code="marker-option",
            hint=f"{MARKER}(runs=3)",
        )
    if not _is_plain_function(item):
        raise UsageError(
            "only plain test functions and methods can be repeated",
            code="marker-item",
            hint="use a function, and the fixture `reproaudit` for what it should repeat",
        )
    options = CheckOptions(**marker.kwargs)
    return complete_options(item.config, options, default_runs=_RUNS)


def _makes_wider_fixtures(item: pytest.Item) -> bool:
    """Return True if setting up the test may make a fixture that outlives it."""
    assert isinstance(item, pytest.Function)
    definitions = item._fixtureinfo.name2fixturedefs
    for name in item.fixturenames:
        for fixture in definitions.get(name, ())[-1:]:
            is_there = fixture.cached_result is not None and not fixture.params
            if fixture.scope != "function" and not is_there:
                return True
    return False


def _check_names(given: Mapping[str, Any]) -> None:
    known = set(inspect.signature(CheckOptions).parameters)
    for name in given:
        if name not in known:
            raise UsageError(
                f"the marker {MARKER} has no option {name!r}",
                code="marker-option",
                hint=did_you_mean(name, known),
            )


def _is_plain_function(item: pytest.Item) -> bool:
    """Return False for methods of unittest and for what other plugins collect."""
    if not isinstance(item, pytest.Function):
        return False
    if hasattr(item.parent, "_testcase"):
        return False
    return item.cls is None or not issubclass(item.cls, unittest.TestCase)
