"""The fixture `reproaudit`: checks of code that is at hand in a test, repeated here or in fresh
processes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reproaudit.compare.elements import parse_tolerance
from reproaudit.config.plan import SubjectSpec
from reproaudit.config.project import choices_of_environment
from reproaudit.errors import UsageError
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.model.result import AuditResult, Confidence, Tolerance
from reproaudit.model.verdict import Verdict
from reproaudit.pytest_plugin.child import child_check, process_lab, record_in_child, spec_of
from reproaudit.pytest_plugin.hooks import ISOLATIONS, results_key
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.lab import Budget, RunMaker

if TYPE_CHECKING:
    from reproaudit.experiment.devices import DeviceComparison
    from reproaudit.record.process.repetition import Repetition

_RUNS = 5
_GOOD = (Verdict.REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)


@dataclass(frozen=True, slots=True)
class Options:
    """How a check is made. `runs` and `isolation` None: as the command line says, else the
    configuration file.

    `seed` seeds all random streams before each repetition; None: each starts from the streams as
    the check found them. Without `diagnose` a difference is located and no fix is looked for.
    `tolerance` as on the command line ("rtol=1e-5,atol=1e-8", "ulp=4"), a Tolerance, or a mapping
    of dtype names.
    """

    runs: int | None = None
    seed: int | None = 0
    tolerance: str | Tolerance | Mapping[str, Tolerance] | None = None
    isolation: str | None = None
    diagnose: bool = True


def is_good(result: AuditResult) -> bool:
    """Tell whether a check passed: reproducible, or within the tolerance that was asked for."""
    return result.verdict in _GOOD


def devices() -> list[str]:
    """Return the devices that are present, by type: "cpu", and "cuda" if torch sees one."""
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


class Checks:
    """What the fixture gives to a test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._made = 0

    def check(
        self,
        step: Callable[..., Any],
        *,
        runs: int | None = None,
        seed: int | None = 0,
        device: str | None = None,
        tolerance: str | Tolerance | Mapping[str, Tolerance] | None = None,
        isolation: str | None = None,
        diagnose: bool = True,
    ) -> AuditResult:
        """Call `step` several times and compare everything it computes through torch and what it
        returns.

        `step` takes no arguments, or `device` alone ("cpu" unless `device` says another). Batches,
        module outputs, losses, gradients, parameters and returned tensors, arrays and numbers are
        compared, and with them, unless a `tolerance` is given, every operator. What `step` raises
        the first time goes on; that a later call raises, or does not, is a divergence. Raises
        UsageError for options that cannot be followed.
        """
        __tracebackhide__ = True
        from reproaudit.report.json_report import to_json

        options = options_of(
            self._item.config,
            Options(runs, seed, tolerance, isolation, diagnose),
            default_runs=_RUNS,
        )
        call = bound(step, device)
        number, self._made = self._made, self._made + 1
        wanted = child_check()
        if wanted is not None:
            return _in_child(call, options, is_wanted=number == wanted)

        def body(repetition: Repetition) -> None:
            repetition.record_return(call())

        result = repeat_test(self._item, options, body, check=number, carry=call)
        self._item.stash.setdefault(results_key, []).append(to_json(result))
        return result

    def compare_devices(
        self,
        step: Callable[..., Any],
        first: str = "cpu",
        second: str = "cuda",
        *,
        tolerance: str | Tolerance | Mapping[str, Tolerance] | None = None,
        seed: int | None = 0,
    ) -> DeviceComparison:
        """Call `step(device=…)` once on each device and compare every operator's results element by
        element.

        `str()` of what is returned tells the op and the line where the results are first further
        apart than the tolerance, by default what `torch.testing.assert_close` allows for the dtype.
        Draw on the CPU and move: the devices' own random streams give different numbers.
        """
        from reproaudit.experiment.devices import CLOSE, compare_devices

        tolerances = CLOSE if tolerance is None else _tolerances(tolerance)
        return compare_devices(
            step, first, second, self._item.config.invocation_params.dir, tolerances, seed
        )

    def assert_devices_agree(
        self, step: Callable[..., Any], *devices: str, **options: Any
    ) -> DeviceComparison:
        """Compare as `compare_devices` does, and fail with what it tells if a result is too far
        away."""
        __tracebackhide__ = True
        comparison = self.compare_devices(step, *devices, **options)
        if not comparison.is_close:
            raise AssertionError(str(comparison))
        return comparison

    def assert_reproducible(self, step: Callable[..., Any], **options: Any) -> AuditResult:
        """Check as `check` does, and fail with the finding as text; return the result otherwise."""
        __tracebackhide__ = True
        from reproaudit.report.assertion import AssertionText

        result = self.check(step, **options)
        if not is_good(result):
            raise AssertionError(AssertionText().render(result))
        return result


