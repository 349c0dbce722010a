"""The file of slice digests: what is written comes back, and no file is trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.slices import MOST_SLICES, SLICES_FILE, Slices, SlicesWriter

BUDGET = 1 << 20


def digests(*numbers: int) -> bytes:
    """Return one digest for each number, which is its low half."""
    return b"".join(number.to_bytes(16, "little") for number in numbers)


def write(folder: Path) -> None:
    """Write one operator, number 7, that read a [2, 3] and a number, and wrote a [2]."""
    writer = SlicesWriter(str(folder / SLICES_FILE), BUDGET)
    read = writer.add_tensor((1, 2), (2, 3), is_float=True, digests=digests(11, 12, 21, 22, 23))
    scalar = writer.add_tensor((3, 4), (), is_float=False, digests=b"")
    written = writer.add_tensor((5, 6), (2,), is_float=True, digests=digests(31, 32))
    writer.add_operand(7, 0, written)
    writer.add_operand(7, INPUTS_FROM + 1, scalar)
    writer.add_operand(7, INPUTS_FROM, read)
    assert writer.flush()


def test_what_an_operator_read_and_wrote_comes_back_by_dimension(tmp_path: Path) -> None:
    write(tmp_path)
    slices = Slices(tmp_path)
    call = slices.call(7)
    assert call is not None
    assert slices.events == (7,)
    assert [tensor.shape for tensor in call.inputs] == [(2, 3), ()]
    assert [tensor.shape for tensor in call.outputs] == [(2,)]
    assert call.inputs[0].whole == (1, 2)
    rows = call.inputs[0].along(0)
    columns = call.inputs[0].along(1)
    assert rows is not None
    assert columns is not None
    assert rows.tolist() == [[11, 0], [12, 0]]
    assert columns.tolist() == [[21, 0], [22, 0], [23, 0]]


def test_pieces_are_numbered_on(tmp_path: Path) -> None:
    writer = SlicesWriter(str(tmp_path / SLICES_FILE), BUDGET)
    for event in range(3):
        tensor = writer.add_tensor((event, 0), (1,), is_float=True, digests=digests(event + 40))
        writer.add_operand(event, 0, tensor)
        assert writer.flush()
    slices = Slices(tmp_path)
    found = [slices.call(event) for event in range(3)]
    assert [call.outputs[0].digests.tolist() for call in found if call] == [
        [[40, 0]],
        [[41, 0]],
        [[42, 0]],
    ]


def test_a_dimension_that_is_too_long_has_no_slices_and_the_others_do(tmp_path: Path) -> None:
    writer = SlicesWriter(str(tmp_path / SLICES_FILE), BUDGET)
    shape = (MOST_SLICES + 1, 2)
    tensor = writer.add_tensor((1, 1), shape, is_float=True, digests=digests(8, 9))
    writer.add_operand(0, 0, tensor)
    writer.flush()
    call = Slices(tmp_path).call(0)
    assert call is not None
    assert call.outputs[0].along(0) is None
    along = call.outputs[0].along(1)
    assert along is not None
    assert along.tolist() == [[8, 0], [9, 0]]


def test_the_budget_bounds_what_is_written(tmp_path: Path) -> None:
    writer = SlicesWriter(str(tmp_path / SLICES_FILE), 1000)
    assert writer.has_room((40,))
    assert not writer.has_room((60,))
    writer.add_tensor((1, 1), (40,), is_float=True, digests=digests(*range(40)))
    assert not writer.has_room((40,))


def test_a_trace_without_the_file_has_no_slices(tmp_path: Path) -> None:
    assert Slices(tmp_path).events == ()
    assert Slices(tmp_path).call(0) is None


@pytest.mark.parametrize(
    "row",
    [
        (1, 2, 1, 9, 0, *[1] * 8),  # more dimensions than there are sizes
        (1, 2, 1, 1, 4, 2, *[0] * 7),  # digests past the end
        (1, 2, 1, 1, 2**63, 2, *[0] * 7),
        (1, 2, 1, 2, 0, 2**63, 2**63, *[0] * 6),  # sizes that no file holds: no slices, no memory
    ],
)
def test_a_strangers_tensor_that_does_not_fit_is_refused_or_has_no_slices(
    tmp_path: Path, row: tuple[int, ...]
) -> None:
    from reproaudit.trace.values import ValuesWriter

    values = ValuesWriter(str(tmp_path / SLICES_FILE), BUDGET)
    numbers = b"".join(number.to_bytes(8, "little") for number in row)
    values.add("0.0", "uint64", (1, 3), bytes(24))
    values.add("0.1", "uint64", (1, 13), numbers)
    values.add("0.2", "uint64", (4, 2), bytes(64))
    values.flush()
    call = Slices(tmp_path).call(0)
    assert call is None or call.outputs[0].along(0) is None


def test_an_operand_that_names_no_tensor_leaves_its_operator_out(tmp_path: Path) -> None:
    writer = SlicesWriter(str(tmp_path / SLICES_FILE), BUDGET)
    writer.add_operand(0, 0, 99)
    writer.flush()
    assert Slices(tmp_path).call(0) is None


def test_a_file_that_is_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / SLICES_FILE
    path.write_bytes(path.read_bytes()[:-8])
    slices = Slices(tmp_path)
    assert slices.call(7) is None
    assert "cut off" in slices.damage


def test_parts_of_another_form_are_not_used(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / SLICES_FILE
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["0.0"]["shape"] = [9, 1]
    changed = json.dumps(header).encode().ljust(length)
    path.write_bytes(content[:8] + changed + content[8 + length :])
    assert Slices(tmp_path).events == ()
