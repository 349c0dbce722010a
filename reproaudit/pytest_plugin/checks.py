"""The fixture `reproaudit`: checks of code that is at hand in a test, repeated here or in fresh
processes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reproaudit.errors import UsageError
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.model.result import AuditResult, Isolation
from reproaudit.model.verdict import Verdict
from reproaudit.pytest_plugin.child import (
    make_process_lab,
    read_check,
    record_in_child,
    run_earlier,
    spec_of,
)
from reproaudit.pytest_plugin.names import RESULTS
from reproaudit.pytest_plugin.options import (
    CheckOptions,
    ToleranceOption,
    complete_options,
    read_tolerances,
)
from reproaudit.pytest_plugin.recording import (
    note_carried_state,
    record_op_values,
    repetitions_from_here,
)
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import CurrentRepetition, InProcessLab
from reproaudit.runs.request import RunMaker

if TYPE_CHECKING:
    from reproaudit.experiment.devices import DeviceComparison

_RUNS = 5
_BUDGET = Budget(runs=60, seconds=30.0)  # of a diagnosis within this process


def is_passed(result: AuditResult) -> bool:
    """Return True if the code is reproducible, or within the tolerance that was asked for."""
    return result.verdict in (Verdict.REPRODUCIBLE, Verdict.WITHIN_TOLERANCE)


def is_empty(result: AuditResult) -> bool:
    """Return True if all repetitions ended well, and nothing was there to be compared."""
    if result.verdict is not Verdict.NOT_AUDITED or any(count for _, count in result.compared):
        return False
    return all(run.outcome.is_success for run in result.runs)


def list_devices() -> list[str]:
    """Return the devices that are present, by type: "cpu", and "cuda" if torch sees one."""
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def require_device(device: str) -> None:
    """Raise UsageError if a GPU is named and torch sees none."""
    __tracebackhide__ = True
    if device.startswith("cuda") and "cuda" not in list_devices():
        raise UsageError(
            f"torch sees no device {device!r} here",
            code="device-absent",
            hint='@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU") skips '
            "the test where there is none",
        )


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
        tolerance: ToleranceOption = None,
        isolation: str | None = None,
        diagnose: bool = True,
    ) -> AuditResult:
        """Call `step` several times and compare all that it computes through torch and returns.

        `step` takes no arguments, or `device` alone ("cpu" unless `device` says another). Batches,
        module outputs, losses, gradients, parameters and returned tensors, arrays and numbers are
        compared, and with them, unless a `tolerance` is given, every operator. What `step` raises
        the first time goes on; that a later call raises, or does not, is a divergence. Raises
        UsageError for options that cannot be followed.
        """
        __tracebackhide__ = True
        from reproaudit.report.json_report import to_json

        said = CheckOptions(
            runs=runs, seed=seed, tolerance=tolerance, isolation=isolation, diagnose=diagnose
        )
        options = complete_options(self._item.config, said, default_runs=_RUNS)
        call = bind_device(step, device)
        if device is not None:
            require_device(device)
        number = self._made
        self._made += 1
        wanted = read_check()
        if wanted is not None:
            return _check_in_child(call, options, is_wanted=number == wanted)

        def body(repetition: CurrentRepetition) -> None:
            repetition.record_return(call())

        result = repeat_test(self._item, options, body, check=number, call=call)
        self._item.stash.setdefault(RESULTS, []).append(to_json(result))
        return result

    def assert_reproducible(self, step: Callable[..., Any], **options: Any) -> AuditResult:
        """Check as `check` does, and fail with the finding as text; return the result otherwise."""
        __tracebackhide__ = True
        from reproaudit.report.assertion import AssertionText

        result = self.check(step, **options)
        if not is_passed(result):
            raise AssertionError(AssertionText().render(result))
        return result

    def compare_devices(
        self,
        step: Callable[..., Any],
        first: str = "cpu",
        second: str = "cuda",
        *,
        tolerance: ToleranceOption = None,
        seed: int | None = 0,
    ) -> DeviceComparison:
        """Call `step(device=…)` once on each device and compare each operator's results.

        `str()` of what is returned tells the op and the line where the results are first further
        apart than the tolerance, by default what `torch.testing.assert_close` allows for the dtype.
        Draw on the CPU and move: the devices' own random streams give different numbers. Raises
        UsageError if `step` takes no `device`, or one of them is not there.
        """
        __tracebackhide__ = True
        from reproaudit.experiment.devices import CLOSE, compare_results

        tolerances = CLOSE if tolerance is None else read_tolerances(tolerance)
        for device in (first, second):
            bind_device(step, device)
            require_device(device)
        folder = self._item.config.invocation_params.dir
        on_first, on_second = record_op_values(step, (first, second), folder, seed)
        return compare_results((first, second), on_first, on_second, tolerances)

    def assert_devices_agree(
        self, step: Callable[..., Any], *devices: str, **options: Any
    ) -> DeviceComparison:
        """Compare as `compare_devices` does, and fail if a result is too far away."""
        __tracebackhide__ = True
        comparison = self.compare_devices(step, *devices, **options)
        if not comparison.is_close:
            raise AssertionError(str(comparison))
        return comparison


def bind_device(step: Callable[..., Any], device: str | None) -> Callable[[], Any]:
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
    except (TypeError, ValueError):  # some callables written in C have no signature
        parameters = {}
    takes_device = parameters.pop("device", None) is not None
    needed = [name for name, parameter in parameters.items() if _is_required(parameter)]
    if needed:
        raise UsageError(
            f"the step needs {', '.join(needed)}",
            code="step-arguments",
            hint="give a function without required arguments, or with `device` alone",
        )
    if device is not None and not takes_device:
        raise UsageError(
            f"the step takes no argument `device`, and is to be run on {device!r}",
            code="step-arguments",
            hint="write it as `def step(device)` and compute there, or leave out the device",
        )
    if not takes_device:
        return step
    return lambda: step(device=device or "cpu")


def _is_required(parameter: inspect.Parameter) -> bool:
    is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not is_variadic


def repeat_test(
    item: pytest.Item,
    options: CheckOptions,
    body: Callable[[CurrentRepetition], None],
    *,
    check: int,
    call: Callable[[], Any] | None = None,
) -> AuditResult:
    """Make the check number `check` of the test, here or in fresh processes; return its result.

    `call` is the code alone. With it, state that one repetition leaves for the next can be shown.
    """
    assert options.runs is not None
    spec = spec_of(item)
    runs = options.runs

    def make_fresh(folder: Path) -> RunMaker:
        return make_process_lab(item, check, runs, folder)

    def carry() -> Sequence[str]:
        assert call is not None
        return note_carried_state(call, spec.folder)

    repeated = RepeatOptions(
        name=item.nodeid,
        subject=spec,
        runs=runs,
        tolerances=read_tolerances(options.tolerance),
        fresh=make_fresh,
        diagnose=options.diagnose,
        carry=None if call is None else carry,
    )
    if options.isolation == "process":
        return repeat(repeated, make_fresh, Isolation.PROCESS)

    def make_here(folder: Path) -> RunMaker:
        record = repetitions_from_here(options.seed)
        return InProcessLab(body, spec, folder, record=record, budget=_BUDGET)

    return repeat(repeated, make_here, Isolation.INPROCESS)


def _check_in_child(
    call: Callable[[], Any], options: CheckOptions, *, is_wanted: bool
) -> AuditResult:
    """Record the wanted check, with which the process ends; of earlier ones only run the code."""
    if is_wanted:
        record_in_child(options.seed, lambda record: record(call()))
    run_earlier(options.seed, call)
    return AuditResult(
        verdict=Verdict.REPRODUCIBLE,
        headline="not the check that this process was started for",
        subject="",
        runs=(),
        classes=((0, 1),),
        steps=0,
    )
