"""The call of one operator as data: what a stand-alone script needs to make it again, bit for bit.

`call.json` holds the operator, its arguments and the geometry of its tensors; `inputs.safetensors`
the memory below them, storage by storage, so that strides, overlaps and aliasing come back as they
were. `call.json` is written last: where it is, both are complete.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reproaudit.files import encode, make_folder, put_in_place, write_at, write_whole
from reproaudit.record.digest.tensors import PLAIN_TYPES, untraced
from reproaudit.record.operation.opinfo import describe_op
from reproaudit.record.torch_private import OpOverload, schema_of, storage_key
from reproaudit.trace.words import CALL_FILE, CALL_FORMAT, INPUTS_FILE

MOST_BYTES = 1 << 29
# Kernels look at the alignment of their operands: what is cut off in front is a multiple of this.
_ALIGNMENT = 64


class CallNotSaved(ValueError):
    """A call cannot be written down; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """The part of a storage that the tensors of the call lie in."""

    storage: torch.UntypedStorage
    start: int
    size: int


def describe_call(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call as JSON can hold it.

    A tensor among the arguments is {"tensor": K}: entry K of `tensors`, which says in which storage
    it lies and how. What JSON has no word for is tagged: {"dtype": "float32"}, {"device": …},
    {"layout": …}, {"memory_format": …}, {"float": "inf"}, {"complex": ["0.0", "1.0"]}. `mutated`
    are the tensors that the op writes, `workspace` the positions of outputs that may hold undefined
    bytes. Raises CallNotSaved.
    """
    with untraced():
        memories = _find_memories(tensors_of(args, kwargs))
        return _describe(func, args, kwargs, memories)


def tensors_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Return the tensors among the arguments in order, each object once."""
    values = [*args, *kwargs.values()]
    found = {id(tensor): tensor for tensor in _walk(values)}
    return list(found.values())


def save_call(
    folder: Path,
    func: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Write the call into `folder`, before the op runs and overwrites what it is given.

    Raises CallNotSaved for what is no strided CPU or CUDA tensor, no plain value, or more than
    `most_bytes` of memory.
    """
    with untraced():
        memories = _find_memories(tensors_of(args, kwargs))
        call = _describe(func, args, kwargs, memories)
        size = sum(memory.size for memory in memories.values())
        if size > most_bytes:
            raise CallNotSaved(
                f"the inputs have {size:,} bytes, and {most_bytes:,} is the most that is kept"
            )
        inputs = str(folder / INPUTS_FILE)
        try:
            make_folder(str(folder))
            _write_inputs(inputs, list(memories.values()))
            write_whole(str(folder / CALL_FILE), encode(call).encode("ascii"))
        except OSError as error:
            why = error.strerror or error
            raise CallNotSaved(f"the call could not be written: {why}") from error


def _walk(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item)


def _find_memories(tensors: Sequence[torch.Tensor]) -> dict[int, _Memory]:
    """Return the memory that the tensors lie in, by the storage's key, in order of first use."""
    storages: dict[int, torch.UntypedStorage] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    for tensor in tensors:
        _check(tensor)
        storage = tensor.untyped_storage()
        start, end = _span(tensor)
        if end > storage.nbytes():
            raise CallNotSaved("the memory of an input was freed")
        key = storage_key(storage)
        storages[key] = storage
        spans.setdefault(key, [])
        if start < end:
            spans[key].append((start, end))
    found = {}
    for key, used in spans.items():
        start = 0
        end = 0
        if used:
            start = min(first for first, _ in used)
            end = max(last for _, last in used)
        # Not from the first byte used: where an operand begins would be aligned otherwise.
        start -= start % _ALIGNMENT
        found[key] = _Memory(storages[key], start, end - start)
    return found


def _check(tensor: torch.Tensor) -> None:
    if type(tensor) not in PLAIN_TYPES:
        raise CallNotSaved(f"an input is a {type(tensor).__name__}")
    if tensor.layout is not torch.strided:
        raise CallNotSaved(f"an input has the layout {_without_module(tensor.layout)}")
    if tensor.is_nested:
        raise CallNotSaved("an input is nested")
    if tensor.is_quantized:
        raise CallNotSaved("an input is quantized")
    if tensor.device.type not in ("cpu", "cuda"):
        raise CallNotSaved(f"an input lies on the device {tensor.device}")


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the first byte of its storage that the tensor reaches, and the one after the last."""
    if tensor.numel() == 0:
        return 0, 0
    first = int(tensor.storage_offset())
    last = first
    for length, step in zip(tensor.shape, tensor.stride(), strict=True):
        last += (int(length) - 1) * int(step)
    size = tensor.element_size()
    return first * size, (last + 1) * size


def _describe(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], memories: Mapping[int, _Memory]
) -> dict[str, Any]:
    if not isinstance(func, OpOverload):
        raise CallNotSaved(f"{func} is no plain operator")
    info = describe_op(func)
    schema = schema_of(func)
    tensors = tensors_of(args, kwargs)
    numbers = {id(tensor): number for number, tensor in enumerate(tensors)}
    storages = {key: number for number, key in enumerate(memories)}
    mutated = []
    for position in sorted(info.mutated):
        if position < len(args):
            mutated.append(args[position])
    for name in sorted(info.mutated_names):
        if name in kwargs:
            mutated.append(kwargs[name])
    return {
        "format": CALL_FORMAT,
        "op": schema.name,
        "overload": schema.overload_name or "default",
        "args": [_as_data(value, numbers) for value in args],
        "kwargs": {name: _as_data(value, numbers) for name, value in kwargs.items()},
        "tensors": [_describe_tensor(tensor, storages, memories) for tensor in tensors],
        "storages": [{"bytes": memory.size} for memory in memories.values()],
        "mutated": [numbers[id(tensor)] for tensor in tensors_of(mutated, {})],
        "workspace": sorted(info.workspace),
    }


def _describe_tensor(
    tensor: torch.Tensor, storages: Mapping[int, int], memories: Mapping[int, _Memory]
) -> dict[str, Any]:
    key = storage_key(tensor.untyped_storage())
    offset = 0
    if tensor.numel():
        cut = memories[key].start // tensor.element_size()
        offset = int(tensor.storage_offset()) - cut
    found: dict[str, Any] = {
        "storage": storages[key],
        "dtype": _without_module(tensor.dtype),
        "shape": list(tensor.shape),
        "stride": list(tensor.stride()),
        "offset": offset,
        "device": str(tensor.device),
    }
    if tensor.is_conj():
        found["conj"] = True
    if tensor.is_neg():
        found["neg"] = True
    return found


def _as_data(value: Any, numbers: Mapping[int, int]) -> Any:
    """Return one argument as JSON can hold it."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is complex:
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, (list, tuple)):
        return [_as_data(item, numbers) for item in value]
    if isinstance(value, torch.Tensor):
        return {"tensor": numbers[id(value)]}
    if kind is torch.device:
        return {"device": str(value)}
    if kind in (torch.dtype, torch.layout, torch.memory_format):
        return {kind.__name__: _without_module(value)}
    raise CallNotSaved(f"an argument is a {kind.__name__}")


def _without_module(value: object) -> str:
    """Return the name of a dtype, layout or memory format without "torch." in front."""
    return str(value).removeprefix("torch.")


def _write_inputs(path: str, memories: Sequence[_Memory]) -> None:
    """Write the memory as a safetensors file of bytes, one storage at a time."""
    entries: dict[str, Any] = {}
    end = 0
    for number, memory in enumerate(memories):
        offsets = [end, end + memory.size]
        entries[f"storage.{number}"] = {
            "dtype": "U8",
            "shape": [memory.size],
            "data_offsets": offsets,
        }
        end += memory.size
    text = encode(entries).encode("ascii")
    # The memory begins at a multiple of eight bytes, as safetensors wants it.
    padding = b" " * (-len(text) % 8)
    header = text + padding
    length = len(header).to_bytes(8, "little")
    offset = len(length) + len(header)
    with put_in_place(path) as temporary:
        write_at(temporary, length + header, 0, truncate=True)
        for memory in memories:
            content = _bytes_of(memory)
            window = (ctypes.c_char * memory.size).from_address(content.data_ptr())
            write_at(temporary, memoryview(window), offset)
            offset += memory.size


def _bytes_of(memory: _Memory) -> torch.Tensor:
    """Return the memory as bytes on the CPU: the storage's own if it lies there."""
    view = torch.empty(0, dtype=torch.uint8, device=memory.storage.device)
    return view.set_(memory.storage, memory.start, (memory.size,), (1,)).cpu()
