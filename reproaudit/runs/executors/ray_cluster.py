"""Runs on a Ray cluster: each is a task, and in it a process of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from reproaudit.errors import ReproauditError, UsageError
from reproaudit.model.events import NotChecked, Unchecked
from reproaudit.runs.executors.elsewhere import (
    Answer,
    Sight,
    make_run_elsewhere,
    pack_files,
    put_in_sight,
    take_left,
)
from reproaudit.runs.executors.options import read_amount, require_known
from reproaudit.runs.executors.protocol import ExecutorOrder, Fault, Job, JobEnd
from reproaudit.runs.executors.threads import keep_threads, word_threads
from reproaudit.runs.log import copy_to_stderr

_OPTION = "--ray"
_RESOURCE = "resources."
_MOST_JOBS = 64  # unless more were asked for: each has a copy of the files
_CONNECT_S = 10.0
_GRACE_S = 30.0  # for a run that is cancelled, with all that it started
# What Ray gives a task by: the run has them, too.
_GIVEN = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
# Set by importing Ray, and no part of the user's environment.
_OF_IMPORT = ("RAY_CLIENT_MODE",)
# Of a cluster of our own. Ray listens on all addresses of the machine: only who knows the token is
# answered. Given here, it is written into no file.
_TOKEN = "RAY_AUTH_TOKEN"
_REPORTS_NOTHING = {"RAY_USAGE_STATS_ENABLED": "0"}
_SET_BY_RAY = ("RAY_AUTH_MODE",)
_OWN_STORE = 128 << 20  # bytes: what is exchanged is the ends of runs
_LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.ObjectLostError,
    exceptions.OutOfMemoryError,
    # The node that alone has the wanted hardware is gone: another may have it.
    exceptions.TaskUnschedulableError,
)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What Ray is to set aside for each run."""

    cpus: float
    gpus: float
    resources: tuple[tuple[str, float], ...]

    @property
    def amounts(self) -> dict[str, float]:
        return {"CPU": self.cpus, "GPU": self.gpus, **dict(self.resources)}

    def count_room(self, node: dict[str, float]) -> int:
        """Return how many runs a node has room for."""
        shares = [node.get(name, 0.0) / need for name, need in self.amounts.items() if need]
        return int(min(shares, default=1.0))

    def __str__(self) -> str:
        return ", ".join(f"{name} {need:g}" for name, need in self.amounts.items() if need)


class RayExecutor:
    """Gives the runs to a cluster; one of its own on this machine, if none was named."""

    is_here = False

    def __init__(self, order: ExecutorOrder) -> None:
        needs = _read_needs(order.options)
        cpus = order.options.get("num_cpus", "")
        self.settings = keep_threads(order, cpus if cpus.isdigit() else "")
        environment = {name: text for name, text in os.environ.items() if name not in _OF_IMPORT}
        self._nodes_by_hardware: dict[str, set[str]] = {}
        self._turns = 0
        self._ships_files = False
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            stack.enter_context(_connect(order.options.get("address", "")))
            room = sum(needs.count_room(node["Resources"]) for node in _list_nodes())
            if not room:
                raise UsageError(
                    f"no node of the Ray cluster has what a run needs: {needs}",
                    code="executor-option",
                    hint="ask for less with --ray num_cpus=…, or start the nodes first",
                )
            self.width = order.jobs or min(room, _MOST_JOBS)
            folder = order.folder.absolute()
            folder.mkdir(parents=True, exist_ok=True)
            self._sight = put_in_sight(folder)
            stack.callback(self._sight.file.unlink, missing_ok=True)
            self._environment = ray.put(environment)
            self._task = ray.remote(
                num_cpus=needs.cpus,
                num_gpus=needs.gpus,
                resources=dict(needs.resources),
                max_retries=0,
            )(_make_run)
            self._stack = stack.pop_all()
        why = f"--executor ray: each run has {needs} of a cluster, {word_threads(self.settings)}"
        self.notes = (
            NotChecked(
                Unchecked.RUNS_SIDE_BY_SIDE,
                "the program on this machine, and in one folder for all runs",
                f"{why}, and a copy of the files of its own",
            ),
        )

    def submit(self, job: Job, slot: int) -> _RayRun:
        """Give a run to the cluster."""
        return _RayRun(self, job)

    def start(self, job: Job) -> ray.ObjectRef[tuple[str, Answer]]:
        """Start the task of a run, with its files if nodes are known not to see them."""
        # Within a list, so that a node fetches them only if it needs them.
        files = [ray.put(pack_files(job))] if self._ships_files else []
        task = self._task.options(scheduling_strategy=self._choose_nodes(job.hardware))
        started: ray.ObjectRef[tuple[str, Answer]] = task.remote(
            job, self._environment, self._sight, files
        )
        return started

    def ship_files(self) -> None:
        """Send the files of all runs from here on."""
        self._ships_files = True

    def learn(self, node: str, hardware: str) -> None:
        """Remember what a node computes with."""
        self._nodes_by_hardware.setdefault(hardware, set()).add(node)

    def close(self) -> None:
        """Leave the cluster; one of our own is ended. All jobs have ended."""
        self._stack.close()

    def _choose_nodes(self, hardware: str) -> str | NodeAffinitySchedulingStrategy:
        """Return where a run may be made, so that it can be compared with what was made before."""
        if not hardware or len(self._nodes_by_hardware) < 2:
            return "SPREAD"
        alive = {node["NodeID"] for node in _list_nodes()}
        nodes = sorted(self._nodes_by_hardware.get(hardware, set()) & alive)
        if not nodes:
            return "SPREAD"
        self._turns += 1
        return NodeAffinitySchedulingStrategy(nodes[self._turns % len(nodes)], soft=False)


