"""How the determinism flag is on in runs that have it. No program is run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.diagnose.flag_runs import FlagRuns
from reproaudit.model.events import Phase
from reproaudit.model.flag_use import FlagMode, FlagUse
from reproaudit.model.result import Alert
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run

FLAG = "kernels.deterministic"
PUT = Alert("aten::put_", "put_ does not have a deterministic implementation", Phase.FORWARD)
RAISED = (
    "RuntimeError: put_ does not have one, but you set torch.use_deterministic_algorithms(True)"
)


class FakeLab:
    """Only takes note of what it is asked for."""

    folder = Path("nowhere")

    def __init__(self) -> None:
        self.asked: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.asked.append(request)
        return cast(Run, None)


def flagged(alerts: tuple[Alert, ...] | None, *, cuda: bool = False) -> tuple[FlagRuns, FakeLab]:
    lab = FakeLab()
    return FlagRuns(cast(RunMaker, lab), lambda: alerts, cuda=cuda), lab


def request(*names: str, following: RunRequest | None = None) -> RunRequest:
    return RunRequest(name="trial", index=0, what="", interventions=names, following=following)


@pytest.mark.parametrize(
    ("alerts", "cuda", "use"),
    [
        ((), False, FlagUse(FlagMode.STRICT, ())),
        ((), True, FlagUse(FlagMode.STRICT, ())),
        ((PUT, PUT), True, FlagUse(FlagMode.UNLESS_REFUSED, ("aten::put_",))),
        ((PUT,), False, FlagUse(FlagMode.WARN, ("aten::put_",))),
        (None, True, FlagUse(FlagMode.UNLESS_REFUSED)),
        (None, False, FlagUse(FlagMode.UNLESS_REFUSED)),
    ],
)
def test_the_flag_is_as_strict_as_the_program_bears(
    alerts: tuple[Alert, ...] | None, cuda: bool, use: FlagUse
) -> None:
    assert flagged(alerts, cuda=cuda)[0].use == use


def test_runs_with_the_flag_and_those_that_follow_them_have_the_setting_and_no_others() -> None:
    runs, lab = flagged(())
    runs.run(request(FLAG, "hash.seed", following=request(FLAG)))
    runs.run(request("hash.seed"))
    # Here the flag is tried on each operator, and what it refuses goes elsewhere.
    runs.run(request(FLAG, "kernels.cpu"))
    assert [one.settings.deterministic for one in lab.asked] == ["error", None, None]
    assert lab.asked[0].following is not None
    assert lab.asked[0].following.settings.deterministic == "error"


def test_alerts_that_become_known_later_do_not_change_runs_that_are_compared() -> None:
    alerts: list[tuple[Alert, ...]] = [()]
    lab = FakeLab()
    runs = FlagRuns(cast(RunMaker, lab), lambda: alerts[-1], cuda=True)
    runs.run(request(FLAG))
    alerts.append((PUT,))
    runs.run(request(FLAG))
    assert [one.settings.deterministic for one in lab.asked] == ["error", "error"]


def test_what_raises_against_expectation_makes_the_flag_weaker_until_it_warns() -> None:
    runs, _ = flagged((), cuda=True)
    modes = [runs.use.mode]
    while runs.fall_back((FLAG, "hash.seed"), RAISED):
        modes.append(runs.use.mode)
    assert modes == [FlagMode.STRICT, FlagMode.UNLESS_REFUSED, FlagMode.WARN]
    assert runs.use.refused is None  # what raised stands in no list


def test_on_the_cpu_the_flag_warns_once_something_raised() -> None:
    runs, _ = flagged(())
    assert runs.fall_back((FLAG,), "exit code 1")  # the flag alone was changed
    assert runs.use.mode is FlagMode.WARN


def test_another_failure_and_one_without_the_flag_change_nothing() -> None:
    runs, _ = flagged(())
    assert not runs.fall_back((FLAG, "clock.fixed"), "ValueError: no")
    assert not runs.fall_back(("clock.fixed",), RAISED)
    assert runs.use.mode is FlagMode.STRICT
