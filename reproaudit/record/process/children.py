"""Recording and repairing the processes that the program starts.

A new interpreter enters the recorder when it starts (`startup`, `arrival`). A child of a forkserver
is a fork of a process that waits for requests: it is entered when it reads what it was asked to do,
before anything of the program. Children are numbered in the order in which their parent starts
them. The server itself is no run of the program. It is only repaired, for the modules that it
imports for all its children.
"""

from __future__ import annotations

import multiprocessing.spawn
import multiprocessing.util
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

from reproaudit.config.plan import RunPlan, from_json
from reproaudit.model.events import Unchecked
from reproaudit.record.process.arming import SERVER, Arming
from reproaudit.record.process.host import Host
from reproaudit.record.process.places import Place
from reproaudit.record.process.shadows import hide_shadows, own_modules
from reproaudit.startup import RECORDER

_getframe = sys._getframe
# Nothing is imported by its name before the program's modules are out of the way.
_ENTER = (
    "(lambda scope: (exec(__import__('_frozen_importlib_external')"
    ".SourceFileLoader('entry', {path!r}).get_code('entry'), scope), "
    "scope['enter']({plan!r}, {label!r})))({{'__name__': 'entry', '__file__': {path!r}}})"
)
_STARTS_IN_SERVER = "multiprocessing.popen_forkserver"

_server: Host | None = None  # of this process, if it is a forkserver, or a child of one


def read_plan(path: str) -> RunPlan:
    # Types of the plan are looked up in their modules.
    with own_modules(), open(path, encoding="utf-8") as file:
        return from_json(file.read())


class Entry:
    """Part of what a child of a forkserver reads: reading it enters the child."""

    def __init__(self, plan_path: str, label: str) -> None:
        self._call = _write_call(plan_path, label)

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return exec, (self._call,)


class ChildStarts:
    """Has each child of this process enter the recorder, however it is started."""

    def __init__(self, host: Host, plan_path: str, above: str = "") -> None:
        self._host = host
        self._plan_path = plan_path
        self._arming = Arming(above)  # which numbers them; `above` is our own label, with a dash
        self._get_data: Callable[..., Any] = multiprocessing.spawn.get_preparation_data
        self._start_process: Callable[..., int] = multiprocessing.util.spawnv_passfds

    def watch(self) -> None:
        """Replace what starts processes, for the rest of this process."""
        self._arming.watch()
        multiprocessing.spawn.get_preparation_data = self._prepare
        multiprocessing.util.spawnv_passfds = self._start
        if _has_server():
            self._host.note(
                Unchecked.FORKSERVER_IMPORTS,
                "what a forkserver imported for its children",
                "it was started before the audit",
            )

    def _prepare(self, name: str) -> Any:
        data = self._get_data(name)
        # Spawned children have it prepared, too, and a server does before it starts.
        if _getframe(1).f_globals.get("__name__") == _STARTS_IN_SERVER:
            data["reproaudit"] = Entry(self._plan_path, self._arming.next_label("spawned"))
        return data

    def _start(self, path: Any, args: Sequence[Any], passfds: Any) -> int:
        is_server = any(isinstance(word, str) and word.startswith(SERVER) for word in args)
        imported = _preloaded_modules(args) if is_server else ""
        if imported:
            self._host.note(
                Unchecked.FORKSERVER_IMPORTS,
                f"what {imported} draw or read when a forkserver imports them",
                "the server is repaired as the program is, and not recorded",
            )
        return self._start_process(path, args, passfds)


def _write_call(plan_path: str, label: str) -> str:
    """Return the code by which a child of a forkserver enters the recorder."""
    return _ENTER.format(path=RECORDER, plan=plan_path, label=label)


def _preloaded_modules(command: Sequence[Any]) -> str:
    """Return the names of the modules that a forkserver is to import; "" for none."""
    names = list(_forkserver_state("_preload_modules") or ())
    # Versions of Python differ in whether the main module, which stands in the list by default,
    # is really imported: it is if the server is told where it lies.
    if not any("'main_path'" in str(argument) for argument in command):
        names = [name for name in names if name != "__main__"]
    return ", ".join(names)


def _has_server() -> bool:
    return _forkserver_state("_forkserver_pid") is not None


def _forkserver_state(name: str) -> Any:
    forkserver = sys.modules.get("multiprocessing.forkserver")
    return getattr(getattr(forkserver, "_forkserver", None), name, None)


def enter_server(plan_path: str, loaded_at_start: Collection[str], folder: str) -> None:
    """Repair a forkserver before it imports anything for its children."""
    global _server
    plan = read_plan(plan_path)
    hide_shadows([str(plan.subject.folder), folder], loaded_at_start)
    _server = Host(plan)
    _server.change()


def enter_child(
    plan_path: str, place: Place, loaded_at_start: Collection[str], folder: str = ""
) -> None:
    """Record in a child as in a forked one: silently until it trains, in a folder of its own.

    `loaded_at_start` are the modules that were there before the recorder's, `folder` is where its
    program lies.
    """
    global _server
    if _server is not None:
        # The child is given what a spawned one is, in place of what its server had.
        _server.withdraw()
        _server = None
    plan = read_plan(plan_path)
    hide_shadows([str(plan.subject.folder), *filter(None, [folder])], loaded_at_start)
    host = Host(plan)
    host.start_in_child(place)
    ChildStarts(host, plan_path, f"{place.label}-").watch()
