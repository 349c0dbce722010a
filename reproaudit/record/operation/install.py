"""Puts into a process what only the operation level and the values level record."""

from __future__ import annotations

import functools
import sys
import threading

from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.digest.gather import DeviceDigests
from reproaudit.record.digest.stored import set_by_content
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.lines.line_trace import LineTrace
from reproaudit.record.operation.alerts import Alerts
from reproaudit.record.operation.chosen import ChosenCalls
from reproaudit.record.operation.dispatch import OperationMode
from reproaudit.record.operation.refusals import RefusalProbe
from reproaudit.record.operation.scripted import ScriptedRegions
from reproaudit.record.operation.stream_races import StreamRaces
from reproaudit.record.outside.entropy import Entropy
from reproaudit.record.outside.files import Files
from reproaudit.record.outside.generator_draws import GeneratorDraws
from reproaudit.record.outside.saved import WhenImported
from reproaudit.record.session import Recorder
from reproaudit.record.state.initialisation import Initialisation


def install_operations(
    recorder: Recorder,
    boundaries: Boundaries,
    devices: DeviceDigests,
    patches: Patches,
    *,
    when_imported: WhenImported,
) -> None:
    """Record every operator, and what comes in from outside PyTorch; `patches` undoes it.

    `when_imported` calls back once a library is imported.
    """
    plan = recorder.plan
    boundaries.tracks_modules = True
    # As the program finds them: at the first boundary much has been drawn.
    boundaries.record_streams()
    if "numpy.random" not in sys.modules:
        # NumPy imports it when it is first used: its stream begins there.
        when_imported("numpy.random", boundaries.record_streams)
    has_chosen = plan.targets or plan.pins or plan.slices_mb
    if plan.by_content:
        set_by_content(True)
        patches.on_undo(functools.partial(set_by_content, False))
    chosen = ChosenCalls(recorder) if has_chosen else None
    mode = OperationMode(recorder, devices, chosen)
    if plan.alerts:
        mode.alerts = Alerts(recorder, StreamRaces.start(recorder, patches))
    else:
        stop = functools.partial(setattr, mode, "initialisation", None)
        mode.initialisation = Initialisation(recorder.writer, stop)
        boundaries.initialisation = mode.initialisation
        if plan.probes:
            mode.probe = RefusalProbe(recorder)
    if plan.outside and not plan.alerts:
        Entropy(recorder, patches).install(when_imported)
    if plan.streams:
        GeneratorDraws(recorder, patches).install(when_imported)
    if plan.outside:
        Files(recorder, patches).install()
    ScriptedRegions(mode).install(patches)
    mode.messages.install(patches)
    _enter_in_threads(mode, patches)
    mode.__enter__()
    patches.on_undo(functools.partial(mode.__exit__, None, None, None))
    if plan.lines:
        LineTrace(recorder, patches).install()


def _enter_in_threads(mode: OperationMode, patches: Patches) -> None:
    """Enter the dispatch mode in each thread that the program starts: modes are per thread."""
    original = threading.Thread._bootstrap_inner  # type: ignore[attr-defined]

    def bootstrap_inner(thread: threading.Thread) -> None:
        with mode:
            original(thread)

    patches.replace(threading.Thread, "_bootstrap_inner", bootstrap_inner)
