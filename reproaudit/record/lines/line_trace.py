"""Follows the program's own lines: what each changes, and from which random streams it draws.

An event of kind LINE is recorded when a statement has ended, at the statement's first line. One of
the name "" says that it ran; the others say what it changed: a variable, "return" (what the frame
returned or yielded), "stream:NAME". Their `inputs` combine what the statement read: the variables
it names, as they were, and what the program's own functions returned into it; of a stream they are
its state before. So a variable that differs though the inputs are equal is where a difference came
in, as for an operator. A function's arguments are recorded at the line that calls it.

Only variables that a statement names are looked at: a frame may hold thousands. What a statement
changes through another name shows in the frame that names it, or where it is next read.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from reproaudit.model.events import Phase, Unchecked
from reproaudit.record.digest.tensors import Digest
from reproaudit.record.hooks import cells
from reproaudit.record.hooks.callsite import USER
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.lines.frames import (
    MAX_VISITS,
    NO_DIGEST,
    FollowedFrame,
    find_caller,
    find_followed,
)
from reproaudit.record.lines.random_streams import RandomStreams
from reproaudit.record.lines.scope import Scope
from reproaudit.record.lines.statements import Body, Source, Statement, read_source
from reproaudit.record.session import Recorder
from reproaudit.record.thread_state import StateOfThread, ThreadState
from reproaudit.trace.words import STREAM_PREFIX

_MAX_CALLS = 1024  # of one function after which its frames are followed no more
_MAX_SHOWN = 10_000  # values of which the text is kept
_WHAT = "the program's own lines"

_gettrace, _settrace = sys.gettrace, sys.settrace
_getframe, _get_ident = sys._getframe, threading.get_ident


class LineTrace:
    """The trace function of the process.

    It ends quietly if the program, or a debugger, sets another one.
    """

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        # By id, because code objects compare by their content, which takes long.
        self._bodies: dict[int, tuple[CodeType, Body | None]] = {}
        # While the recorder's state of a thread is being made, it cannot be asked for.
        for kind in (ThreadState, StateOfThread):
            code = kind.__init__.__code__
            self._bodies[id(code)] = (code, None)
        self._files: dict[str, Source | None] = {}
        self._streams = RandomStreams()
        self._shown: set[str] = set()
        self.is_over = False
        self._thread = 0  # the one that installed it
        # Each look-up of a method makes another object; this one can be told from others.
        self.function = self._on_call

    def install(self) -> None:
        """Follow the program's own frames: those that are under way, and all that begin later."""
        if _gettrace() is not None:
            self._note("a debugger or a coverage tool already follows them")
            return
        self._thread = _get_ident()
        self._recorder.on_flush.append(self._check)
        threads_function = threading.gettrace()
        self._patches.on_undo(lambda: self._remove(threads_function))
        # Else it would be called for what still runs while the interpreter takes its modules apart.
        atexit.register(self._end)
        self._patches.on_undo(lambda: atexit.unregister(self._end))
        self.run(self._join_all, _getframe(1), None)
        threading.settrace(self.function)
        _settrace(self.function)

    def _join_all(self, frame: FrameType | None, arg: Any) -> None:
        self.skip_streams()
        while frame is not None:
            body = self._find_body(frame.f_code)
            if body is not None:
                self._join(frame, body)
            frame = frame.f_back

    def _join(self, frame: FrameType, body: Body) -> None:
        """Follow a frame that is under way; record what it holds at its present line."""
        followed = FollowedFrame(self, body)
        scope = Scope(frame, body)
        followed.begin(frame, scope)
        statement = followed.statement
        assert statement is not None
        for name in scope.names():
            found = scope.digest(name)
            if found is not None:
                self.record(name, statement, inputs=NO_DIGEST, outputs=found)
        frame.f_trace = followed.trace

    def _check(self) -> None:
        """Note that the trace function is gone, if it is.

        The program set another one, or the interpreter dropped it: a RecursionError on the way to
        a trace function removes it.
        """
        if self.is_over or _get_ident() != self._thread or not self.is_replaced():
            return
        self.is_over = True
        self._note(
            "the program set a trace function of its own or came to its recursion limit, "
            "and they were left there"
        )

    def _end(self) -> None:
        self._check()
        self.is_over = True
        if _gettrace() is self.function:
            _settrace(None)

    def _remove(self, threads_function: Any) -> None:
        self._end()
        if threading.gettrace() is self.function:
            threading.settrace(threads_function)
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            if find_followed(frame) is not None:
                frame.f_trace = None
            frame = frame.f_back

    # Events of the interpreter

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Return the trace function of a frame that begins, or that goes on after a yield."""
        if self.is_over:
            return None
        known = self._bodies.get(id(frame.f_code))
        if known is not None and known[1] is None:
            return None
        followed = find_followed(frame)
        if followed is None:
            return self.run(self._enter, frame, arg)
        self.run(followed.resume, frame, arg)
        return followed.trace

    def run(self, action: Callable[[FrameType, Any], Any], frame: FrameType, arg: Any) -> Any:
        """Act on an event, unless the recorder itself is running.

        Returns None if the action failed, and then follows nothing any more.
        """
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
            if self._is_of_program(error):
                raise
            self._note(f"following them failed: {type(error).__name__}: {error}")
            return None
        finally:
            state.inside = False

    def is_replaced(self) -> bool:
        """Return True if the process has another trace function by now, or following is over."""
        return self.is_over or _gettrace() is not self.function

    def _is_of_program(self, error: Exception) -> bool:
        """Return True if a signal handler of the program raised: no other code of it runs here."""
        trace = error.__traceback__
        while trace is not None:
            if self._recorder.sites.kinds.of(trace.tb_frame.f_code) == USER:
                return True
            trace = trace.tb_next
        return False

    def _enter(self, frame: FrameType, arg: Any) -> Any:
        body = self._find_body(frame.f_code)
        if body is None or body.calls >= _MAX_CALLS:
            return None
        body.calls += 1
        caller = find_caller(frame)
        self._record_arguments(frame, body, caller)
        given = NO_DIGEST
        if body.is_comprehension and caller is not None and caller.is_active:
            given = caller.inputs()
        return FollowedFrame(self, body, given).trace

    def _find_body(self, code: CodeType) -> Body | None:
        """Return what is known of a code object; None if it is not the program's own."""
        known = self._bodies.get(id(code))
        if known is None:
            source = self._find_source(code.co_filename)
            body = None if source is None else Body(code, source)
            # The code object is kept beside it, so that no other one gets its id.
            known = (code, body)
            self._bodies[id(code)] = known
        return known[1]

    def _find_source(self, filename: str) -> Source | None:
        """Return what is known of a file; None if it is a library's."""
        sites = self._recorder.sites
        if cells.find_code(filename) is not None:
            # Not remembered: the name may be another cell's next.
            return read_source(filename, sites.shown)
        if filename not in self._files:
            is_user = sites.kinds.of_file(filename) == USER
            self._files[filename] = read_source(filename, sites.shown) if is_user else None
        return self._files[filename]

    # What is recorded

    def record(
        self,
        name: str,
        statement: Statement,
        *,
        inputs: Digest,
        outputs: Digest,
        flags: int = 0,
        shown: str = "",
    ) -> None:
        """Record that the statement ran (""), or what it changed: `name` and the new digest.

        `shown` is the value as people read it; the first ones are kept.
        """
        recorder = self._recorder
        writer = recorder.writer
        if statement.site < 0:
            statement.site = writer.location(*statement.place)
        phase = recorder.state.phase or Phase.DATA
        writer.add_line(
            at=recorder.moment(phase, statement.site),
            name=name,
            inputs=inputs,
            outputs=outputs,
            flags=flags,
            shown=self._keep_some(shown),
        )

    def _keep_some(self, shown: str) -> str:
        """Return the text, or "" once there are so many that the trace would be full of them."""
        if not shown or shown in self._shown:
            return shown
        if len(self._shown) >= _MAX_SHOWN:
            return ""
        self._shown.add(shown)
        return shown

    def record_streams(self, statement: Statement) -> None:
        """Record which random streams the statement moved."""
        for move in self._streams.find_moves():
            name = STREAM_PREFIX + move.name
            self.record(name, statement, inputs=move.before, outputs=move.after)

    def skip_streams(self) -> None:
        """Forget what moved since the last look: no statement that is recorded did it."""
        self._streams.find_moves()

    def _record_arguments(self, frame: FrameType, body: Body, caller: FollowedFrame | None) -> None:
        """Record what a function was given, at the program's line that calls it.

        That may be through a library. Where no line of the program called it, as in a thread, the
        function's own first line stands for it.
        """
        if caller is None:
            self._record_parameters(
                frame, body, body.statement(body.code.co_firstlineno), NO_DIGEST
            )
        elif caller.is_active and caller.statement is not None:
            self._record_parameters(frame, body, caller.statement, caller.inputs())

    def _record_parameters(
        self, frame: FrameType, body: Body, statement: Statement, inputs: Digest
    ) -> None:
        self.record_streams(statement)
        count = body.calls_from.get(statement, 0) + 1
        body.calls_from[statement] = count
        if not body.parameters or count > MAX_VISITS:
            return
        scope = Scope(frame, body)
        for name in body.parameters:
            found = scope.digest(name)
            if found is not None:
                shown = scope.show(name)
                self.record(name, statement, inputs=inputs, outputs=found, shown=shown)

    def _note(self, why: str) -> None:
        self._recorder.writer.note(Unchecked.LINES_NOT_FOLLOWED, _WHAT, why)
