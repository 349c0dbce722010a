"""Marked tests that cannot be repeated, and what is called of those that are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch  # noqa: F401 - once for all sessions below: each forgets what it was first to import

from reproaudit.pytest_plugin.marker import call_function
from reproaudit.pytest_plugin.names import REPORT_ATTRIBUTE
from tests.pytest_plugin.sessions import Config, make_item

QUIET = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cov")
REFUSED = """
import unittest
import pytest

@pytest.mark.reproducible(run=3)
def test_of_a_misspelt_option():
    raise SystemError("it ran")

@pytest.mark.reproducible(3)
def test_of_an_option_without_a_name():
    raise SystemError("it ran")

@pytest.mark.reproducible
async def test_coroutine():
    raise SystemError("it ran")

@pytest.mark.reproducible
class TestOfUnittest(unittest.TestCase):
    def test_method(self):
        raise SystemError("it ran")
"""
SAID = [
    "reproaudit: the marker reproducible has no option 'run' [marker-option]",
    "reproaudit: the marker reproducible takes options by name [marker-option]",
    "reproaudit: a coroutine cannot be repeated [marker-item]",
    "reproaudit: only plain test functions and methods can be repeated [marker-item]",
]


def test_a_function_outside_of_a_repetition_is_left_to_pytest(tmp_path: Path) -> None:
    item = make_item(Config(tmp_path), "test_one.py::test_one", marked=True)
    assert call_function(cast(pytest.Function, item)) is None


def test_what_cannot_be_repeated_fails_with_the_reason_and_does_not_run(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_refused=REFUSED)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(failed=4)
    text = done.stdout.str()
    for said in SAID:
        assert said in text
    assert "did you mean 'runs'?" in text
    assert "it ran" not in text.replace('SystemError("it ran")', "")


SHARED = """
import pytest
import torch

made = []

@pytest.fixture(scope="session")
def weights():
    made.append("weights")
    return torch.randn(6, 2)

@pytest.fixture(scope="module", autouse=True)
def batch():
    made.append("batch")
    torch.set_default_dtype(torch.float64)
    yield torch.randn(16, 6).float()
    torch.set_default_dtype(torch.float32)

@pytest.mark.reproducible(runs=2)
def test_first(weights, batch):
    return batch @ (weights + torch.randn(6, 2).float())

@pytest.mark.reproducible(runs=2)
def test_second(weights, batch):
    return batch @ weights + torch.randn(2).float()

def test_each_was_made_once(weights, batch):
    assert sorted(made) == ["batch", "weights"]
    assert torch.get_default_dtype() is torch.float64

class TestWithAFixtureOfItsClass:
    @pytest.fixture(scope="class", params=[1, 2])
    def scale(self, request):
        return request.param * torch.rand(3)

    @pytest.mark.reproducible(runs=2)
    def test_method(self, scale):
        return scale + torch.rand(3)
"""


@pytest.mark.parametrize("chosen", [(), ("test_first",), ("test_second", "test_first")])
def test_fixtures_that_outlive_a_test_may_draw(
    pytester: pytest.Pytester, chosen: tuple[str, ...]
) -> None:
    path = pytester.makepyfile(test_shared=SHARED)
    names = [f"{path}::{name}" for name in chosen] or [str(path)]
    done = pytester.runpytest_inprocess(*QUIET, *names)
    done.assert_outcomes(passed=len(chosen) or 5)


BROKEN = """
import pytest

@pytest.fixture(scope="module")
def broken():
    raise OSError("no such data")

@pytest.mark.reproducible
def test_one(broken):
    pass
"""


def test_a_fixture_that_fails_ends_the_test_as_it_always_does(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_broken=BROKEN)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(errors=1)
    assert "no such data" in done.stdout.str()


READS_FIXTURES = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.funcargs.get("benchmark")
    if call.when == "call" and report.failed:
        report.sections.append(("seen", f"failed with number: {'number' in item.funcargs}"))
    return report
"""
DIFFERS = """
import numpy as np
import pytest
import torch

@pytest.fixture
def number():
    return 1

@pytest.fixture(scope="module")
def bad_end():
    yield
    raise OSError("no more data")

@pytest.mark.reproducible(runs=2)
def test_differs(number):
    return torch.from_numpy(np.random.default_rng().normal(size=4)) + number

@pytest.mark.reproducible(runs=2)
def test_whose_last_teardown_fails(bad_end):
    return torch.ones(2) + 1
"""


