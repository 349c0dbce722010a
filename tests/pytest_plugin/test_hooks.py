"""What the hooks do in a session that does not use them, and how results reach its end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reproaudit.pytest_plugin.hooks import (
    pytest_configure,
    pytest_pyfunc_call,
    pytest_runtest_makereport,
    pytest_runtest_protocol,
)
from reproaudit.pytest_plugin.names import REPORT_ATTRIBUTE, RESULTS
from tests.pytest_plugin.sessions import Config, as_config, make_item


def make_report(item: pytest.Item, when: str) -> Any:
    """Let the hook see the report of one phase of a test; return that report."""
    call = cast("pytest.CallInfo[None]", SimpleNamespace(when=when))
    hook = pytest_runtest_makereport(item, call)
    next(hook)
    with pytest.raises(StopIteration) as ended:
        hook.send(SimpleNamespace())
    return ended.value.value


def test_results_go_out_once_with_the_report_of_the_call(tmp_path: Path) -> None:
    item = make_item(Config(tmp_path), "test_one.py::test_one")
    item.stash[RESULTS] = ["{}", "[]"]
    assert not hasattr(make_report(item, "setup"), REPORT_ATTRIBUTE)
    assert getattr(make_report(item, "call"), REPORT_ATTRIBUTE) == ["{}", "[]"]
    assert not hasattr(make_report(item, "call"), REPORT_ATTRIBUTE)


def test_a_test_that_is_not_marked_goes_its_usual_way(tmp_path: Path) -> None:
    item = make_item(Config(tmp_path), "test_one.py::test_one")
    assert pytest_runtest_protocol(item, None) is None
    assert pytest_pyfunc_call(cast(pytest.Function, item)) is None


def test_results_are_gathered_by_the_session_and_not_by_its_workers(tmp_path: Path) -> None:
    session = Config(tmp_path)
    pytest_configure(as_config(session))
    assert session.registered == ["reproaudit-results"]
    assert [name for name, _ in session.lines] == ["markers"]

    worker = Config(tmp_path)
    worker.workerinput = {}  # type: ignore[attr-defined]
    pytest_configure(as_config(worker))
    assert worker.registered == []


@pytest.mark.slow
def test_unused_it_is_silent_and_imports_no_torch(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_plain="""
        import sys

        def test_nothing_is_imported():
            assert not {"torch", "numpy", "reproaudit.experiment.repeat"} & set(sys.modules)
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cov")
    done.assert_outcomes(passed=1)
    assert "reproaudit" not in done.stdout.str().partition("plugins:")[2].partition("\n")[2]
