"""Follows the program's own lines: what each changes in Python values, and from which random
streams it draws.

An event of kind LINE is told when a statement has ended, at the statement's first line. One of the
name "" says that it ran; the others say what it changed: a variable, "return" (what the frame
returned or yielded), "stream:NAME". Their `inputs` combine what the statement read: the variables
it names, as they were, and what the program's own functions returned into it; of a stream they are
its state before. So a variable that differs though the inputs are equal is where a difference came
in, as for an operator. A function's arguments are told at the line that calls it.

Only variables that a statement names are looked at: a frame may hold thousands. What a statement
changes through another name shows in the frame that names it, or where it is next read.
"""

from __future__ import annotations

import atexit
import random
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType, MethodType
from typing import Any

import torch

from reproaudit.model.events import EventFlag, Phase, Unchecked
from reproaudit.record.digest.tensors import Digest, combine
from reproaudit.record.hooks.callsite import USER
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.lines.scope import Scope, data_digest
from reproaudit.record.lines.statements import Body, Statement, logical_lines
from reproaudit.record.session import Recorder, StateOfThread, ThreadState
from reproaudit.record.state import rng
from reproaudit.trace.words import RETURN, STREAM_PREFIX

Source = tuple[str, dict[int, int]]

# of one statement, and calls from one line, that are recorded: the first ones tell where it began
_MAX_VISITS = 64
_MAX_CALLS = 1024  # of one function after which its frames are followed no more
_MAX_HOPS = 64  # frames between a function of the program and the one that called it
_NOTHING: Digest = (0, 0)
_WHAT = "the program's own lines"

_gettrace, _settrace = sys.gettrace, sys.settrace
_getframe, _getstate, _get_ident = sys._getframe, random.getstate, threading.get_ident


class _Streams:
    """The global random streams: which of them moved since they were last looked at."""

    def __init__(self) -> None:
        self._python: object = None
        self._states: dict[str, Digest] = {}

    def moved(self) -> list[tuple[str, Digest, Digest]]:
        """Return name, state before and state now of each stream that moved."""
        found: list[tuple[str, Digest, Digest]] = []
        _, internal, gauss = _getstate()
        python = hash(internal), gauss  # the digest proper takes ten times as long
        if python != self._python:
            self._python = python
            self._compare("python", rng.python_state(), found)
        legacy = _numpy_state()
        if legacy is not None:
            self._compare("numpy", legacy, found)
        self._compare("torch", rng.generator_state(torch.default_generator), found)
        return found

    def _compare(self, name: str, now: Digest, found: list[tuple[str, Digest, Digest]]) -> None:
        before = self._states.get(name, now)
        self._states[name] = now
        if now != before:
            found.append((name, before, now))


def _numpy_state() -> Digest | None:
    """Return the legacy stream's state, unless it is in use: `shuffle` calls the program's code
    while it holds it."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    lock = numpy_random.mtrand._rand._bit_generator.lock
    if not lock.acquire(blocking=False):
        return None
    lock.release()
    return rng.numpy_state()


class _Frame:
    """One frame that is followed: the statement it is in, and what that read."""

    __slots__ = (
        "_before",
        "_body",
        "_given",
        "_place",
        "_returned",
        "_tracer",
        "is_active",
        "statement",
    )

    def __init__(self, tracer: LineTrace, body: Body, given: Digest = _NOTHING) -> None:
        self._tracer = tracer
        self._body = body
        self._given = given  # what stands for values that come out of an iterator, which shows none
        self._before: dict[str, Digest | None] = {}
        self._returned = _NOTHING
        self._place = 0, -1  # line and instruction of the last event
        self.statement: Statement | None = None
        self.is_active = False

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Be told by the interpreter of a line that is about to run, and of the frame's end."""
        tracer = self._tracer
        if tracer.is_replaced():
            frame.f_trace = None
            return None
        if event == "line":
            tracer.run(self._line, frame, arg)
        elif event == "return":
            tracer.run(self._leave, frame, arg)
        return self.trace

    def resume(self, frame: FrameType, arg: Any) -> None:
        self.begin(frame, Scope(frame, self._body))

    def begin(self, frame: FrameType, scope: Scope) -> None:
        """Enter the statement that runs next."""
        self._place = frame.f_lineno, frame.f_lasti
        self.statement = found = self._body.statement(frame.f_lineno)
        self.is_active = found.visits < _MAX_VISITS
        if self.is_active:
            found.visits += 1
            self._before = {name: scope.digest(name) for name in found.reads}
            self._returned = _NOTHING

    def receive(self, returned: Digest) -> None:
        """Take note of what a function of the program returned into the statement."""
        self._returned = combine((self._returned, returned))

    def inputs(self) -> Digest:
        parts = (*self._before.values(), self._given, self._returned)
        return combine([part for part in parts if part is not None and part != _NOTHING])

    def _line(self, frame: FrameType, arg: Any) -> None:
        (line, instruction), self._place = self._place, (frame.f_lineno, frame.f_lasti)
        upcoming = self._body.statement(frame.f_lineno)
        if upcoming is self.statement and frame.f_lineno != line and frame.f_lasti > instruction:
            # another line of the same statement; a loop would have jumped back, or to the line it
            # is in
            return
        if not self.is_active and upcoming.visits >= _MAX_VISITS:
            self.statement = upcoming
            return
        scope = Scope(frame, self._body)
        if self.is_active:
            self._end(scope)
        else:
            self._tracer.settle_streams(None)
        self.begin(frame, scope)

    def _end(self, scope: Scope) -> None:
        """Tell what the statement did, now that it is over."""
        statement, tracer = self.statement, self._tracer
        assert statement is not None
        inputs = self.inputs()
        tracer.tell("", statement, inputs, _NOTHING)
        tracer.settle_streams(statement)
        flags = EventFlag.UNDEFINED if statement.is_undefined else 0
        for name in {**statement.writes, **statement.reads}:
            after = scope.digest(name)
            if after is not None and (name in statement.writes or after != self._before.get(name)):
                tracer.tell(name, statement, inputs, after, flags)

    def _leave(self, frame: FrameType, result: object) -> None:
        caller = _caller_of(frame)
        if self.is_active:
            self._end(Scope(frame, self._body))
        is_awaited = caller is not None and caller.is_active
        returned = data_digest(result) if self.is_active or is_awaited else None
        if returned is not None:
            if self.is_active and self.statement is not None:
                flags = EventFlag.UNDEFINED if self.statement.is_undefined else 0
                self._tracer.tell(RETURN, self.statement, self.inputs(), returned, flags)
            if caller is not None and is_awaited:
                caller.receive(returned)
        self.statement, self.is_active = None, False


