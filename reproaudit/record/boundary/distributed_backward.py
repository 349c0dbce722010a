"""Backward passes of torch.distributed.autograd: they run in several processes, and leave their
gradients in a context instead of with the parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch

from reproaudit.record.hooks.patching import Patches
from reproaudit.record.session import Recorder

Gradients = Iterable[tuple[torch.Tensor, torch.Tensor | None]]


class DistributedBackwards:
    """Records them in the process that begins them: what is computed there."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        record_losses: Callable[[Any], None],
        record_gradients: Callable[[Gradients], None],
        end_backward: Callable[[], None],
        find_name: Callable[[torch.Tensor], str | None],
    ) -> None:
        self._recorder = recorder
        self._record_losses = record_losses
        self._record_gradients = record_gradients
        self._end_backward = end_backward
        self._find_name = find_name

    def install(self, patches: Patches) -> None:
        if not torch.distributed.is_available():
            return
        from torch.distributed import autograd

        # Only where PyTorch is built with RPC.
        original = getattr(autograd, "backward", None)
        if original is not None and hasattr(autograd, "get_gradients"):
            patches.replace(autograd, "backward", self._wrap(original, autograd.get_gradients))

    def _wrap(
        self, original: Callable[..., None], get_gradients: Callable[[int], Any]
    ) -> Callable[..., None]:
        @functools.wraps(original)
        def backward(context_id: int, roots: Any, *args: Any, **kwargs: Any) -> None:
            if not self._recorder.awake():
                return original(context_id, roots, *args, **kwargs)
            self._record_losses(roots)
            original(context_id, roots, *args, **kwargs)
            self._record_gradients(self._order(get_gradients(context_id)))
            self._end_backward()
            return None

        return backward

    def _order(self, gradients: dict[torch.Tensor, torch.Tensor]) -> Gradients:
        """Return them by name: in a context they lie in the order in which threads came to them."""

        def find_name(pair: tuple[torch.Tensor, torch.Tensor]) -> str:
            return self._find_name(pair[0]) or ""

        return sorted(gradients.items(), key=find_name)