class _RayRun:
    """A run that was given to the cluster."""

    def __init__(self, executor: RayExecutor, job: Job) -> None:
        self._executor = executor
        self._job = job
        self._task = executor.start(job)

    def look(self) -> JobEnd | None:
        """Return how it ended; None while it goes on."""
        ended, _ = ray.wait([self._task], timeout=0)
        if not ended:
            return None
        try:
            node, answer = self._take()
        except _LOST as error:
            return JobEnd(lost=_word_loss(error))
        except exceptions.RayError as error:
            return JobEnd(fault=_make_fault(error))
        if answer.end is None:
            self._executor.ship_files()
            self._task = self._executor.start(self._job)
            return None
        take_left(self._job, answer.parcel)
        if answer.end.hardware:
            self._executor.learn(node, answer.end.hardware)
        if self._job.show_output and self._job.log.exists():
            copy_to_stderr(self._job.log, 0)
        return answer.end

    def _take(self) -> tuple[str, Answer]:
        made: tuple[str, Answer] = ray.get(self._task)
        return made

    def cancel(self) -> None:
        """End the run with all that it has started."""
        for is_forced in (False, True):
            ray.cancel(self._task, force=is_forced)
            ended, _ = ray.wait([self._task], timeout=_GRACE_S)
            if ended:
                return


def make(order: ExecutorOrder) -> RayExecutor:
    """Return the executor for a Ray cluster. Raises UsageError where it cannot be reached."""
    return RayExecutor(order)


def _make_run(
    job: Job, environment: dict[str, str], sight: Sight, files: list[Any]
) -> tuple[str, Answer]:
    """Make a run on the node that Ray has chosen; return the node, and how it went."""
    given = {name: os.environ[name] for name in _GIVEN if name in os.environ}
    parcel: bytes | None = ray.get(files[0]) if files else None
    answer = make_run_elsewhere(job, {**environment, **given}, sight, parcel)
    return ray.get_runtime_context().get_node_id(), answer


def _read_needs(options: dict[str, str]) -> _Needs:
    named = {key for key in options if key.startswith(_RESOURCE)}
    require_known(
        {key: text for key, text in options.items() if key not in named},
        ("address", "num_cpus", "num_gpus", "resources.NAME"),
        _OPTION,
    )
    return _Needs(
        cpus=read_amount(options, "num_cpus", 1.0, _OPTION),
        gpus=read_amount(options, "num_gpus", 0.0, _OPTION),
        resources=tuple(
            (key.removeprefix(_RESOURCE), read_amount(options, key, 1.0, _OPTION))
            for key in sorted(named)
        ),
    )


def _list_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


@contextlib.contextmanager
def _connect(address: str) -> Iterator[None]:
    """Connect to the cluster at `address`, or RAY_ADDRESS; "": start one for as long as it lasts.

    A program that is connected already stays so.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    if ray.is_initialized():
        yield
        return
    with contextlib.ExitStack() as stack:
        # What Ray has to say of its nodes, it says on the stream of our reports.
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        quiet: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "include_dashboard": False,
        }
        if address:
            _require_answer(address)
            quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        else:
            token = secrets.token_hex(32)
            stack.enter_context(_set_variables({_TOKEN: token, **_REPORTS_NOTHING}))
            # Sockets lie in it, whose paths have 107 bytes at most.
            folder = tempfile.mkdtemp(prefix="reproaudit-ray-", dir="/tmp")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            quiet |= {"_temp_dir": folder, "object_store_memory": _OWN_STORE}
        try:
            ray.init(address=address or "local", **quiet)
        except (OSError, RuntimeError, ValueError, exceptions.RayError) as error:
            ray.shutdown()
            raise _make_unreachable(address, error) from None
        stack.callback(ray.shutdown)
        yield


def _require_answer(address: str) -> None:
    """Raise UsageError if nobody listens at HOST:PORT, for which Ray would wait minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal():
        return  # "auto", or a client's ray://…
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _make_unreachable(address, error) from None


def _make_unreachable(address: str, error: Exception) -> UsageError:
    where = f"at {address}" if address else "of its own on this machine"
    return UsageError(
        f"cannot reach a Ray cluster {where}: {_first_line(error)}",
        code="executor-unreachable",
        hint="--ray address=HOST:6379 names the head node; the versions of Ray and Python must be "
        "the same there",
    )


@contextlib.contextmanager
def _set_variables(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*variables, *_SET_BY_RAY)}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, text in before.items():
            os.environ.pop(name, None)
            if text is not None:
                os.environ[name] = text


def _word_loss(error: Exception) -> str:
    if isinstance(error, exceptions.OutOfMemoryError):
        return "its node had no memory left"
    if isinstance(error, exceptions.WorkerCrashedError):
        return "the process that made it, or its node, died"
    return "its node is gone"


def _make_fault(error: exceptions.RayError) -> Fault:
    cause = getattr(error, "cause", None)
    if isinstance(cause, ReproauditError):
        return Fault(message=cause.message, code=cause.code, hint=cause.hint)
    return Fault(
        message=f"Ray could not make a run: {_first_line(cause or error)}",
        code="executor-failed",
        hint="the nodes need the same reproaudit, torch and Python as this machine",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
