"""Rows of a batch: taken out of what a callable is given, put back together from what it answers.

What has as many rows as the batch is split by rows, whatever it is given as: tensors along their
first dimension, lists by their items. All else is the same in each call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from reproaudit.errors import UsageError
from reproaudit.record.boundary.contents import find_named_tensors

_END = -1  # behind the last item of an answer that is shorter than others
_MASKS = ("attention_mask", "mask", "padding_mask", "key_padding_mask", "src_key_padding_mask")
_HIDING = "key_padding_mask"  # a mask whose True means that nobody looks there


@dataclass(frozen=True, slots=True)
class Given:
    """What a callable is given: by place and by name. `rows` is how many rows that has."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rows: int

    @property
    def first(self) -> Any:
        """The first part that has rows."""
        return next(part for part in (*self.args, *self.kwargs.values()) if count_rows(part))

    def change(self, function: Any) -> Given:
        """Return it with every part that has rows changed by `function(name, part)`."""
        args = tuple(
            function("", part) if has_rows(part, self.rows) else part for part in self.args
        )
        kwargs = {
            name: function(name, part) if has_rows(part, self.rows) else part
            for name, part in self.kwargs.items()
        }
        rows = max((count_rows(part) for part in (*args, *kwargs.values())), default=0)
        return Given(args, kwargs, rows)


def count_rows(part: Any) -> int:
    """Return how many rows a part of the input has; 0 for what has none."""
    if isinstance(part, torch.Tensor):
        return part.shape[0] if part.dim() else 0
    return len(part) if isinstance(part, (list, tuple)) else 0


def has_rows(part: Any, rows: int) -> bool:
    """Return True if a part of the input is split by rows."""
    return count_rows(part) == rows


