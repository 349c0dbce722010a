"""Training on a batch in parts whose gradients add up, as a plan says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from reproaudit.errors import UsageError
from reproaudit.record.boundary.contents import find_leaves, find_named_tensors
from reproaudit.record.boundary.names import Names
from reproaudit.record.digest.tensors import untraced
from reproaudit.record.process.batches import Given, take_rows
from reproaudit.record.process.portion_calls import enter_forward, silence_at_boundary
from reproaudit.record.torch_private import writes

if TYPE_CHECKING:
    from reproaudit.record.session import Recorder

_HINT = "name a callable that takes a batch and returns its loss, without a backward pass"


class Training:
    """Computes the gradients of a batch as one that is split into parts does.

    `target` takes rows and returns their loss. Each part's loss counts by its share of the rows, as
    the parts of a mean over them do. `recorder` is None where nothing is recorded. Raises
    UsageError for more parts than there are rows, and for a callable that returns no loss or
    changes its parameters.
    """

    def __init__(
        self,
        target: Callable[..., Any],
        given: Given,
        parts: int,
        recorder: Recorder | None,
    ) -> None:
        if parts > given.rows:
            raise UsageError(
                f"a batch of {given.rows} rows has no {parts} parts", code="batch-parts"
            )
        self._target = target
        self._given = given
        self._parts = parts
        self._recorder = recorder
        self._names = Names()
        self._leaves: dict[int, _Leaf] = {}
        self._dtype = torch.float64  # of the loss

    def train(self) -> dict[str, Any]:
        """Return the loss of the whole batch, and the gradients by their names."""
        with untraced():
            total = torch.zeros((), dtype=torch.float64)
        handle = register_module_forward_pre_hook(self._learn)
        try:
            for places in _share_out(self._given.rows, self._parts):
                share = len(places) / self._given.rows
                with silence_at_boundary(self._recorder):
                    loss = self._train_on(places, share)
                    with untraced():
                        total += loss.double().cpu() * share
        finally:
            handle.remove()
        with untraced():
            return {"loss": total.to(self._dtype), "gradient": self._list_gradients()}

    def _train_on(self, places: list[int], share: float) -> torch.Tensor:
        """Add the gradients of the rows at `places`, which count for so much; return their loss."""
        with untraced():
            rows = take_rows(self._given, places)
        loss = _find_loss(self._call(rows))
        self._dtype = loss.dtype
        with untraced():
            self._add_leaves(loss)
            weight = torch.full_like(loss, share)
        try:
            loss.backward(weight)
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            raise UsageError(
                "the step makes a backward pass itself", code="batch-parts", hint=_HINT
            ) from None
        self._check_versions()
        return loss.detach()

    def _call(self, rows: Given) -> Any:
        with enter_forward(self._recorder):
            return self._target(*rows.args, **rows.kwargs)

    def _check_versions(self) -> None:
        for leaf in self._leaves.values():
            if writes.__get__(leaf.tensor) != leaf.version:
                raise UsageError(
                    "the step changes its parameters itself: a part of a batch would be a step",
                    code="batch-parts",
                    hint=_HINT,
                )

    def _learn(self, module: torch.nn.Module, args: Any) -> None:
        self._names.root(module)

    def _add_leaves(self, loss: torch.Tensor) -> None:
        for tensor in find_leaves([loss]):
            if id(tensor) not in self._leaves:
                name = self._names.parameter(tensor) or f"leaf[{len(self._leaves)}]"
                self._leaves[id(tensor)] = _Leaf(name, tensor)
                tensor.grad = None

    def _list_gradients(self) -> dict[str, torch.Tensor]:
        return {
            leaf.name: leaf.tensor.grad.clone()
            for leaf in self._leaves.values()
            if leaf.tensor.grad is not None
        }


class _Leaf:
    """A parameter: its name, and how often it had been written to when it was met."""

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        self.name = name
        self.tensor = tensor
        self.version = writes.__get__(tensor)


def _share_out(rows: int, parts: int) -> list[list[int]]:
    """Return the places of the rows of each part: the first ones have one more, if need be."""
    each, more = divmod(rows, parts)
    found = []
    first = 0
    for part in range(parts):
        end = first + each + (part < more)
        found.append(list(range(first, end)))
        first = end
    return found


def _find_loss(result: Any) -> torch.Tensor:
    """Return the first number of a result that has a gradient. Raises UsageError without one."""
    for _, tensor in find_named_tensors(result, "loss"):
        if tensor.numel() == 1 and tensor.requires_grad:
            return tensor
    raise UsageError(
        "the step returns no loss that gradients follow from", code="batch-parts", hint=_HINT
    )
