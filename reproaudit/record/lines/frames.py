"""One frame of the program that is followed: what each of its statements read and changed."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, MethodType
from typing import Any, Protocol

from reproaudit.model.events import EventFlag
from reproaudit.record.digest.tensors import Digest, combine
from reproaudit.record.lines.scope import Scope, data_digest
from reproaudit.record.lines.statements import Body, Statement
from reproaudit.trace.words import RETURN

# Of one statement, and calls from one line, that are recorded: the first ones tell where it began.
MAX_VISITS = 64
NO_DIGEST: Digest = (0, 0)
_MAX_HOPS = 64  # frames between a function of the program and the one that called it


class LineRecorder(Protocol):
    """What a followed frame needs of the trace function that it belongs to."""

    def run(self, action: Callable[[FrameType, Any], Any], frame: FrameType, arg: Any) -> Any:
        """Run `action` unless the recorder itself is running."""

    def is_replaced(self) -> bool:
        """Return True if the frame should be followed no more."""

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
        """Record one event of a statement; `shown` is the value as people read it."""

    def record_streams(self, statement: Statement) -> None:
        """Record the random streams that the statement moved."""

    def skip_streams(self) -> None:
        """Forget what moved since the last look: no statement that is recorded did it."""


class FollowedFrame:
    """One frame that is followed: the statement that it is in, and what that read."""

    __slots__ = (
        "_arrays",
        "_before",
        "_body",
        "_given",
        "_position",
        "_recorder",
        "_returned",
        "is_active",
        "statement",
    )

    def __init__(self, recorder: LineRecorder, body: Body, given: Digest = NO_DIGEST) -> None:
        self._recorder = recorder
        self._body = body
        # Stands for the values of a comprehension's iterator, which does not show them.
        self._given = given
        self._before: dict[str, Digest | None] = {}
        self._arrays: dict[str, int | None] = {}
        self._returned = NO_DIGEST
        self._position = (0, -1)  # line and instruction of the last event
        self.statement: Statement | None = None
        self.is_active = False

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Follow a line that is about to run, or the frame's end; called by the interpreter."""
        recorder = self._recorder
        if recorder.is_replaced():
            frame.f_trace = None
            return None
        if event == "line":
            recorder.run(self._enter_line, frame, arg)
        elif event == "return":
            recorder.run(self._leave, frame, arg)
        return self.trace

    def resume(self, frame: FrameType, arg: Any) -> None:
        """Go on after a yield."""
        self.begin(frame, Scope(frame, self._body))

    def begin(self, frame: FrameType, scope: Scope) -> None:
        """Enter the statement that runs next."""
        self._position = (frame.f_lineno, frame.f_lasti)
        statement = self._body.statement(frame.f_lineno)
        self.statement = statement
        self.is_active = statement.visits < MAX_VISITS
        if self.is_active:
            statement.visits += 1
            self._before = {name: scope.digest(name) for name in statement.reads}
            self._arrays = {name: scope.find_array(name) for name in statement.reads}
            self._returned = NO_DIGEST

    def receive(self, returned: Digest) -> None:
        """Take note of what a function of the program returned into the statement."""
        self._returned = combine((self._returned, returned))

    def inputs(self) -> Digest:
        """Return the digest of all that the statement has read so far."""
        parts = (*self._before.values(), self._given, self._returned)
        return combine([part for part in parts if part is not None and part != NO_DIGEST])

    def _enter_line(self, frame: FrameType, arg: Any) -> None:
        last_line, last_instruction = self._position
        self._position = (frame.f_lineno, frame.f_lasti)
        upcoming = self._body.statement(frame.f_lineno)
        is_same = upcoming is self.statement and frame.f_lineno != last_line
        if is_same and frame.f_lasti > last_instruction:
            # Another line of the same statement. A loop would have jumped back, or to its own line.
            return
        if not self.is_active and upcoming.visits >= MAX_VISITS:
            # The way through a hot loop: nothing is looked at any more.
            self.statement = upcoming
            return
        scope = Scope(frame, self._body)
        if self.is_active:
            self._record_statement(scope)
        else:
            self._recorder.skip_streams()
        self.begin(frame, scope)

    def _record_statement(self, scope: Scope) -> None:
        """Record what the statement did, now that it is over."""
        statement = self.statement
        assert statement is not None
        recorder = self._recorder
        inputs = self.inputs()
        recorder.record("", statement, inputs=inputs, outputs=NO_DIGEST)
        recorder.record_streams(statement)
        flags = _flags_of(statement)
        for name in {**statement.writes, **statement.reads}:
            after = scope.digest(name)
            if after is None:
                continue
            # What is only read may still be changed: by a method, or through another name.
            is_other = after != self._before.get(name)
            if name not in statement.writes and not is_other:
                continue
            told = flags
            array = self._arrays.get(name)
            if is_other and array is not None and array == scope.find_array(name):
                told |= EventFlag.OUTSIDE_WRITE
            shown = scope.show(name)
            recorder.record(name, statement, inputs=inputs, outputs=after, flags=told, shown=shown)

    def _leave(self, frame: FrameType, result: object) -> None:
        if self.is_active:
            self._record_statement(Scope(frame, self._body))
        caller = find_caller(frame)
        if caller is not None and not caller.is_active:
            caller = None
        returned = None
        if self.is_active or caller is not None:
            returned = data_digest(result)
        if returned is not None:
            self._record_return(returned)
            if caller is not None:
                caller.receive(returned)
        self.statement = None
        self.is_active = False

    def _record_return(self, returned: Digest) -> None:
        statement = self.statement
        if self.is_active and statement is not None:
            self._recorder.record(
                RETURN,
                statement,
                inputs=self.inputs(),
                outputs=returned,
                flags=_flags_of(statement),
            )


def _flags_of(statement: Statement) -> int:
    return EventFlag.UNDEFINED if statement.is_undefined else 0


def find_caller(frame: FrameType) -> FollowedFrame | None:
    """Return the nearest followed frame above: a library's frames may lie between."""
    above = frame.f_back
    for _ in range(_MAX_HOPS):
        if above is None:
            return None
        followed = find_followed(above)
        if followed is not None:
            return followed
        above = above.f_back
    return None


def find_followed(frame: FrameType) -> FollowedFrame | None:
    """Return what follows the frame; None if nothing does.

    It is kept as the owner of the frame's own trace function: a table of frames would keep them
    alive, and with them the program's tensors.
    """
    function = frame.f_trace
    owner = function.__self__ if type(function) is MethodType else None
    return owner if type(owner) is FollowedFrame else None
