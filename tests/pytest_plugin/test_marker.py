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
