"""What two environments differ in beside what was varied. No program is run."""

from __future__ import annotations

from pathlib import Path

from reproaudit.experiment.environment_diff import diff_environments
from reproaudit.knowledge.wanted import read_wanted
from tests.comparison.traces import make_run

PLAIN = {"python": "3.11.7", "torch": "2.13.0", "threads": "2"}


def diff(folder: Path, text: str, **changed: str) -> tuple[str, ...]:
    plain = make_run(folder, 0, [], environment=PLAIN)
    varied = make_run(folder, 1, [], environment=PLAIN | changed)
    (wanted,) = read_wanted([text])
    return diff_environments(plain, varied, wanted)


def test_the_variation_itself_is_no_news(tmp_path: Path) -> None:
    changed = {"threads": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    assert diff(tmp_path, "threads=1", **changed) == ()


def test_a_variable_of_the_environment_that_was_varied_is_no_news(tmp_path: Path) -> None:
    assert diff(tmp_path, "env.OMP_DYNAMIC=true", OMP_DYNAMIC="true") == ()
    assert diff(tmp_path, "env.OMP_NUM_THREADS=1", OMP_NUM_THREADS="1", threads="1") == ()


def test_another_version_is_shown_beside_what_was_varied(tmp_path: Path) -> None:
    lines = diff(tmp_path, "threads=1", torch="2.14.1", threads="1")
    assert lines == (
        "--- the program as it is",
        "+++ threads=1",
        "@@ -2 +2 @@",
        "-torch = 2.13.0",
        "+torch = 2.14.1",
    )
