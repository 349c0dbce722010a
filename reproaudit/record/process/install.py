"""Puts the recorder into a process that has just imported torch."""

from __future__ import annotations

import os

import torch

import reproaudit
from reproaudit.config.plan import RunPlan
from reproaudit.config.settings import to_dict
from reproaudit.model.events import Level, Unchecked
from reproaudit.record.boundary.leaves import Leaves
from reproaudit.record.boundary.watch import Boundaries
from reproaudit.record.digest.gather import DeviceDigests
from reproaudit.record.hooks import own_paths
from reproaudit.record.hooks.callsite import CallSites
from reproaudit.record.hooks.guest import Guest
from reproaudit.record.hooks.lookup import Need
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.outside.saved import Saved, WhenImported
from reproaudit.record.process import settings_watch
from reproaudit.record.process.environment import Watch, describe_environment
from reproaudit.record.process.groups import watch_groups
from reproaudit.record.process.imports import ImportWatch
from reproaudit.record.process.places import Place
from reproaudit.record.process.ranks import read_rank
from reproaudit.record.process.threads import ThreadStarts
from reproaudit.record.process.tracers import TracerWatch
from reproaudit.record.session import Recorder
from reproaudit.record.state.streams import StreamWatch
from reproaudit.record.state.timeline import Timeline
from reproaudit.record.torch_private import NAMES
from reproaudit.trace.words import CHILD_PREFIX
from reproaudit.trace.writer import TraceWriter

_MEBIBYTE = 1 << 20


class Installation:
    """A recorder and everything it replaced; `remove` leaves the process as it was found.

    `when_imported` calls back once a module is imported. `reads_end`: modules are read as the
    program leaves them.
    """

    def __init__(
        self,
        plan: RunPlan,
        directory: str,
        *,
        when_imported: WhenImported | None = None,
        reads_end: bool = True,
    ) -> None:
        self.patches = Patches()
        self._reads_end = reads_end
        if when_imported is None:
            watch = ImportWatch()
            self.patches.on_undo(watch.remove)
            when_imported = watch.when_imported
        self._when_imported = when_imported
        environment = describe_environment()
        writer = TraceWriter(
            directory,
            level=plan.level.value,
            subject=str(plan.subject),
            command=list(plan.subject.argv),
            settings=to_dict(plan.settings),
            environment=environment,
            version=reproaudit.__version__,
            values_budget=plan.values_mb * _MEBIBYTE,
        )
        _note_missing(writer, *_needs(plan))
        folder = str(plan.subject.folder)
        sites = CallSites(writer, folder, str(plan.subject.cwd), copies=plan.copies)
        self.recorder = Recorder(plan, writer, sites)
        self.devices = DeviceDigests(writer)
        try:
            self._install(plan)
        except BaseException:
            self.patches.undo()
            raise

    def _install(self, plan: RunPlan) -> None:
        self.watch = Watch(self.recorder, self.patches)
        ThreadStarts(self.recorder, self.patches)
        watch_groups(self.recorder, self.patches)
        self.boundaries = Boundaries(self.recorder, self.devices, self.patches)
        self.boundaries.install()
        Saved(self.recorder, self.boundaries, self.patches).install(self._when_imported)
        if plan.outside:
            StreamWatch(self.recorder, self.patches).install(self._when_imported)
        settings = settings_watch.current
        if plan.streams and settings is not None:
            Timeline(self.recorder, self.patches, settings).install()
        self._hand_streams(plan)
        if self._reads_end:
            Leaves(self.recorder, self.boundaries, self.patches).install()
        if plan.state:
            # Only a run that is to be gone on from loads what this needs.
            from reproaudit.record.training_state.watch import TrainingState

            state = TrainingState(self.recorder, self.boundaries, self.patches)
            state.install(self._when_imported)
        self.recorder.on_call = self.boundaries.record_return
        self.recorder.on_flush += [self._gather, self.watch.look]
        if plan.level is not Level.BOUNDARY:
            # A run at boundary level is made as fast as the program itself: it loads nothing that
            # it does not use.
            from reproaudit.record.operation.install import install_operations

            install_operations(
                self.recorder,
                self.boundaries,
                self.devices,
                self.patches,
                when_imported=self._when_imported,
            )

    def _hand_streams(self, plan: RunPlan) -> None:
        if plan.kept_streams is None and not plan.given_streams:
            return
        from reproaudit.record.state.handed_streams import GivenStreams, KeptStreams

        if plan.kept_streams is not None:
            KeptStreams(self.recorder, self.patches, plan.kept_streams).install()
        if plan.given_streams:
            GivenStreams(self.recorder, self.patches, plan.given_streams).install()

    def _gather(self) -> None:
        with Guest(self.recorder, "some tensors on a device"):
            self.devices.gather()

    def remove(self) -> None:
        self.patches.undo()


def _needs(plan: RunPlan) -> list[Need]:
    """Return for what this run may need a private name of torch."""
    needs = [Need.EVERY_RUN]
    if plan.level is not Level.BOUNDARY:
        needs.append(Need.OPERATIONS)
    if plan.settings.interventions:
        needs.append(Need.REPAIRS)
    if torch.version.cuda:
        needs.append(Need.CUDA)
    return needs


def _note_missing(writer: TraceWriter, *needs: Need) -> None:
    """Write into the trace what is not checked because this torch lacks a name."""
    for name in NAMES.missing(*needs):
        writer.note(
            Unchecked.TORCH_NAME_MISSING, name.lost, f"torch {torch.__version__} lacks {name.path}"
        )


current: Recorder | None = None  # of this process, for code under audit that knows that it is


def install(plan: RunPlan, when_imported: WhenImported | None = None) -> Recorder:
    """Install the recorder in the audited process itself and follow its forks."""
    global current
    current = recorder = Installation(
        plan, str(plan.trace_dir), when_imported=when_imported
    ).recorder
    _follow(recorder)
    return recorder


def install_in_child(
    plan: RunPlan, place: Place, when_imported: WhenImported | None = None
) -> Recorder:
    """Install the recorder in a process that the program started.

    Its folder is named after its place among the processes.
    """
    folder = own_paths.join(str(plan.trace_dir), f"{CHILD_PREFIX}{place.label}")
    recorder = Installation(plan, folder, when_imported=when_imported).recorder
    recorder.is_spawned = True
    # What a command starts is the program itself.
    if not plan.subject.is_command:
        recorder.limit_as_child()
    rank = read_rank(os.environ, place.rank_of_parent)
    if rank is not None:
        recorder.writer.identify(rank)
    _follow(recorder)
    return recorder


def _follow(recorder: Recorder) -> None:
    """Have the recorder look out for what begins to watch the program, and follow its forks."""
    recorder.on_flush.append(TracerWatch(recorder).look)
    os.register_at_fork(before=recorder.before_fork, after_in_child=recorder.after_fork_in_child)
