"""The operation level: every dispatched operator, as one event.

An event holds the digests of what the op read and wrote, its phase, its module and the user's line.
`_record` and what it calls run for every operator of the program, so they stay inline: plain
numbers in place of enum members, tuples in place of objects, no call that could be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from reproaudit.model.events import EventFlag, Phase
from reproaudit.record.digest.gather import DeviceDigests, Part
from reproaudit.record.digest.stored import (
    Operand,
    digest_operands,
    unpack_operands,
)
from reproaudit.record.hooks.callers import identity
from reproaudit.record.hooks.dynamo import GuestMode
from reproaudit.record.hooks.op_calls import call_op, call_with_tensors
from reproaudit.record.operation.births import Births
from reproaudit.record.operation.chosen import ChosenCall, ChosenCalls
from reproaudit.record.operation.forms import MetOp
from reproaudit.record.operation.generator_turns import GeneratorTurns
from reproaudit.record.operation.message_ops import are_spread
from reproaudit.record.operation.messages import Messages
from reproaudit.record.operation.op_events import OpEvents
from reproaudit.record.operation.operands import (
    find_generator,
    tensors_read,
    tensors_written,
)
from reproaudit.record.operation.opinfo import OpInfo, OpTable
from reproaudit.record.operation.places import IN_REGION, NameIds, Place, Places
from reproaudit.record.operation.refusals import RefusalProbe
from reproaudit.record.operation.scalars import ScalarDigests
from reproaudit.record.operation.undefined import UndefinedMemory
from reproaudit.record.process.ranks import is_one_of_several
from reproaudit.record.session import Recorder
from reproaudit.record.state import rng
from reproaudit.record.state.initialisation import Initialisation
from reproaudit.record.thread_state import ThreadState
from reproaudit.record.torch_private import (
    DisableFunctionModes,
    is_function_mode_on,
    next_sequence_number,
)

# Plain numbers: an operation on enum members costs more than all the digests of a small op.
_BACKWARD = int(Phase.BACKWARD)
_DATA = int(Phase.DATA)
_VIEW = int(EventFlag.VIEW)
_UNDEFINED = int(EventFlag.UNDEFINED)
_BIRTH = int(EventFlag.BIRTH)
_READS_UNDEFINED = int(EventFlag.READS_UNDEFINED)
_OUTSIDE_WRITE = int(EventFlag.OUTSIDE_WRITE)
_RANDOM = int(EventFlag.RANDOM)
_RAISED = int(EventFlag.RAISED)
_UNDIGESTED = int(EventFlag.UNDIGESTED)
_WRITES_NOTHING_KNOWN = _VIEW | _UNDEFINED
_Tensor = torch.Tensor


class OperationMode(GuestMode):
    """Records forward, backward and optimizer ops of the thread that entered it.

    One instance serves all threads.
    """

    def __init__(
        self, recorder: Recorder, devices: DeviceDigests, chosen: ChosenCalls | None
    ) -> None:
        super().__init__()
        self.recorder = recorder
        self._digests = recorder.plan.digests
        self._chosen = chosen
        self._records_all = recorder.plan.digests and chosen is None
        self._table = OpTable()
        # By the identity of the operator, which the table keeps: its hash is Python code.
        self._met: dict[int, MetOp] = {}
        names = NameIds(recorder)
        self._events = OpEvents(recorder, devices, names)
        self._emit = self._events.emit
        self._places = Places(recorder, names)
        self._scalars = ScalarDigests()
        self._undefined = UndefinedMemory()
        self._births = Births()
        self._turns = GeneratorTurns(recorder)
        self.messages = Messages(recorder, devices, self._digest_received)
        self.alerts: Callable[..., Any] | None = None
        self.probe: RefusalProbe | None = None
        self.initialisation: Initialisation | None = None  # only before the first step ends

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.recorder
        state = recorder.of_thread.state
        if state.inside or not recorder.active:
            return call_op(func, args, kwargs)
        op = self._met.get(identity(func)) or self._meet(func)
        info = op.info
        if types and are_spread(types):
            info = self._table.find_spread(func)
        if info.is_silent:
            return call_op(func, args, kwargs)
        state.inside = True
        try:
            if is_function_mode_on():
                # It is on where an op is called from C++ alone, and would see our own calls there.
                with DisableFunctionModes():
                    return self._record(func, info, args, kwargs, state=state)
            if (
                op.is_usual
                and not types
                and self.alerts is None
                and self.initialisation is None
                and self._records_all
                and not self._undefined.is_following
                and not self.messages.is_waiting
            ):
                return self._record_usual(func, op, args, kwargs, state=state)
            return self._record(func, info, args, kwargs, state=state)
        finally:
            state.inside = False

    def _meet(self, func: Any) -> MetOp:
        op = self._met[identity(func)] = MetOp(func, self._table[func])
        return op

    def record_region(self, func: Any, info: OpInfo, args: Any, kwargs: Any) -> Any:
        """Record a call as one op, and nothing of what it runs, now or in its backward pass."""
        state = self.recorder.of_thread.state
        first = next_sequence_number()
        state.inside = True
        try:
            return self._record(func, info, args, kwargs, state=state)
        finally:
            state.inside = False
            for number in range(first, next_sequence_number()):
                state.origins[number] = IN_REGION

    def _record(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, state: ThreadState
    ) -> Any:
        place = self._places.find(args, state)
        if place is None or self.alerts is not None:
            return self._call_unrecorded(func, info, args, kwargs, place=place)
        if info.is_wait:
            return self.messages.call_wait(func, args, kwargs)
        if info.message is not None:
            place = self.messages.find_place(place)
        # A view reads no content: what it shows may be undefined, or overwritten before it is read.
        flags = _VIEW
        aux = 0
        inputs: list[Operand] = []
        chosen = None
        try:
            if self.probe is not None:
                self.probe.look(func, info, args, kwargs, place=place)
            if not info.is_view:
                flags, aux, inputs = self._look_at_inputs(info, args, kwargs)
            # Repeating a message would leave the other processes waiting, or be taken by them.
            if self._chosen is not None and not info.is_shared:
                chosen = self._chosen.match(info, place)
            if chosen is not None:
                chosen.before_call(func, args, kwargs)
        except Exception as error:
            self._note_failure(info, error)
            return call_op(func, args, kwargs)
        try:
            result = call_op(func, args, kwargs)
        except BaseException:
            self._emit(info, place, (flags | _RAISED, aux, inputs), [])
            raise
        try:
            given = args, kwargs
            known = flags, aux, inputs
            self._record_result(info, place, given, result, known=known, chosen=chosen)
        except Exception as error:
            self._note_failure(info, error)
        return result

    def _record_usual(
        self, func: Any, op: MetOp, args: Any, kwargs: Any, *, state: ThreadState
    ) -> Any:
        """Do the same as `_record` for an op of which nothing has to be followed.

        Nothing of it may be undefined, wait for other processes, be refused, repeated or replaced.
        Most ops are such, and the small ones among them are what recording slows down most.
        """
        place = self._places.find(args, state)
        if place is None:
            return call_op(func, args, kwargs)
        info = op.info
        births = self._births
        flags = 0
        aux = 0
        inputs: list[Operand] = []
        try:
            if self.probe is not None:
                self.probe.look(func, info, args, kwargs, place=place)
            if info.is_view:
                flags = _VIEW
            else:
                form = None if kwargs else op.forms[tuple(map(type, args))]
                read = tensors_read(info, args, kwargs) if form is None else form.read(args)
                inputs = digest_operands(read, self._events.start_on_device)
                if births.is_following:
                    flags, aux = self._find_outside_write(read, inputs)
                if form is not None:
                    if form.has_scalars:
                        inputs.append(form.find_scalars(self._scalars, info, args))
                elif kwargs or len(read) != len(args):
                    inputs.append(self._scalars.find(info, args, kwargs))
        except Exception as error:
            self._note_failure(info, error)
            return call_op(func, args, kwargs)
        try:
            try:
                result = op.call(*args, **kwargs)
            except RuntimeError as error:
                result = call_with_tensors(func, args, kwargs, error)
        except BaseException:
            self._emit(info, place, (flags | _RAISED, aux, inputs), [])
            raise
        try:
            written: list[torch.Tensor] = []
            outputs: list[Operand] = []
            if not info.is_view:
                is_one = type(result) is _Tensor and not info.mutated
                written = [result] if is_one else tensors_written(info, args, kwargs, result)
                if births.is_following or self._undefined.is_following:
                    outputs = self._digest_written(written)
                else:
                    outputs = digest_operands(written, self._events.start_on_device)
            event = self._emit(info, place, (flags, aux, inputs), outputs)
            if written and info.mutated and place[0] != _BACKWARD:
                births.add_write(written, event, self.recorder.thread())
        except Exception as error:
            self._note_failure(info, error)
        return result

    def _note_failure(self, info: OpInfo, error: Exception) -> None:
        # A tensor may be of a class of the program's, whose code fails.
        self.recorder.note_failure(f"calls of {info.name}", error)

    def _record_result(
        self,
        info: OpInfo,
        place: Place,
        given: tuple[Any, Any],
        result: Any,
        *,
        known: tuple[int, int, list[Operand]],
        chosen: ChosenCall | None,
    ) -> None:
        """Write the event of a call that has returned, and remember what it wrote.

        `known` are its flags, `aux` and the digests of its inputs.
        """
        args, kwargs = given
        flags, aux, inputs = known
        written: list[torch.Tensor] = []
        received: list[torch.Tensor] | None = None
        if info.is_undefined:
            flags |= _UNDEFINED
        elif info.message is not None:
            flags, aux, received = self.messages.describe(info.message, args, result, (flags, aux))
        elif not flags & _WRITES_NOTHING_KNOWN:
            written = tensors_written(info, args, kwargs, result)
            if info.is_birth:
                flags |= _BIRTH
        if chosen is not None:
            # Before the digests: a pin gives the call other outputs.
            chosen.after_call(result, written)
        outputs = self._digest_written(written) if written else []
        event = self._emit(info, place, (flags, aux, inputs), outputs)

        if received:
            self.messages.expect(event, received, result)
        elif flags & _UNDIGESTED and self.messages.is_waiting:
            self.messages.end_hidden_waits(args)
        if self.initialisation is not None and written and not place[1]:
            read = tensors_read(info, args, kwargs)
            is_data = place[0] == _DATA
            self.initialisation.follow(event, read, written, args=args, is_data=is_data)
        if flags & _UNDEFINED or info.workspace or info.scratch:
            # A copy hands on the undefined bytes of an earlier event, which `aux` names.
            allocation = event if info.is_undefined else aux
            is_copied = bool(flags & _UNDEFINED)
            self._undefined.follow(info, args, result, allocation=allocation, is_copied=is_copied)
        if flags & _BIRTH:
            self._births.add(written, outputs, event)
        elif written and (info.mutated or info.mutated_names) and place[0] != _BACKWARD:
            self._births.add_write(written, event, self.recorder.thread())
        if chosen is not None:
            chosen.finish(event)

    def _call_unrecorded(
        self, func: Any, info: OpInfo, args: Any, kwargs: Any, *, place: Place | None
    ) -> Any:
        """Call an op that is part of a region, or that is only asked whether it is refused."""
        if place is None or self.alerts is None:
            return call_op(func, args, kwargs)
        if info.is_random and is_one_of_several():
            try:
                self._record_draw(info, args, kwargs, place)
            except Exception as error:
                self._note_failure(info, error)
        return self.alerts(func, info, args, kwargs, place=place)

    def _record_draw(self, info: OpInfo, args: Any, kwargs: Any, place: Place) -> None:
        """Record where the default generator stands: ranks that draw alike are told."""
        generator, is_own = find_generator(info, args, kwargs)
        if not is_own:
            phase, module, site = place
            at = self.recorder.moment(phase, site)
            state = rng.generator_state64(generator)
            self.recorder.writer.add_draw(at=at, op=info.name, module=module, state=state)

    def _look_at_inputs(
        self, info: OpInfo, args: Any, kwargs: Any
    ) -> tuple[int, int, list[Operand]]:
        """Return the flags, `aux` and digests that describe what the op is about to read."""
        flags = 0
        aux = 0
        read = tensors_read(info, args, kwargs)
        if self.messages.is_waiting and self.messages.are_touched(info, args, kwargs):
            return _UNDIGESTED, 0, []
        if self._undefined.is_following:
            undefined = self._undefined.find_undefined(read)
            if undefined is not None:
                if info.is_copy:
                    # It hands undefined bytes on; whoever computes with the copy is the reader.
                    return _UNDEFINED, undefined, []
                flags = _READS_UNDEFINED
                aux = undefined
        inputs = self._digest_all(read) if read else []
        if self._births.is_following and not flags:
            flags, aux = self._find_outside_write(read, inputs)
        if kwargs or len(read) != len(args):
            inputs.append(self._scalars.find(info, args, kwargs))
        if info.is_random:
            # The state that is about to be drawn from: a seed that differs is told from a kernel
            # that differs.
            generator, is_own = find_generator(info, args, kwargs)
            flags |= _RANDOM
            if is_own and generator is not None:
                flags |= self._turns.take(generator)
            aux = rng.generator_state64(generator)
        return flags, aux, inputs

    def _find_outside_write(
        self, read: Sequence[torch.Tensor], inputs: list[Operand]
    ) -> tuple[int, int]:
        """Return the flag and `aux` of an op that reads what something else has written."""
        changed = self._births.find_changed(read, inputs, self.recorder.thread())
        return (0, 0) if changed is None else (_OUTSIDE_WRITE, changed)

    def _digest_written(self, tensors: list[torch.Tensor]) -> list[Operand]:
        """Digest what an op wrote: from here on it is defined, and was made by PyTorch."""
        if self._undefined.is_following:
            self._undefined.subtract(tensors)
        if self._births.is_following:
            self._births.end(tensors)
        return self._digest_all(tensors)

    def _digest_received(self, tensors: list[torch.Tensor]) -> list[Part]:
        return unpack_operands(self._digest_written(tensors))

    def _digest_all(self, tensors: list[torch.Tensor]) -> list[Operand]:
        if not self._digests:
            return []
        if self._undefined.workspaces:
            tensors = [tensor for tensor in tensors if not self._undefined.is_workspace(tensor)]
        if is_function_mode_on():
            with DisableFunctionModes():
                return digest_operands(tensors, self._events.start_on_device)
        return digest_operands(tensors, self._events.start_on_device)
