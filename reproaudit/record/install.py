"""Puts the recorder into a process that has just imported torch."""

from __future__ import annotations

import os

import reproaudit
from reproaudit.model import Level
from reproaudit.plan import RunPlan
from reproaudit.record.alerts import Alerts
from reproaudit.record.boundaries import Boundaries
from reproaudit.record.callsite import CallSites
from reproaudit.record.chosen import ChosenCalls
from reproaudit.record.entropy import Entropy
from reproaudit.record.environment import Watch, describe_environment
from reproaudit.record.files import Files
from reproaudit.record.gather import DeviceDigests
from reproaudit.record.lines import LineTrace
from reproaudit.record.operations import Operations, ThreadModes
from reproaudit.record.patching import Patches
from reproaudit.record.session import Recorder
from reproaudit.record.stream_races import StreamRaces
from reproaudit.record.streams import StreamWatch
from reproaudit.record.threads import ThreadStarts
from reproaudit.settings import to_dict
from reproaudit.trace.writer import TraceWriter

_MEBIBYTE = 1 << 20


class Installation:
    """A recorder and everything it replaced, so that `remove` leaves the process as it was found."""

    def __init__(self, plan: RunPlan, directory: str) -> None:
        self.patches = Patches()
        environment = describe_environment()
        writer = TraceWriter(
            directory, level=plan.level.value, subject=str(plan.subject), command=list(plan.subject.argv),
            settings=to_dict(plan.settings), environment=environment, version=reproaudit.__version__,
            values_budget=plan.values_mb * _MEBIBYTE,
        )  # fmt: skip
        folder = str(plan.subject.folder)
        self.recorder = Recorder(plan, writer, CallSites(writer, folder, str(plan.subject.cwd)))
        self.devices = DeviceDigests(writer)
        self.mode: Operations | None = None
        try:
            self._install(plan)
        except BaseException:
            self.patches.undo()
            raise

    def _install(self, plan: RunPlan) -> None:
        self.watch = Watch(self.recorder, self.patches)
        ThreadStarts(self.recorder, self.patches)
        self.boundaries = Boundaries(self.recorder, self.devices, self.patches)
        self.boundaries.install()
        self.recorder.on_call = self.boundaries.record_return
        self.recorder.on_flush += [self._gather, self.watch.look]
        if plan.level is not Level.BOUNDARY:
            self._operations(plan)

    def _gather(self) -> None:
        before, self.recorder.state.inside = self.recorder.state.inside, True
        self.devices.gather()
        self.recorder.state.inside = before

    def _operations(self, plan: RunPlan) -> None:
        self.boundaries.tracks_modules = True
        self.boundaries.record_streams()  # as the program finds them: at the first boundary much has been drawn
        chosen = ChosenCalls(self.recorder) if plan.targets or plan.pins else None
        self.mode = Operations(self.recorder, self.devices, chosen)
        if plan.alerts:
            self.mode.alerts = Alerts(self.recorder, StreamRaces.start(self.recorder, self.patches))
        elif plan.outside:
            Entropy(self.recorder, self.patches).install()
        if plan.outside:
            StreamWatch(self.recorder, self.patches).install()
            Files(self.recorder, self.patches).install()
        ThreadModes(self.mode, self.patches)
        self.mode.__enter__()
        mode = self.mode
        self.patches.on_undo(lambda: mode.__exit__(None, None, None))
        if plan.lines:
            LineTrace(self.recorder, self.patches).install()

    def remove(self) -> None:
        self.patches.undo()


current: Recorder | None = None  # of this process, for code under audit that knows that it is


def install(plan: RunPlan) -> Recorder:
    """Install the recorder in the audited process itself and follow its forks."""
    global current
    current = recorder = Installation(plan, str(plan.trace_dir)).recorder
    os.register_at_fork(before=recorder.before_fork, after_in_child=recorder.after_fork_in_child)
    return recorder


def install_in_child(plan: RunPlan, label: str) -> Recorder:
    """Install the recorder in a spawned child, in a folder named after the child's place in the process tree."""
    return Installation(plan, os.path.join(str(plan.trace_dir), f"child-spawned-{label}")).recorder
