"""Marked tests that cannot be repeated, and what is called of those that are."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.pytest_plugin.marker import call_function
from tests.pytest_plugin.sessions import Config, make_item

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
    done = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cov")
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
    quiet = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cov")
    done = pytester.runpytest_inprocess(*quiet, *names)
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
    done = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cov")
    done.assert_outcomes(errors=1)
    assert "no such data" in done.stdout.str()