def gather_given(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Given:
    """Return what a callable is given; the first tensor or list says how many rows there are.

    Raises UsageError if there are none.
    """
    for part in (*args, *kwargs.values()):
        rows = count_rows(part)
        if rows:
            return Given(tuple(args), dict(kwargs), rows)
    raise UsageError(
        "the inputs have no rows",
        code="inputs-without-rows",
        hint="the first dimension of the first input counts the samples: float32[64,512]",
    )


def take_rows(given: Given, places: Sequence[int]) -> Given:
    """Return copies of some rows, in the order of `places`."""

    def take(_: str, part: Any) -> Any:
        if isinstance(part, torch.Tensor):
            # A copy: how a part of a larger tensor lies in memory is not how it lies alone.
            return part[torch.tensor(places, device=part.device)]
        return [part[place] for place in places]

    taken = given.change(take)
    return replace(taken, rows=len(places))


def change_rows(given: Given, places: Sequence[int]) -> Given:
    """Return the input with other content in some rows, of the same shape and of the same kind.

    Zeros stay, for they may be padding. What a row of whole numbers holds is turned round; numbers
    are halved; of anything else, and where that changes nothing, another row is taken.
    """
    chosen = set(places)

    def change(_: str, part: Any) -> Any:
        changed = []
        for place in range(given.rows):
            other = part[(place + 1) % given.rows]
            changed.append(_change_row(part[place], other) if place in chosen else part[place])
        return torch.stack(changed) if isinstance(part, torch.Tensor) else changed

    return given.change(change)


def _change_row(row: Any, other: Any) -> Any:
    if not isinstance(row, torch.Tensor):
        return other
    if row.is_floating_point() or row.is_complex():
        changed = row * 0.5
    elif row.dtype is torch.bool:
        return row  # a mask: what it hides is another question
    else:
        changed = row.clone()
        held = row != 0
        changed[held] = row[held].flip(0)
    return other if torch.equal(changed, row) and other.shape == row.shape else changed


# -- padding


def find_mask(names: Iterable[str], given: Given) -> str | None:
    """Return by which name the callable takes a mask of columns; None if it takes none.

    `names` are those of its parameters. Columns are only added to input that has them.
    """
    first = given.first
    if not isinstance(first, torch.Tensor) or first.dim() < 2:
        return None
    known = set(names) | set(given.kwargs)
    return next((name for name in _MASKS if name in known), None)


def name_args(given: Given, names: Sequence[str]) -> Given:
    """Return the input with what stands at the place of a mask given by name."""
    for place, (part, name) in enumerate(zip(given.args, names, strict=False)):
        if name in _MASKS and part is not None:
            rest = dict(zip(names[place:], given.args[place:], strict=False))
            return Given(given.args[:place], {**given.kwargs, **rest}, given.rows)
    return given


def add_columns(given: Given, mask: str, columns: int, *, is_filled: bool) -> tuple[Given, int]:
    """Return the input with columns behind its own that the mask hides, and how many it had."""
    first = given.first
    width = first.shape[1]
    hides = mask.endswith(_HIDING)

    def widen(name: str, part: Any) -> Any:
        if not isinstance(part, torch.Tensor) or part.dim() < 2 or part.shape[1] != width:
            return part
        shape = (part.shape[0], columns, *part.shape[2:])
        if name == mask:
            return torch.cat([part, part.new_full(shape, hides)], 1)
        content = part.amax().item() or 1 if is_filled else 0
        return torch.cat([part, part.new_full(shape, content)], 1)

    widened = given.change(widen)
    if mask not in widened.kwargs:
        shown = torch.full((given.rows, width + columns), not hides)
        shown[:, width:] = hides
        if not hides:
            shown = shown.long()
        kwargs = {**widened.kwargs, mask: shown.to(first.device)}
        widened = replace(widened, kwargs=kwargs)
    return widened, width


def add_rows(given: Given, rows: int, *, is_filled: bool) -> Given:
    """Return the input with more rows behind its own."""

    def extend(_: str, part: Any) -> Any:
        if not isinstance(part, torch.Tensor):
            return [*part, *[part[0]] * rows]
        content = part[:1].expand(rows, *part.shape[1:])
        added = content.clone() if is_filled else torch.zeros_like(content)
        return torch.cat([part, added])

    return given.change(extend)


# -- answers


class Answers:
    """What a callable answers for each row, whatever portions the rows were given in."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._parts: dict[str, dict[int, torch.Tensor]] = {}
        self.without_rows: set[str] = set()  # what cannot be told of rows

    def add(
        self,
        result: Any,
        places: Sequence[int],
        wanted: Sequence[int],
        *,
        given: int,
        columns: tuple[int, int] | None,
    ) -> None:
        """Add the answer for the rows at `places`, of which the `wanted` ones count.

        It may go on with rows that are padding: `given` is how many the call had. `columns` are
        how many columns it had, and how many of them are no padding.
        """
        counting = set(wanted)
        for name, tensor in find_named_tensors(_read_texts(result, given), ""):
            if not tensor.dim() or tensor.shape[0] != given:
                self.without_rows.add(name)
                continue
            rows = self._parts.setdefault(name, {})
            for number, place in enumerate(places):
                if place not in counting:
                    continue
                row = tensor[number].detach()
                if columns is not None and row.dim() and row.shape[0] == columns[0]:
                    row = row[: columns[1]]
                rows[place] = row.clone()

    def join(self) -> Any:
        """Return what was answered for all rows: one tensor, or several by their names.

        An answer of whole numbers, as tokens are, ends where it begins to repeat its last one: how
        often it does is a matter of the longest of its batch.
        """
        joined: dict[str, torch.Tensor] = {}
        for name, rows in self._parts.items():
            if len(rows) != self._rows:
                self.without_rows.add(name)
                continue
            ordered = [rows[place] for place in range(self._rows)]
            if ordered[0].dim() == 1 and _is_whole(ordered[0]):
                ordered = _even_out([_end_row(row) for row in ordered])
            if len({row.shape for row in ordered}) == 1:
                joined[name.lstrip(".")] = torch.stack(ordered)
            else:
                joined |= {f"{name.lstrip('.')}[{n}]": row for n, row in enumerate(ordered)}
        return joined[""] if list(joined) == [""] else joined


def _is_whole(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex()


def _end_row(row: torch.Tensor) -> torch.Tensor:
    if row.shape[0] < 2:
        return row
    differing = (row != row[-1]).nonzero()
    end = int(differing[-1]) + 2 if len(differing) else 1
    return row[:end]


def _even_out(rows: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the rows with the same length: _END stands behind those that are shorter."""
    longest = max(row.shape[0] for row in rows)
    evened = []
    for row in rows:
        whole = row.new_full((longest,), _END, dtype=torch.int64)
        whole[: row.shape[0]] = row
        evened.append(whole)
    return evened


def _read_texts(result: Any, given: int) -> Any:
    """Return texts as the tensors of their bytes."""
    is_list = isinstance(result, (list, tuple)) and len(result) == given
    if not is_list or not all(isinstance(item, str) for item in result):
        return result
    rows = [torch.tensor(list(item.encode()) or [_END]) for item in result]
    return torch.stack(_even_out(rows))
