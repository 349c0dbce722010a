"""The plugin in test suites of others: in its own process, beside plugins that people use."""

from __future__ import annotations

import json
import re

import pytest

from tests.claims import check_json

pytestmark = [pytest.mark.slow]

SUITE = """\
import numpy as np
import pytest
import torch
from torch import nn

@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))

@pytest.mark.reproducible(runs=3)
def test_a_step_with_its_fixture(model, tmp_path):
    (tmp_path / "note").write_text("a folder of its own")
    loss = model(torch.randn(4, 8)).square().mean()
    loss.backward()
    return loss

@pytest.mark.reproducible
def test_unseeded():
    return torch.from_numpy(np.random.default_rng().normal(size=4)).square()  # source

@pytest.mark.reproducible
@pytest.mark.xfail(strict=True, reason="known")
def test_unseeded_and_known():
    return torch.from_numpy(np.random.default_rng().normal(size=4)).square()

@pytest.mark.reproducible
def test_that_fails_by_itself():
    assert torch.ones(1).item() == 2

@pytest.mark.reproducible
def test_that_is_skipped():
    pytest.skip("by itself")

class TestMethods:
    @pytest.mark.reproducible(runs=2, seed=None)
    def test_method(self, model):
        return model(torch.ones(2, 8))

calls = []

@pytest.mark.reproducible(runs=2)
def test_that_fails_the_second_time():
    calls.append(1)
    torch.ones(1)
    assert len(calls) < 2

@pytest.mark.reproducible(runs=1)
def test_of_one_run():
    pass

@pytest.mark.reproducible(run=3)
def test_of_a_misspelt_option():
    pass

def test_fixture(reproaudit):
    result = reproaudit.assert_reproducible(lambda: torch.randn(3), runs=2)
    assert result.verdict.value == "reproducible"

def test_fixture_fails(reproaudit):
    reproaudit.assert_reproducible(
        lambda: torch.from_numpy(np.random.default_rng().normal(size=4)).square()
    )

def test_step_with_arguments(reproaudit):
    reproaudit.check(lambda batch: batch)

def test_device(reproaudit_device, reproaudit):
    reproaudit.assert_reproducible(
        lambda device: torch.randn(3, device=device), device=reproaudit_device, runs=2
    )
"""
PASSED = [
    "test_a_step_with_its_fixture",
    "TestMethods::test_method",
    "test_fixture",
    "test_device[cpu]",
]
FAILED = [
    "test_unseeded",
    "test_that_fails_by_itself",
    "test_that_fails_the_second_time",
    "test_of_one_run",
    "test_of_a_misspelt_option",
    "test_fixture_fails",
    "test_step_with_arguments",
]
BESIDE = {
    "alone": ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cov"),
    "xdist": ("-p", "no:randomly", "-n", "2"),
    "randomly": ("-p", "randomly", "-p", "no:xdist"),
    "cov": ("-p", "no:randomly", "-p", "no:xdist", "--cov", ".", "--cov-report", "term"),
}


def line_of(text: str, end: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith(end))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("beside", BESIDE)
def test_a_suite_fails_where_it_should_and_nowhere_else(
    pytester: pytest.Pytester, beside: str
) -> None:
    pytester.makepyfile(test_suite=SUITE)
    done = pytester.runpytest_subprocess(
        "-v", "--reproaudit-report", "junit=found.xml", *BESIDE[beside], timeout=240
    )
    text = done.stdout.str()
    done.assert_outcomes(passed=4, failed=7, skipped=1, xfailed=1)
    for name in PASSED:
        assert re.search(rf"::{re.escape(name)} .*PASSED|PASSED .*::{re.escape(name)} ", text), name
    for name in FAILED:
        assert re.search(rf"FAILED .*::{name} ", text), name
    assert f"line   test_suite.py:{line_of(SUITE, '# source')} in test_unseeded" in text
    assert "cause  unseeded-rng (RA101)" in text
    assert "seed.numpy_generators: verified, 3 runs with it are equal" in text
    assert "repetition 1  raised AssertionError" in text
    assert "did you mean 'runs'?" in text
    assert "8 checks, 4 reproducible" in text
    assert (pytester.path / "found.xml").read_text().count("<testcase") == 8


