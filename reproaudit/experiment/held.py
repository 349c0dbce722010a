"""What is held in all runs, so that only what is varied differs."""

from __future__ import annotations

from reproaudit.model.result import AuditResult


def find_proven(result: AuditResult) -> tuple[str, ...] | None:
    """Return the fewest interventions that were proven to make runs equal; None if none were."""
    proofs = [trial.settings for trial in result.trials if trial.is_proof]
    return min(proofs, key=len, default=None)