def test_hooks_that_read_the_fixtures_of_the_test_see_them_at_the_verdict(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(READS_FIXTURES)
    pytester.makepyfile(test_differs=DIFFERS)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(failed=1, passed=1, errors=1)
    said = done.stdout.str()
    assert "INTERNALERROR" not in said
    assert "no more data" in said
    assert "failed with number: True" in said


EMPTY = """
import pytest

@pytest.mark.reproducible(runs=2)
def test_without_torch():
    assert sum([1, 2]) == 3

@pytest.mark.reproducible(runs=2, strict=True)
def test_that_is_strict():
    assert sum([1, 2]) == 3
"""


def test_a_test_without_torch_passes_with_a_note_unless_it_is_strict(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_empty=EMPTY)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(passed=1, failed=1)
    said = done.stdout.str()
    assert "test_empty.py::test_that_is_strict: not audited: 2 runs are bitwise equal" in said
    assert "1 check passed though nothing was compared" in said
    done = pytester.runpytest_inprocess(*QUIET, "--reproaudit-strict")
    done.assert_outcomes(failed=2)


OTHERS_CALL = """
import asyncio
import inspect
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True
"""
CALLED = """
import pytest
import torch

@pytest.mark.reproducible(runs=2)
async def test_passes():
    torch.ones(2) + 1

@pytest.mark.reproducible(runs=2)
async def test_fails():
    torch.ones(2) + 1
    raise OSError("by itself")

@pytest.mark.reproducible(runs=2)
def test_records(record_property):
    print("once")
    record_property("size", int(torch.ones(2).sum()))
"""


def test_a_function_that_another_plugin_calls_is_repeated_and_may_fail(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(OTHERS_CALL)
    pytester.makepyfile(test_called=CALLED)
    done = pytester.inline_run(*QUIET, "-p", "no:asyncio")
    passed, _, failed = done.listoutcomes()
    assert [report.nodeid for report in failed] == ["test_called.py::test_fails"]
    assert "by itself" in failed[0].longreprtext
    assert [report.nodeid.partition("::")[2] for report in passed] == [
        "test_passes",
        "test_records",
    ]
    assert passed[1].user_properties == [("size", 2)]
    assert passed[1].capstdout == "once\n"
    assert [len(getattr(report, REPORT_ATTRIBUTE)) for report in passed] == [1, 1]


SLOW = """
import pytest
import torch

count = []

@pytest.mark.reproducible(runs=2)
def test_slow_the_second_time():
    count.append(1)
    torch.ones(2) + 1
    if len(count) == 2:
        pytest.fail("Timeout (>1.0s) from pytest-timeout.")  # as its handler of the alarm does
"""


def test_a_timeout_of_the_test_while_it_is_repeated_is_no_divergence(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_slow=SLOW)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(failed=1)
    said = done.stdout.str()
    assert "not reproducible" not in said
    assert "while the test was repeated: Timeout (>1.0s) from pytest-timeout" in said


FLAKY = """
import numpy as np
import pytest
import torch

@pytest.mark.flaky(reruns=3)
@pytest.mark.reproducible(runs=2, diagnose=False)
def test_that_differs():
    return torch.from_numpy(np.random.default_rng().random(4))
"""


def test_a_marked_test_is_not_rerun_which_a_failure_says(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_flaky=FLAKY)
    done = pytester.runpytest_inprocess(*QUIET, "-W", "ignore::pytest.PytestUnknownMarkWarning")
    assert done.parseoutcomes() == {"failed": 1}
    assert "a marked test is never rerun" in done.stdout.str()


UNLUCKY = """
import pytest
import torch

@pytest.mark.reproducible(runs=2, seed=7)
def test_that_the_seed_fails():
    assert torch.initial_seed() != 7
"""


def test_a_test_that_fails_by_itself_is_told_the_seed_it_was_given(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_unlucky=UNLUCKY)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(failed=1)
    assert "all random streams were seeded with 7 for this test" in done.stdout.str()


SUBTESTS = """
import pytest
import torch

@pytest.mark.reproducible(runs=2)
def test_parts(subtests):
    for size in (1, 2):
        with subtests.test(size=size):
            assert torch.ones(size).sum() == 1
"""


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest has no subtests before 9.0")
def test_a_subtest_that_fails_ends_the_test_as_it_always_does(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_parts=SUBTESTS)
    done = pytester.runpytest_inprocess(*QUIET)
    done.assert_outcomes(failed=2)
    assert "contains 1 failed subtest" in done.stdout.str()
    assert "1 failed subtests" not in done.stdout.str()
