"""The runs that decide are asked for in order, each with the one that follows it."""

from __future__ import annotations

from reproaudit.experiment.deciding_runs import request_runs
from reproaudit.runs.request import RunRequest


def test_each_run_names_the_one_after_it_and_the_last_one_what_comes_then() -> None:
    then = RunRequest(name="alerts", index=0, what="")
    first, second = request_runs(2, then, describe=lambda index: f" ({index})")
    assert (first.name, first.what) == ("run-0", "run 1 of 2 (0)")
    assert first.following is not None
    assert first.following.name == second.name
    assert second.following is then
