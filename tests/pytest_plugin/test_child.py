"""Fresh processes that run one test: what they are told, and what they do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectKind
from reproaudit.pytest_plugin.child import (
    CHECK_VARIABLE,
    make_process_lab,
    read_check,
    record_in_child,
    spec_of,
)
from tests.claims import check_json
from tests.processes import has_ended
from tests.pytest_plugin.sessions import Config, make_item


def test_a_session_of_the_user_was_started_for_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHECK_VARIABLE, raising=False)
    assert read_check() is None
    monkeypatch.setenv(CHECK_VARIABLE, "2")
    assert read_check() == 2


def test_a_fresh_process_runs_this_one_test_under_the_same_configuration(tmp_path: Path) -> None:
    config = Config(
        tmp_path,
        line={"plugins": ["mine"], "override_ini": ["xfail_strict=true"], "randomly_seed": 7},
        plugins=("xdist", "pytest_cov", "randomly", "rerunfailures"),
    )
    config.inipath = tmp_path / "pytest.ini"
    spec = spec_of(make_item(config, "tests/test_one.py::TestIt::test_one[cpu]"))
    assert (spec.kind, spec.cwd) == (SubjectKind.PYTEST, tmp_path)
    assert (spec.path, spec.attribute) == ("tests/test_one.py", "TestIt::test_one[cpu]")
    everywhere = ["--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-m", "", "-k", ""]
    assert list(spec.argv) == [
        *everywhere,
        *("-c", str(tmp_path / "pytest.ini")),
        *("-n", "0"),
        "--no-cov",
        *("--reruns", "0"),
        *("-p", "randomly", "--randomly-seed", "7"),
        *("-p", "mine"),
        *("-o", "xfail_strict=true"),
    ]


def test_plugins_that_are_not_there_are_not_spoken_to(tmp_path: Path) -> None:
    spec = spec_of(make_item(Config(tmp_path), "test_one.py::test_one"))
    everywhere = ("--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-m", "", "-k", "")
    assert spec.argv == everywhere


def test_fresh_processes_are_told_the_number_of_the_check(tmp_path: Path) -> None:
    item = make_item(Config(tmp_path), "test_one.py::test_one")
    lab = make_process_lab(item, 2, 5, tmp_path / "runs")
    assert lab.settings.env == ((CHECK_VARIABLE, "2"),)
    assert lab.steps is None
    assert (tmp_path / "runs").is_dir()


def test_a_process_that_nothing_records_says_so() -> None:
    with pytest.raises(RuntimeError, match="REPROAUDIT_CHECK is set, but nothing records"):
        record_in_child(0, lambda record: record(1))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fresh_processes_show_what_one_process_hides(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_first="""
        import pytest

        @pytest.mark.reproducible(runs=2, isolation="process")
        def test_that_is_the_first_to_import_torch():
            import torch

            return torch.randn(3)
        """,
        test_order="""
        import pytest
        import torch

        def step():
            return torch.tensor([len(word) for word in {"a" * length for length in range(1, 8)}])

        @pytest.mark.reproducible(runs=2, isolation="process")
        def test_marked(tmp_path):
            return torch.randn(3)

        def draw():
            return torch.randn(3)

        def test_here(reproaudit):
            # In a fresh process it comes before the check that is recorded, and draws there too.
            reproaudit.assert_reproducible(draw, runs=2)
            result = reproaudit.check(step, runs=3, isolation="process", diagnose=False)
            assert result.verdict.value == "not-reproducible"
            assert result.isolation == "process"
        """,
        test_that_leaves_a_daemon="""
        import os
        import subprocess

        import pytest
        import torch

        @pytest.mark.reproducible(runs=2, isolation="process")
        def test_daemon():
            if "REPROAUDIT_CHECK" in os.environ:
                shell = "sleep 300 >/dev/null 2>&1 & echo $! >> daemons"
                subprocess.run(["/bin/sh", "-c", shell], start_new_session=True, check=True)
            return torch.ones(3)
        """,
    )
    done = pytester.runpytest_subprocess(
        "-p", "no:randomly", "--reproaudit-report", "json=found.json", timeout=280
    )
    done.assert_outcomes(passed=4)
    if sys.platform.startswith("linux"):
        daemons = (pytester.path / "daemons").read_text().split()
        assert len(daemons) >= 2
        assert all(has_ended(int(daemon)) for daemon in daemons)
    finding = json.loads(check_json((pytester.path / "found-2.json").read_text()))["findings"][0]
    assert (finding["location"]["path"], finding["location"]["line"]) == ("test_order.py", 5)