def _caller_of(frame: FrameType) -> _Frame | None:
    """Return the nearest frame above that is followed: the program's own, maybe with a library's
    between."""
    above = frame.f_back
    for _ in range(_MAX_HOPS):
        if above is None:
            return None
        found = _ours(above)
        if found is not None:
            return found
        above = above.f_back
    return None


def _ours(frame: FrameType) -> _Frame | None:
    function = frame.f_trace
    owner = function.__self__ if type(function) is MethodType else None
    return owner if type(owner) is _Frame else None


class LineTrace:
    """The trace function of the process. It ends quietly if the program, or a debugger, sets
    another one."""

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        # By id: comparing code objects takes long. While a thread's state is made, it cannot be
        # asked for.
        made = [kind.__init__.__code__ for kind in (ThreadState, StateOfThread)]
        self._bodies: dict[int, tuple[CodeType, Body | None]] = {
            id(code): (code, None) for code in made
        }
        self._sources: dict[str, Source | None] = {}
        self._streams = _Streams()
        self.is_over = False
        self._thread = 0  # the one that installed it
        self.function = self._on_call  # one object, so that it can be told from others

    def install(self) -> None:
        """Follow every frame of the program's own that begins from here on, and those that are
        under way."""
        if _gettrace() is not None:
            self._recorder.writer.note(
                Unchecked.LINES_NOT_FOLLOWED,
                _WHAT,
                "a debugger or a coverage tool already follows them",
            )
            return
        self._thread = _get_ident()
        self._recorder.on_flush.append(self._look)
        threads_function = threading.gettrace()
        self._patches.on_undo(lambda: self._remove(threads_function))
        # Else it would be told of what still runs while the interpreter takes its modules apart.
        atexit.register(self._end)
        self._patches.on_undo(lambda: atexit.unregister(self._end))
        self.run(self._join_all, _getframe(1), None)
        threading.settrace(self.function)
        _settrace(self.function)

    def _join_all(self, frame: FrameType | None, arg: Any) -> None:
        self._streams.moved()
        while frame is not None:
            body = self._body_of(frame.f_code)
            if body is not None:
                self._join(frame, body)
            frame = frame.f_back

    def _join(self, frame: FrameType, body: Body) -> None:
        """Follow a frame that is under way. What it holds by now is told at the line that it is in."""
        followed = _Frame(self, body)
        scope = Scope(frame, body)
        followed.begin(frame, scope)
        assert followed.statement is not None
        for name in scope.names():
            found = scope.digest(name)
            if found is not None:
                self.tell(name, followed.statement, _NOTHING, found)
        frame.f_trace = followed.trace

    def _look(self) -> None:
        """Say so if the trace function is gone: set by the program, or lost to a RecursionError on
        the way to it."""
        if not self.is_over and _get_ident() == self._thread and self.is_replaced():
            self.is_over = True
            why = "the program set a trace function of its own or came to its recursion limit, and they were left there"
            self._recorder.writer.note(Unchecked.LINES_NOT_FOLLOWED, _WHAT, why)

    def _end(self) -> None:
        self._look()
        self.is_over = True
        if _gettrace() is self.function:
            _settrace(None)

    def _remove(self, threads_function: Any) -> None:
        self._end()
        if threading.gettrace() is self.function:
            threading.settrace(threads_function)
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            if _ours(frame) is not None:
                frame.f_trace = None
            frame = frame.f_back

    # -- events of the interpreter
    # -----------------------------------------------------------------------------------

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Be told of each frame that begins, or goes on after a yield; return what is to be told of
        its lines."""
        if self.is_over:
            return None
        known = self._bodies.get(id(frame.f_code))
        if known is not None and known[1] is None:
            return None
        followed = _ours(frame)
        if followed is None:
            return self.run(self._enter, frame, arg)
        self.run(followed.resume, frame, arg)
        return followed.trace

    def run(self, action: Callable[[FrameType, Any], Any], frame: FrameType, arg: Any) -> Any:
        """Act on an event, unless the recorder itself is running; return None if that failed, and
        end the following."""
        recorder = self._recorder
        state = recorder.state
        if state.inside or not recorder.active:
            return None
        state.inside = True
        try:
            return action(frame, arg)
        except RecursionError:  # the program is about to reach its limit itself
            return None
        except Exception as error:
            self.is_over = True
            if self._is_programs(error):
                raise
            recorder.writer.note(
                Unchecked.LINES_NOT_FOLLOWED,
                _WHAT,
                f"following them failed: {type(error).__name__}: {error}",
            )
            return None
        finally:
            state.inside = False

    def is_replaced(self) -> bool:
        return self.is_over or _gettrace() is not self.function

    def _is_programs(self, error: Exception) -> bool:
        """True for an exception of a signal handler that ran meanwhile: of the program's code,
        nothing else does."""
        trace = error.__traceback__
        while trace is not None:
            if self._recorder.sites.kinds.of(trace.tb_frame.f_code) == USER:
                return True
            trace = trace.tb_next
        return False

    def _enter(self, frame: FrameType, arg: Any) -> Any:
        body = self._body_of(frame.f_code)
        if body is None or body.calls >= _MAX_CALLS:
            return None
        body.calls += 1
        caller = _caller_of(frame)
        self._tell_arguments(frame, body, caller)
        given = (
            caller.inputs()
            if body.is_comprehension and caller is not None and caller.is_active
            else _NOTHING
        )
        return _Frame(self, body, given).trace

    def _body_of(self, code: CodeType) -> Body | None:
        known = self._bodies.get(id(code))
        if known is None:
            source = self._source(code.co_filename)
            known = self._bodies[id(code)] = code, None if source is None else Body(code, *source)
        return known[1]

    def _source(self, filename: str) -> Source | None:
        """Return how a file is shown and where its statements begin; None if it is none of the
        program's own."""
        if filename not in self._sources:
            sites = self._recorder.sites
            is_own = sites.kinds.of_file(filename) == USER
            self._sources[filename] = (
                (sites.shown(filename), logical_lines(filename)) if is_own else None
            )
        return self._sources[filename]

    # -- what is told
    # ------------------------------------------------------------------------------------------------

    def tell(
        self, name: str, statement: Statement, inputs: Digest, outputs: Digest, flags: int = 0
    ) -> None:
        recorder, writer = self._recorder, self._recorder.writer
        if statement.site < 0:
            statement.site = writer.location(*statement.place)
        phase = recorder.state.phase or Phase.DATA
        writer.add_line(
            at=recorder.moment(phase, statement.site),
            name=name,
            inputs=inputs,
            outputs=outputs,
            flags=flags,
        )

    def settle_streams(self, statement: Statement | None) -> None:
        """Tell which random streams the statement moved; None: whatever moved them, no statement
        that is told did."""
        for name, before, now in self._streams.moved():
            if statement is not None:
                self.tell(STREAM_PREFIX + name, statement, before, now)

    def _tell_arguments(self, frame: FrameType, body: Body, caller: _Frame | None) -> None:
        """Tell what a function of the program was given, at the line that calls it, be it through a
        library."""
        if caller is None:
            statement: Statement | None = body.statement(body.code.co_firstlineno)
            inputs = _NOTHING
        else:
            statement, inputs = (
                (caller.statement, caller.inputs()) if caller.is_active else (None, _NOTHING)
            )
        if statement is None:
            return
        self.settle_streams(statement)
        count = body.calls_from[statement] = body.calls_from.get(statement, 0) + 1
        if body.parameters and count <= _MAX_VISITS:
            scope = Scope(frame, body)
            for name in body.parameters:
                found = scope.digest(name)
                if found is not None:
                    self.tell(name, statement, inputs, found)