def options_of(config: pytest.Config, options: Options, *, default_runs: int) -> Options:
    """Fill in what was not said: command line, REPROAUDIT_RUNS, configuration file, default. Check
    it."""
    __tracebackhide__ = True
    runs = (
        options.runs
        or config.getoption("reproaudit_runs")
        or choices_of_environment(os.environ, Path()).runs
    )
    runs = runs or config.getini("reproaudit_runs") or default_runs
    isolation = (
        options.isolation
        or config.getoption("reproaudit_isolation")
        or config.getini("reproaudit_isolation")
    )
    isolation = isolation or ISOLATIONS[0]
    if isolation not in ISOLATIONS:
        raise UsageError(
            f"there is no isolation {isolation!r}",
            code="isolation-unknown",
            hint=" or ".join(ISOLATIONS),
        )
    if not str(runs).isdecimal() or int(runs) < 2:
        raise UsageError(
            f"{runs!r} repetitions cannot be compared",
            code="runs-invalid",
            hint="runs is a number from 2",
        )
    return replace(options, runs=int(runs), isolation=isolation)


def bound(step: Callable[..., Any], device: str | None) -> Callable[[], Any]:
    """Return `step` without arguments. Raises UsageError if it needs others than `device`."""
    __tracebackhide__ = True
    if not callable(step):
        raise UsageError(
            f"a {type(step).__name__} cannot be repeated",
            code="step-not-callable",
            hint="give a function that makes one step",
        )
    try:
        parameters = dict(inspect.signature(step).parameters)
    except (TypeError, ValueError):
        parameters = {}
    takes_device = "device" in parameters
    needed = [
        name
        for name, p in parameters.items()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and name != "device"
    ]
    if needed or (device is not None and not takes_device):
        lack = f"needs {', '.join(needed)}" if needed else "takes no argument `device`"
        raise UsageError(
            f"the step {lack}",
            code="step-arguments",
            hint="give a function without required arguments, or with `device` alone",
        )
    return (lambda: step(device=device or "cpu")) if takes_device else step


def repeat_test(
    item: pytest.Item,
    options: Options,
    body: Callable[[Repetition], None],
    *,
    check: int,
    carry: Callable[[], Any] | None = None,
) -> AuditResult:
    """Make the check number `check` of the test, here or in fresh processes, and return its result."""
    assert options.runs is not None
    spec = spec_of(item)
    runs = options.runs

    def fresh(folder: Path) -> RunMaker:
        return process_lab(item, check, runs, folder)

    repeated = RepeatOptions(
        item.nodeid,
        spec,
        runs,
        _tolerances(options.tolerance),
        fresh=fresh,
        diagnose=options.diagnose,
        carry=None if carry is None else lambda: _carried(carry, spec),
    )
    if options.isolation == "process":
        return repeat(repeated, fresh, "process")

    def here(folder: Path) -> RunMaker:
        return InProcessLab(body, spec, folder, seed=options.seed, budget=Budget(60, 30.0))

    return repeat(repeated, here, "inprocess")


def _carried(call: Callable[[], Any], spec: SubjectSpec) -> list[str]:
    from reproaudit.record.state.carry import carried_between

    return [
        f"{found.read_by} at {found.read_at} reads what {found.written_by} at {found.written_at} wrote one repetition "
        "earlier"
        for found in carried_between(call, str(spec.folder))
    ]


def _tolerances(given: str | Tolerance | Mapping[str, Tolerance] | None) -> Mapping[str, Tolerance]:
    if given is None:
        return {}
    if isinstance(given, str):
        return parse_tolerance(given)
    return {"*": given} if isinstance(given, Tolerance) else dict(given)


def _in_child(call: Callable[[], Any], options: Options, *, is_wanted: bool) -> AuditResult:
    """Record the wanted check, with which the process ends; of earlier ones only run the code once."""
    if is_wanted:
        record_in_child(options.seed, lambda record: record(call()))
    call()
    headline = "not the check that this process was started for"
    return AuditResult(Verdict.REPRODUCIBLE, headline, "", (), ((0, 1),), 0, Confidence())
