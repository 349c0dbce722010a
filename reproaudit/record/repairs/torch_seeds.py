"""A fixed seed for torch's default generators, CUDA's included, when torch is imported."""

from __future__ import annotations

from reproaudit.record.repairs import SEED, Reach


def install(reach: Reach) -> None:
    reach.when_imported("torch", _seed)


def _seed() -> None:
    import torch

    torch.manual_seed(SEED)