OTHERS = """
import numpy as np
import pytest
import torch

@pytest.fixture
def number():
    return torch.ones(4)

@pytest.mark.reproducible(runs=2)
def test_good(number):
    return number + torch.randn(4)

@pytest.mark.reproducible(runs=2)
def test_bad(number):
    return number + torch.from_numpy(np.random.default_rng().normal(size=4))

def test_plain():
    pass
"""
USED = {
    "pytest_asyncio": """
import pytest
import torch

@pytest.mark.asyncio
@pytest.mark.reproducible(runs=2)
async def test_used():
    return torch.randn(4)
""",
    "pytest_mock": """
import pytest
import torch

@pytest.mark.reproducible(runs=2)
def test_used(mocker):
    mocker.patch("torch.randn", return_value=torch.ones(4))
    return torch.randn(4) + 1
""",
    "pytest_rerunfailures": """
import numpy as np
import torch

tries = []

def test_used(reproaudit):
    tries.append(1)
    seed = None if len(tries) == 1 else 0
    reproaudit.assert_reproducible(
        lambda: torch.from_numpy(np.random.default_rng(seed).random(4)), runs=2, diagnose=False
    )
""",
    "pytest_benchmark": """
import pytest
import torch

@pytest.mark.reproducible(runs=2)
def test_used(benchmark):
    return benchmark(lambda: torch.randn(4))
""",
}
LINES = {
    "pytest_asyncio": ("-o", "asyncio_default_fixture_loop_scope=function"),
    "pytest_benchmark": (),
    "pytest_html": ("--html=found.html", "--self-contained-html"),
    "pytest_mock": (),
    "pytest_rerunfailures": ("--reruns", "1"),
    "pytest_subtests": (),
    "pytest_sugar": ("--force-sugar",),
    "pytest_timeout": ("--timeout", "200"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("other", LINES)
def test_a_session_beside_another_plugin_ends_as_it_should(
    pytester: pytest.Pytester, other: str
) -> None:
    pytest.importorskip(other, reason=f"{other} is not installed")
    pytester.makepyfile(test_others=OTHERS)
    used = USED.get(other, "")
    if used:
        pytester.makepyfile(test_used=used)
    done = pytester.runpytest_subprocess("-p", "no:randomly", *LINES[other], timeout=280)
    said = done.stdout.str()
    assert "INTERNALERROR" not in said
    assert re.search(r"checks, \d reproducible", said)
    assert "unseeded-rng (RA101)" in said
    passed = 3 if used else 2
    # pytest-sugar words the counts in its own way.
    assert re.search(rf"\b{passed} passed", said)
    assert re.search(r"\b1 failed", said)
    if other == "pytest_rerunfailures":
        assert "a marked test is never rerun" in said
        # The fixture's test is rerun and passes: what was found the first time is told.
        assert re.search(r"\b1 rerun\b", said)
        assert "test_used.py::test_used: not reproducible" in said


@pytest.mark.timeout(200)
def test_a_module_cache_is_told_from_nondeterminism_by_fresh_processes(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_cache="""
        import pytest
        import torch

        cache = {}

        @pytest.mark.reproducible(runs=2)
        def test_cached():
            if "weights" not in cache:
                cache["weights"] = torch.randn(5)
            return cache["weights"] + torch.randn(5)
        """
    )
    done = pytester.runpytest_subprocess("-p", "randomly", "-n", "2", "--cov", ".", timeout=180)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["*carried-state (RA303)*", "*3 fresh processes that each ran it once are equal*"]
    )


def test_numbers_come_from_the_configuration_file_unless_the_command_line_says_others(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini("[pytest]\nreproaudit_runs = 4\nreproaudit_report = json=out/found.json\n")
    pytester.makepyfile(
        """
        import torch

        def test_one(reproaudit):
            reproaudit.assert_reproducible(lambda: torch.ones(2) * 2)
        """
    )
    for extra, runs in ((), 4), (("--reproaudit-runs", "2"), 2):
        done = pytester.runpytest_subprocess("-p", "no:randomly", *extra)
        done.assert_outcomes(passed=1)
        found = check_json((pytester.path / "out" / "found.json").read_text())
        assert json.loads(found)["runs"] == runs
