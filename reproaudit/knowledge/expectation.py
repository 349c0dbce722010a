"""What an entry in the tables of dependences says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reproaudit.model.cause import Cause
from reproaudit.model.question import Dependence

BORN = ("op",)  # equal inputs, another output
REDUCED = ("op", "reduction", "structure")
OUTSIDE = ("birth", "input")
ACCURACY = "PyTorch notes: Numerical accuracy"
SLICES = f"{ACCURACY}, Batched computations or slice computations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is known of a difference that is born under one of `variations`.

    `origins`: how it is born, as `comparison.localise.Origin` has it; none: however. `ops`: tells
    of an operator whether it is one of those; None: whatever it is. `gradients` tells of others
    that are if they compute a gradient. `causes` likewise. `why` is one sentence without its full
    stop.
    """

    variations: tuple[str, ...]
    dependence: Dependence
    why: str
    reference: str = ""
    origins: tuple[str, ...] = ()
    ops: Callable[[str], bool] | None = None
    gradients: Callable[[str], bool] | None = None
    causes: tuple[Cause, ...] = ()

    def fits(
        self,
        variation: str,
        *,
        op: str | None,
        origin: str,
        cause: Cause | None,
        is_gradient: bool,
    ) -> bool:
        if variation not in self.variations:
            return False
        if self.origins and origin not in self.origins:
            return False
        if self.causes and cause not in self.causes:
            return False
        if self.ops is None:
            return True
        if op is None:
            return False
        of_gradient = is_gradient and self.gradients is not None and self.gradients(op)
        return of_gradient or self.ops(op)
