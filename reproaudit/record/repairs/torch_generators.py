"""Fixed seeds for torch.seed(), torch.cuda.seed() and Generator.seed().

They ask the operating system for one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from reproaudit.record.hooks.fixed_types import replace_member
from reproaudit.record.repairs import Reach
from reproaudit.record.repairs.entropy import FixedStream

if TYPE_CHECKING:
    import torch

_SEED_BITS = 48  # below 2**53, as what torch itself draws: a double holds it


def install(reach: Reach) -> None:
    """Replace the one method by which all of these draw, for every device."""
    stream = FixedStream("torch generators", reach)
    reach.when_imported("torch", functools.partial(_replace_seed, reach, stream))


def _replace_seed(reach: Reach, stream: FixedStream) -> None:
    import torch

    @functools.wraps(torch.Generator.seed)
    def seed(self: torch.Generator) -> int:
        value = stream.number(_SEED_BITS)
        self.manual_seed(value)
        return value

    replace_member(reach.patches, torch.Generator, "seed", seed)
